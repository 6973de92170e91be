#pragma once

#include <string>
#include <vector>

#include "fovea/model.h"

namespace fovea::testing {

/// Models that together use everything that a file can hold. Made from public headers alone: the comparison
/// with a live Keras saves the same ones.
std::vector<std::string> gallery_names();
/// Throws Error for another name. Weights are drawn; some models are compiled.
Model gallery_model(const std::string& name);

}  // namespace fovea::testing
