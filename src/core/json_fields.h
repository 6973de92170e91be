#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "fovea/fields.h"

namespace fovea {

/// Up to it a double counts in ones.
inline constexpr double largest_whole_double = 0x1p53;

using Json = nlohmann::ordered_json;

/// The options as Keras' config.json holds them, in the order in which they are visited.
Json write_config(Configurable& object);

/// Sets the options that `config` holds; absent ones keep their values, and keys that no option has are left
/// to the caller. Throws Error naming `where` ("layer 'conv2d'"), the key, what was expected and what was
/// received.
void read_config(Configurable& object, const Json& config, const std::string& where);

/// {"module", "class_name", "config", "registered_name"}, as Keras serialises an object.
Json write_object(Configurable& object, std::string_view module);

/// [null, 150, 150, 3].
Json shape_to_json(const Shape& shape);

/// Whole numbers without a point. Those that a double cannot count in ones are not told from others.
Json literal_to_json(Literal number);
Literal literal_from_json(const Json& number);

/// Options in a line, as Python would print a call: "Conv2D(filters=32, kernel_size=(3, 3))".
std::string describe(Configurable& object);
/// Same class and same options.
bool same_options(Configurable& a, Configurable& b);

}  // namespace fovea
