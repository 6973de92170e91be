#include <map>
#include <string_view>

#include "saving/legacy_config.h"

// Source: keras/src/legacy/saving/serialization.py, serialize_keras_object, and saving_utils.py,
// model_metadata.

namespace fovea {
namespace {

/// {"class_name", "config"}, the class by the name that it is registered under.
Json object_to_legacy(const Json& object) {
  const Json& registered = object["registered_name"];
  const bool is_own = registered.is_string() && registered.get<std::string>().find('>') != std::string::npos;
  return {{"class_name", is_own ? registered : object["class_name"]}, {"config", object["config"]}};
}

Json layer_to_legacy(const Json& layer) {
  Json result = object_to_legacy(layer);
  if (result["config"].contains("layers")) {
    for (auto& inner : result["config"]["layers"]) inner = layer_to_legacy(Json(inner));
  }
  for (const char* name : {"name", "inbound_nodes", "shared_object_id"}) {
    if (layer.contains(name)) result[name] = layer[name];
  }
  return result;
}

/// Names, objects, and lists or maps of them.
Json nested_to_legacy(const Json& value) {
  if (value.is_object() && value.contains("class_name")) return object_to_legacy(value);
  if (!value.is_structured()) return value;
  Json result = value;
  for (auto& item : result) item = nested_to_legacy(Json(item));
  return result;
}

/// Keras 3 does not read the short names of losses that it writes into such files.
Json with_long_names(const Json& loss) {
  static const std::map<std::string_view, const char*> names = {
      {"mse", "mean_squared_error"},
      {"mae", "mean_absolute_error"},
      {"mape", "mean_absolute_percentage_error"},
      {"msle", "mean_squared_logarithmic_error"},
      {"bce", "binary_crossentropy"},
      {"kld", "kl_divergence"},
  };
  if (loss.is_string()) {
    std::string name = loss.get<std::string>();
    for (char& letter : name)
      letter = static_cast<char>(letter >= 'A' && letter <= 'Z' ? letter + 32 : letter);
    const auto found = names.find(name);
    return found == names.end() ? loss : Json(found->second);
  }
  if (!loss.is_structured() || loss.contains("class_name")) return loss;
  Json result = loss;
  for (auto& item : result) item = with_long_names(Json(item));
  return result;
}

}  // namespace

Json model_to_legacy(const Json& model) { return layer_to_legacy(model); }

Json training_to_legacy(const Json& compile_config) {
  Json result = Json::object();
  for (const auto& [name, value] : compile_config.items()) {
    if (name == "optimizer") continue;
    result[name] = nested_to_legacy(value);
  }
  result["loss"] = with_long_names(result["loss"]);
  result["optimizer_config"] = object_to_legacy(compile_config["optimizer"]);
  return result;
}

}  // namespace fovea
