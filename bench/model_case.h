#pragma once

#include <string>

#include "fovea/fovea.h"

namespace fovea::bench {

/// A model and a batch to run it on.
struct ModelCase {
  Model model;
  Tensor x;          ///< (N, H, W, C): 256 steps from 0 to `pixels`
  Tensor y;          ///< a class number for each image
  std::string loss;  ///< what fits the model's outputs
};

/// `net` is a Keras config.json file, or else one of fovea::applications, then with one output. Throws Error
/// for a file that cannot be read, and for what fovea does not have.
/// With `bfloat16`, its layers of float32 have Keras' policy mixed_bfloat16.
ModelCase make_model_case(const std::string& net, std::int64_t batch, double pixels, bool bfloat16 = false);

/// "adam"; "momentum": SGD with momentum 0.9; both at a rate of 0.001, which random labels do not blow up.
Optimizer make_optimizer(const std::string& name);

}  // namespace fovea::bench
