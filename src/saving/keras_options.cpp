#include "saving/keras_options.h"

#include <algorithm>

#include "core/format.h"
#include "saving/json_access.h"

namespace fovea {
namespace {

constexpr std::string_view kClasses[] = {
#define FOVEA_LAYER(Name, Registered) Registered,
#include "layers/layers.inc"
#undef FOVEA_LAYER
};

/// Options that Keras has since later than 3.0: fovea has none of them, and does not write them, so that an
/// older Keras reads its files too. Null: any value, which means nothing without the others.
struct NewOption {
  std::string_view name;
  const char* standard;
};
constexpr NewOption kNewOptions[] = {
    {"quantization_config", "null"}, {"input_axes", "null"},
    {"output_axes", "null"},         {"ragged", "false"},
    {"optional", "false"},           {"renorm", "false"},
    {"renorm_clipping", "null"},     {"renorm_momentum", nullptr},
};

bool is_object(const Json& value) {
  return value.is_object() && value.contains("class_name") && value["class_name"].is_string();
}

}  // namespace

bool is_keras_layer(std::string_view class_name) {
  return class_name.find('>') == std::string_view::npos &&
         std::find(std::begin(kClasses), std::end(kClasses), class_name) != std::end(kClasses);
}

void spell_activations(Json& config) {
  const auto found = config.find("activation");
  if (found == config.end()) return;
  if (*found == "swish") *found = "silu";
  if (*found == "hard_swish") *found = "hard_silu";
}

Json plain_config(const Json& config, const std::string& where) {
  if (!config.is_object()) fail("{}: its config must be an object. Received: {}", where, shown(config));
  Json result = config;
  for (auto& [name, value] : result.items()) {
    if (!is_object(value)) continue;
    const auto kind = value["class_name"].get<std::string>();
    const Json module = value.value("module", Json("keras"));
    const bool known_module = module.is_string() && (module == "builtins" || module == "keras" ||
                                                     module.get<std::string>().rfind("keras.", 0) == 0);
    const bool is_function = kind == "function" && value.contains("config") && value["config"].is_string();
    // A function's registered name repeats its name, or says "function".
    const bool own = value.contains("registered_name") && !value["registered_name"].is_null() && !is_function;
    if (!known_module || own) {
      fail("{}: '{}' is '{}', which is Python code of one's own and cannot be read. Received: {}", where,
           name, kind, shown(value));
    }
    if (is_function) value = Json(value["config"]);
  }
  return result;
}

void check_options(const Json& config, const Json& known, const std::string& where) {
  for (const auto& [name, value] : config.items()) {
    const auto found = known.find(name);
    if (found != known.end()) {
      // A regularizer may come back as a simpler one, L1L2(0, 0.1) as L2(0.1).
      const bool same_class =
          is_object(value) && is_object(*found) && value["class_name"] == (*found)["class_name"];
      if (same_class && value.contains("config") && value["config"].is_object())
        check_options(value["config"], (*found)["config"], fmt::format("{}, {}", where, name));
      continue;
    }
    const auto* option = std::find_if(std::begin(kNewOptions), std::end(kNewOptions),
                                      [&, &key = name](const NewOption& o) { return o.name == key; });
    if (option == std::end(kNewOptions))
      fail("{}: there is no option '{}' in fovea. Received: {}={}", where, name, name, shown(value));
    if (option->standard != nullptr && value != Json::parse(option->standard))
      fail("{}: '{}' must be {} in fovea. Received: {}", where, name, option->standard, shown(value));
  }
}

}  // namespace fovea
