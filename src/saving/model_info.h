#pragma once

#include <string>
#include <string_view>

#include "core/json_fields.h"
#include "fovea/model.h"

namespace fovea {

/// The member "fovea.json" of an archive: the names of the classes, how an image file becomes an input, and
/// the kernels that the model was computed with, if it was.
std::string model_info_to_json(const ModelInfo& info, const KernelRecord& kernels);
/// Throws Error for what is no such text, or one of a later format.
ModelInfo model_info_from_json(std::string_view text);
/// The kernels in the same text; none in files of older versions.
KernelRecord kernels_from_json(std::string_view text);

/// {"instruction_set", "choices": [{"layer", "region", "shapes", "kernel", "why"}]}, "milliseconds" where
/// they are known.
Json kernels_to_json(const KernelRecord& kernels);

}  // namespace fovea
