#include "saving/layer_json.h"

#include "core/format.h"
#include "layers/operation.h"
#include "saving/json_access.h"
#include "saving/keras_options.h"

// Source: keras/src/saving/serialization_lib.py.

namespace fovea {
namespace {

constexpr const char* kInput = "InputLayer";

/// Refuses what loading could not make again.
void require_registered(const LayerImpl& layer) {
  try {
    make_layer(layer.class_name());
  } catch (const Error&) {
    fail(
        "layer '{}' is of class '{}', which loading would not know. Make it known with "
        "fovea::register_layer(\"{}\", ...) before saving",
        layer.name, layer.class_name(), layer.class_name());
  }
}

/// The name that a serialised layer's class is registered under.
std::string registered_class(const Json& object, const std::string& where) {
  const std::string class_name = text_member(object, "class_name", where);
  const Json registered = object.value("registered_name", Json(nullptr));
  const Json module = object.value("module", Json(nullptr));
  const bool of_keras =
      module.is_string() && (module == "keras" || module.get<std::string>().rfind("keras.", 0) == 0);
  if (module.is_string()) {
    const std::string operation = fmt::format("{}>{}", module.get<std::string>(), class_name);
    if (is_operation(operation)) return operation;
  }
  if (of_keras && (registered.is_null() || registered == class_name)) {
    if (class_name == "Lambda")
      fail(
          "{}: holds Python code, which is never run. Write it as a layer of its own: derive from "
          "fovea::LayerImpl",
          where);
    return class_name;
  }
  if (!registered.is_string()) {
    fail(
        "{}: its class is neither Keras' nor registered (module {}, registered_name {}). In Python, "
        "@keras.saving.register_keras_serializable gives it a name; here, fovea::register_layer does",
        where, shown(module), shown(registered));
  }
  const auto name = registered.get<std::string>();
  if (is_keras_layer(name))
    fail("{}: is a class of one's own under the name of Keras' {} (module {})", where, name, shown(module));
  return name;
}

/// The option that every layer has, and writes where it is set.
class ActivityPenalty final : public Configurable {
 public:
  explicit ActivityPenalty(LayerImpl& layer) : layer_(layer) {}
  std::string_view class_name() const override { return layer_.class_name(); }
  void fields(FieldVisitor& visitor) override {
    field(visitor, "activity_regularizer", layer_.activity_regularizer);
  }

