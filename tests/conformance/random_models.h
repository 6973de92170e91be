#pragma once

#include <cstdint>
#include <string>

#include "fovea/model.h"

namespace fovea::testing {

/// A small network of random layers on images of odd sizes, with branches that join again, and data for it.
struct RandomModel {
  Model model;
  Loss loss;
  Tensor x, y;
};
/// The same seed gives the same layers, names and data in either float type; its weights are drawn anew.
RandomModel random_model(std::uint64_t seed, DType dtype);

}  // namespace fovea::testing
