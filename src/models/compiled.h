#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fovea/training.h"
#include "optimizers/optimizer_impl.h"

namespace fovea {

class ModelImpl;

/// What compile decided, by output.
struct Compiled {
  CompileOptions options;          ///< as given
  std::vector<std::string> names;  ///< of the outputs: their layers'
  std::vector<Loss> losses;        ///< empty handle: no loss
  std::vector<double> loss_weights;
  std::vector<std::vector<Metric>> metrics, weighted_metrics;
};

/// Gives each output its losses and metrics. Throws Error for names that no output has, or lists of the wrong
/// length.
std::shared_ptr<const Compiled> make_compiled(const ModelImpl& model, const CompileOptions& options);

}  // namespace fovea
