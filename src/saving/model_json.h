#pragma once

#include <cstdint>
#include <optional>

#include "core/json_fields.h"
#include "models/model_impl.h"

namespace fovea {

/// The model as Keras serialises it, compiled or not.
Json model_to_json_object(const ModelImpl& model);

struct ReadModelOptions {
  bool compile = true;
  /// Written by fovea, not by Keras: a Dropout that is called with training=False is meant to be off.
  bool by_fovea = false;
  /// The weights are read afterwards: do not draw first values. The model's weights may not take more bytes
  /// than this.
  std::optional<std::int64_t> weight_bytes = {};
};
/// Throws Error naming the layer and what is wrong with it.
Model model_from_json_object(const Json& object, const ReadModelOptions& options);

}  // namespace fovea
