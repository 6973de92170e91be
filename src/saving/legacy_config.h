#pragma once

#include "core/json_fields.h"

// Models as Keras 1 and 2 serialise them, and Keras 3 in its .h5 files, rewritten as Keras 3 does in a .keras
// archive. Options whose names or forms have changed get the new ones; everything else is left as it is, to
// be judged by the reader of that form.

namespace fovea {

/// A model from the attribute model_config: {"class_name": "Model", "Functional" or "Sequential", "config"}.
/// Throws Error naming the layer and what cannot be read.
Json model_from_legacy(const Json& model);

/// Is it one that Keras 1 or 2 serialised? `version` is the version of Keras that is known to have written
/// it, or empty; then the model itself says it, or has no module as Keras 3 writes one.
bool is_legacy_model(const Json& model, const std::string& version);

/// The other way round: what Keras 3 writes into model_config of a model as it is serialised in an archive.
Json model_to_legacy(const Json& model);
/// And training_config, of a compile_config.
Json training_to_legacy(const Json& compile_config);

/// The compile_config from the attribute training_config. Options that Keras 3 no longer has stay, if they
/// were used.
Json compile_config_from_legacy(const Json& training);

}  // namespace fovea