 private:
  LayerImpl& layer_;
};

}  // namespace

std::string layer_of(const Json& object) {
  std::string name = "?", class_name = "?";
  if (object.is_object()) {
    if (object.contains("class_name") && object["class_name"].is_string()) class_name = object["class_name"];
    if (object.contains("config") && object["config"].is_object() && object["config"].contains("name") &&
        object["config"]["name"].is_string())
      name = object["config"]["name"];
  }
  return fmt::format("layer '{}' ({})", name, class_name);
}

Json policy_to_json(const DTypePolicy& policy) {
  return {{"module", "keras"},
          {"class_name", "DTypePolicy"},
          {"config", {{"name", policy.name()}}},
          {"registered_name", nullptr}};
}

DTypePolicy read_policy(const Json& policy, const std::string& where) {
  const bool is_object = policy.is_object() && policy.contains("config") && policy["config"].is_object() &&
                         policy["config"].contains("name") &&
                         policy.value("class_name", Json()) == "DTypePolicy";
  const Json& type = is_object ? policy["config"]["name"] : policy;
  try {
    if (type.is_string()) return type.get<std::string_view>();
  } catch (const Error&) {
  }
  fail(
      "{}: its dtype must be float32, float64 or mixed_bfloat16; an input's may be another type too. "
      "Received: {}",
      where, shown(type));
}

Shape shape_from_json(const Json& sizes, const std::string& where) {
  if (!sizes.is_array() || sizes.size() > Shape::max_rank)
    fail("{}: must be a list of at most {} sizes. Received: {}", where, Shape::max_rank, shown(sizes));
  Shape shape;
  for (const Json& size : sizes) {
    const bool fits = size.is_number_unsigned() && size.get<std::uint64_t>() <= INT64_MAX;
    if (!size.is_null() && !fits) fail("{}: must be a list of sizes. Received: {}", where, shown(sizes));
    shape.push_back(size.is_null() ? Shape::unknown : size.get<std::int64_t>());
  }
  return shape;
}

Json layer_to_json(LayerImpl& layer, std::span<const Shape> built_on) {
  const std::string class_name(layer.class_name());
  const bool of_keras = is_keras_layer(class_name);
  if (!of_keras) require_registered(layer);

  Json config = Json::object();
  const Json options = write_config(layer);
  const KerasTraits traits = layer.keras_traits();
  if (is_operation(class_name)) {
    config["name"] = layer.name;
    config.update(options);
    const std::string kind = class_name.substr(class_name.find('>') + 1);
    return {{"module", traits.module},
            {"class_name", kind},
            {"config", std::move(config)},
            {"registered_name", kind}};
  }
  if (traits.plain_config) {
    config = options;
    config["dtype"] = layer.dtype_policy.name();
    config["name"] = layer.name;
  } else {
    config["name"] = layer.name;
    config["trainable"] = layer.trainable;
    config["dtype"] = policy_to_json(layer.dtype_policy);
    for (const auto& [option, value] : options.items()) {
      if (!config.emplace(option, Json(value)).second)
        fail("layer '{}' ({}): an option may not be called '{}'", layer.name, class_name, option);
    }
    spell_activations(config);
    if (!layer.activity_regularizer.empty() && !config.contains("activity_regularizer") &&
        class_name != "ActivityRegularization") {
      ActivityPenalty penalty(layer);
      config.update(write_config(penalty));
    }
  }

  Json object = {{"module", traits.module}, {"class_name", class_name}, {"config", std::move(config)}};
  if (of_keras) {
    object["registered_name"] = traits.module == "keras.layers" ? Json(nullptr) : Json(class_name);
  } else {
    // As Keras writes a class that @register_keras_serializable made known in __main__.
    object["module"] = nullptr;
    object["class_name"] = class_name.substr(class_name.rfind('>') + 1);
    object["registered_name"] = class_name;
  }
  if ((traits.builds || !layer.weights.empty()) && !built_on.empty()) {
    Json shapes = Json::array();
    for (const Shape& shape : built_on) shapes.push_back(shape_to_json(shape));
    const bool list = built_on.size() > 1 || traits.takes_list;
    object["build_config"] = {{"input_shape", list ? shapes : shapes[0]}};
  }
  return object;
}

std::shared_ptr<LayerImpl> layer_from_json(const Json& object) {
  const std::string where = layer_of(object);
  const std::string class_name = registered_class(object, where);
  std::shared_ptr<LayerImpl> layer;
  try {
    layer = make_layer(class_name);
  } catch (const Error& error) {
    fail("{}: {}", where, error.what());
  }
  Json config = plain_config(member(object, "config", where), where);
  // As in Keras, a layer without one gets its name from the model.
  if (config.contains("name")) layer->name = text_member(config, "name", where);
  // That of an operation is an option of its own, what it casts to.
  const bool has_policy = !is_operation(class_name);
  if (has_policy && config.contains("dtype") && !config["dtype"].is_null())
    layer->dtype_policy = read_policy(config["dtype"], where);
  if (class_name != kInput) require_layer_policy(layer->dtype_policy, where);
  if (const auto trainable = config.find("trainable"); trainable != config.end()) {
    if (!trainable->is_boolean())
      fail("{}: 'trainable' must be true or false. Received: {}", where, shown(*trainable));
    layer->trainable = trainable->get<bool>();
  }
  for (const char* common : {"name", "trainable"}) config.erase(common);
  if (has_policy) config.erase("dtype");
  read_config(*layer, config, where);
  if (config.contains("activity_regularizer")) {
    ActivityPenalty penalty(*layer);
    read_config(penalty, config, where);
    if (!write_config(*layer).contains("activity_regularizer")) config.erase("activity_regularizer");
  }
  check_options(config, write_config(*layer), where);
  return layer;
}

}  // namespace fovea
