#pragma once

#include <memory>
#include <span>
#include <string>

#include "core/json_fields.h"
#include "fovea/layer.h"

namespace fovea {

/// A layer as Keras serialises it: {"module", "class_name", "config", "registered_name", "build_config"}. It
/// was built on inputs of the given shapes. Throws Error for a class of one's own that is not registered,
/// since it could not be read again.
Json layer_to_json(LayerImpl& layer, std::span<const Shape> built_on);

/// A new layer with the options of a serialised one. Throws Error naming the layer, the option and what was
/// received.
std::shared_ptr<LayerImpl> layer_from_json(const Json& object);

/// "layer 'conv2d' (Conv2D)" of a serialised layer, for messages.
std::string layer_of(const Json& object);

/// {"class_name": "DTypePolicy", ...} for "float32".
Json policy_to_json(const DTypePolicy& policy);
/// The dtype of a config, given as a policy or a name. Throws Error, naming `where`, for one that is not
/// known.
DTypePolicy read_policy(const Json& policy, const std::string& where);

/// Throws Error for what is no list of sizes.
Shape shape_from_json(const Json& sizes, const std::string& where);

}  // namespace fovea
