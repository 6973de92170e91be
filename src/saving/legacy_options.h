#pragma once

#include <string>

#include "core/json_fields.h"

namespace fovea {

/// The config of a layer of an older Keras under the names and in the forms of Keras 3. `class_name`, too,
/// becomes that of Keras 3.
Json options_from_legacy(std::string& class_name, const Json& config, const std::string& where);

}  // namespace fovea
