#pragma once

#include <string_view>
#include <vector>

#include "core/json_fields.h"
#include "fovea/model.h"

namespace fovea::testing {

/// A model as Keras serialises it; its layers compute in `dtype`.
Model model_from(const Json& object, DType dtype = DType::float32);

/// Runs training on that backend while it lives.
class BackendScope {
 public:
  explicit BackendScope(std::string_view name) { set_backend(name); }
  ~BackendScope() { set_backend("cpu"); }
  BackendScope(const BackendScope&) = delete;
  BackendScope& operator=(const BackendScope&) = delete;
};

/// A batch of one input and one target; `weights` may be empty.
Batch batch_of(const Tensor& x, const Tensor& y, const Tensor& weights = {});

struct TrainedOnce {
  double loss = 0;
  std::vector<Tensor> gradients;  ///< of the trainable weights
};
/// Compiles the model with the loss, takes one training step and hands back its gradients, bit for bit: with
/// a rate of 1, the first value of a momentum is -g.
TrainedOnce train_once(const Model& model, const Loss& loss, const Batch& batch);

}  // namespace fovea::testing
