#pragma once

#include <string>
#include <string_view>

#include "core/json_fields.h"

// Between the options that fovea's classes visit and the configs that Keras 3 writes, so that nothing is lost
// unseen.

namespace fovea {

/// Is it the name of a class of Keras that fovea has? Its own have a package in front, "fovea>Name".
bool is_keras_layer(std::string_view class_name);

/// Spells activations in a config as Keras writes them.
void spell_activations(Json& config);

/// The config with functions as their names ("relu"). Throws Error, beginning with `where`, for objects in it
/// that are no part of Keras, such as a function or an initializer of one's own.
Json plain_config(const Json& config, const std::string& where);

/// Throws Error for an option in `config` that is not in `known`, the options that were read, unless it is
/// one that Keras got later than 3.0 and has its default.
void check_options(const Json& config, const Json& known, const std::string& where);

}  // namespace fovea
