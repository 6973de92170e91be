#include <string_view>

#include "core/format.h"
#include "saving/json_access.h"
#include "saving/legacy_config.h"

// Source: keras/src/legacy/saving/saving_utils.py, compile_args_from_training_config.

namespace fovea {
namespace {

/// Without the package of Keras' own classes: "Custom>Adam".
std::string plain_class(const std::string& class_name) {
  for (const std::string_view package : {"Custom>", "Keras>", "Addons>"}) {
    if (class_name.rfind(package, 0) == 0) return class_name.substr(package.size());
  }
  return class_name;
}

/// A loss or metric. Keras 2 wrapped functions into objects; here they are their names again, "accuracy" as
/// it was asked for, since the model's outputs say which one it is.
Json object_from_legacy(const Json& object) {
  Json result = object;
  if (object["class_name"].is_string())
    result["class_name"] = plain_class(object["class_name"].get<std::string>());
  const auto config = result.find("config");
  if (config == result.end() || !config->is_object()) return result;
  const Json function = config->value("fn", Json());
  const Json name = config->value("name", Json());
  if (result["class_name"] == "MeanMetricWrapper" && function.is_string())
    return name == "accuracy" || name == "acc" ? name : function;
  if (result["class_name"] == "LossFunctionWrapper" && function.is_string()) return function;
  config->erase("fn");
  if (config->value("reduction", Json()) == "auto") (*config)["reduction"] = "sum_over_batch_size";
  return result;
}

/// Names, objects, and lists or maps of them.
Json nested_from_legacy(const Json& value) {
  if (value.is_object() && value.contains("class_name")) return object_from_legacy(value);
  if (!value.is_structured()) return value;
  Json result = value;
  for (auto& item : result) item = nested_from_legacy(Json(item));
  return result;
}

Json optimizer_from_legacy(const Json& optimizer) {
  if (optimizer.is_string()) return optimizer;  // its name, as it was given
  Json result = optimizer;
  result["class_name"] = plain_class(text_member(optimizer, "class_name", "optimizer_config"));
  Json config = member(optimizer, "config", "optimizer_config");
  if (!config.is_object()) fail("optimizer_config: must have a config. Received: {}", shown(optimizer));
  if (config.contains("lr")) {
    if (!config.contains("learning_rate")) config["learning_rate"] = Json(config["lr"]);
    config.erase("lr");
  }
  // A schedule has a name of its own only if one was given.
  if (config.contains("learning_rate") && config["learning_rate"].is_object()) {
    Json& schedule = config["learning_rate"]["config"];
    if (schedule.is_object() && schedule.value("name", Json()).is_null()) schedule.erase("name");
  }
  for (const char* decay : {"decay", "initial_decay"}) {
    const auto found = config.find(decay);
    if (found == config.end()) continue;
    const Json value = *found;
    config.erase(decay);
    if (value.is_null() || value == 0.0) continue;
    if (!value.is_number())
      fail("optimizer_config: '{}' must be a number. Received: {}", decay, shown(value));
    // A rate that falls by itself, rate / (1 + decay * steps), is a schedule now. Keras 3 leaves it out.
    config["learning_rate"] = {
        {"module", "keras.optimizers.schedules"},
        {"class_name", "InverseTimeDecay"},
        {"config",
         {{"initial_learning_rate", Json(member(config, "learning_rate", "optimizer_config"))},
          {"decay_steps", 1},
          {"decay_rate", value},
          {"staircase", false},
          {"name", "InverseTimeDecay"}}},
        {"registered_name", nullptr}};
  }
  if (config.contains("epsilon") && config["epsilon"].is_null()) config.erase("epsilon");
  // It has no meaning without averages of the weights, and tf.keras writes a number nevertheless.
  if (config.value("use_ema", Json(false)) == false) config.erase("ema_overwrite_frequency");
  for (const char* option : {"is_legacy_optimizer", "jit_compile"}) config.erase(option);
  result["config"] = std::move(config);
  return result;
}

}  // namespace

Json compile_config_from_legacy(const Json& training) {
  Json result = Json::object();
  result["optimizer"] = optimizer_from_legacy(member(training, "optimizer_config", "training_config"));
  for (const char* name : {"loss", "loss_weights", "metrics", "weighted_metrics"}) {
    if (training.contains(name)) result[name] = nested_from_legacy(training[name]);
  }
  return result;
}

}  // namespace fovea
