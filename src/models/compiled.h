#pragma once

#include <string>
#include <vector>

#include "fovea/training.h"
#include "optimizers/optimizer_impl.h"

namespace fovea {

/// What compile decided, by output.
struct Compiled {
  CompileOptions options;          ///< as given
  std::vector<std::string> names;  ///< of the outputs: their layers'
  std::vector<Loss> losses;        ///< empty handle: no loss
  std::vector<double> loss_weights;
  std::vector<std::vector<Metric>> metrics, weighted_metrics;
};

}  // namespace fovea
