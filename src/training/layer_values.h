#pragma once

#include <string>
#include <vector>

#include "fovea/model.h"

namespace fovea {

/// How values are computed: with all that makes it fast, or by the reference backend, formula by formula.
enum class Computation : std::uint8_t { optimised, reference };

struct NamedValue {
  std::string name;        ///< "base/conv2d", "conv2d:1" for a second call; of a weight, "base/conv2d/kernel"
  std::string class_name;  ///< of the layer; empty for weights and inputs
  Tensor value;
};

/// What each call of each layer gives in inference mode, nested models included, in the order of execution.
/// When optimised, each is computed by a program of its own, so that whatever is fused before it is fused as
/// it is in predict. Throws Error when the inputs do not fit.
std::vector<NamedValue> layer_outputs(const Model& model, const std::vector<Tensor>& inputs,
                                      Computation computation);

/// The gradients of the sum of all outputs, each times its factors (of its shape), in inference mode: of each
/// trained weight in Keras' order, then of each input of floats. Zeros where it does not depend on them.
std::vector<NamedValue> output_gradients(const Model& model, const std::vector<Tensor>& inputs,
                                         const std::vector<Tensor>& factors, Computation computation);

}  // namespace fovea
