#pragma once

#include "core/json_fields.h"
#include "models/compiled.h"

namespace fovea {

/// Keras' compile_config: optimizer, loss, loss_weights, metrics, weighted_metrics, as they were given.
Json compile_to_json(const Compiled& compiled);

/// `outputs` are the names of the model's outputs. Throws Error naming what is not known.
CompileOptions compile_from_json(const Json& config, const std::vector<std::string>& outputs);

}  // namespace fovea
