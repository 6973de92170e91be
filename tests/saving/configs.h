#pragma once

#include <cmath>
#include <set>
#include <string>

#include "core/json_fields.h"

namespace fovea::testing {

/// A config without what has no meaning: numbers of shared objects, and options that Keras has since later
/// than 3.0, which fovea does not write. Whole numbers are as good as floats.
inline Json comparable(const Json& value) {
  static const std::set<std::string> kMeaningless = {
      "shared_object_id", "quantization_config", "renorm",     "renorm_clipping", "renorm_momentum", "ragged",
      "optional",         "input_axes",          "output_axes"};
  if (value.is_number()) return value.get<double>();
  if (value.is_array()) {
    Json result = Json::array();
    for (const Json& item : value) result.push_back(comparable(item));
    return result;
  }
  if (!value.is_object()) return value;
  // In alphabetical order, which ordered_json compares.
  std::map<std::string, Json> sorted;
  for (const auto& [name, item] : value.items()) {
    if (kMeaningless.count(name) == 0) sorted.emplace(name, comparable(item));
  }
  Json result = Json::object();
  for (auto& [name, item] : sorted) result[name] = std::move(item);
  return result;
}

}  // namespace fovea::testing
