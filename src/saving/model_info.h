#pragma once

#include <string>
#include <string_view>

#include "fovea/model.h"

namespace fovea {

/// The member "fovea.json" of an archive: the names of the classes and how an image file becomes an input.
std::string model_info_to_json(const ModelInfo& info);
/// Throws Error for what is no such text, or one of a later format.
ModelInfo model_info_from_json(std::string_view text);

}  // namespace fovea
