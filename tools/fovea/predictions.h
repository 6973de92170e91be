#pragma once

#include <string>
#include <vector>

#include "fovea/model.h"

namespace fovea::program {

/// A class and how likely the model holds it.
struct Ranked {
  std::int64_t label = 0;
  double probability = 0;
};

/// The classes of each sample, the most likely first. `outputs` is what predict gave, (N, classes) or (N, 1);
/// a model that ends without an activation gets the sigmoid or softmax it lacks.
std::vector<std::vector<Ranked>> rank_classes(const Model& model, const Tensor& outputs);

}  // namespace fovea::program
