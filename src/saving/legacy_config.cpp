#include "saving/legacy_config.h"

#include <algorithm>
#include <map>
#include <optional>

#include "core/format.h"
#include "saving/json_access.h"
#include "saving/layer_json.h"
#include "saving/legacy_operations.h"
#include "saving/legacy_options.h"

// Sources: keras/src/models/functional.py, deserialize_node; tf_keras/src/engine/functional.py,
// get_network_config and _should_skip_first_node.

namespace fovea {
namespace {

constexpr const char* kModule = "keras.layers";

bool is_functional(const Json& class_name) { return class_name == "Functional" || class_name == "Model"; }
bool is_model(const Json& class_name) { return is_functional(class_name) || class_name == "Sequential"; }

/// The InputLayer before a first layer of that name.
Json input_layer(const Json& shape, const Json& dtype, const std::string& name) {
  Json config = {{"batch_shape", shape}, {"name", name + "_input"}};
  if (dtype.is_string()) config["dtype"] = dtype;
  return {
      {"module", kModule}, {"class_name", "InputLayer"}, {"config", config}, {"registered_name", nullptr}};
}

Json layer_from_legacy(const Json& layer);

/// A member, or null.
Json value_of(const Json& object, const char* name) {
  return object.is_object() && object.contains(name) ? object[name] : Json(nullptr);
}
Json option_of(const Json& layer, const char* name) { return value_of(value_of(layer, "config"), name); }

/// The shape of the first input of a layer or model in the new form, or null.
Json input_shape(const Json& layer) {
  const Json class_name = value_of(layer, "class_name"), layers = option_of(layer, "layers");
  if (class_name == "InputLayer") return option_of(layer, "batch_shape");
  if (!is_model(class_name)) return nullptr;
  const Json built_on = option_of(layer, "build_input_shape");
  if (!built_on.is_null() || !layers.is_array()) return built_on;
  for (const Json& inner : layers) {
    if (Json shape = input_shape(inner); !shape.is_null()) return shape;
  }
  return nullptr;
}

// ---- Sequential ----

/// Its config may be the list of layers, as it was until Keras 2.2.
Json sequential(const Json& object, const std::string& where) {
  const Json& legacy = member(object, "config", where);
  Json config = legacy;
  if (legacy.is_array())
    config = {{"name", object.value("name", Json("sequential"))}, {"layers", Json(legacy)}};
  Json layers = Json::array();
  for (const Json& layer : list_member(config, "layers", where)) {
    Json next = layer_from_legacy(layer);
    if (layers.empty() && value_of(next, "class_name") != "InputLayer") {
      // The first layer says what comes in, or a model in its place does.
      Json shape = option_of(layer, "batch_input_shape"), dtype = option_of(layer, "dtype");
      if (shape.is_null()) shape = input_shape(next);
      const Json name = option_of(layer, "name");
      if (!shape.is_null())
        layers.push_back(input_layer(shape, dtype, name.is_string() ? name.get<std::string>() : "first"));
    }
    layers.push_back(std::move(next));
  }
  config["layers"] = std::move(layers);
  return config;
}

// ---- Functional ----

/// [layer, call, tensor] and perhaps arguments.
struct History {
  std::string layer;
  std::uint64_t call = 0, tensor = 0;
};

History read_history(const Json& tensor, const std::string& where) {
  const bool fits = tensor.is_array() && tensor.size() >= 3 && tensor.size() <= 4 && tensor[0].is_string() &&
                    tensor[1].is_number_unsigned() && tensor[2].is_number_unsigned();
  if (!fits) fail("{}: expected [layer, call, tensor, arguments]. Received: {}", where, shown(tensor));
  return {tensor[0].get<std::string>(), tensor[1].get<std::uint64_t>(), tensor[2].get<std::uint64_t>()};
}

/// A list of tensors as of one layer: [["a", 0, 0]], or ["a", 0, 0] for one.
Json as_list(const Json& tensors, const std::string& where) {
  if (!tensors.is_array() || tensors.empty())
    fail("{}: expected a list of tensors. Received: {}", where, shown(tensors));
  return tensors[0].is_string() ? Json::array({tensors}) : tensors;
}

class Functional {
 public:
  Functional(const Json& config, const std::string& where) : config_(config), where_(where) {
    for (const Json& layer : list_member(config, "layers", where)) {
      const std::string name = layer_name(layer);
      if (is_model(layer["class_name"])) models_[name].functional = is_functional(layer["class_name"]);
    }
    for (const Json& layer : config["layers"]) {
      for (const Json& node : list_member(layer, "inbound_nodes", layer_of(layer))) {
        if (!node.is_array()) continue;
        has_lists_ = true;
        const std::string of_layer = layer_of(layer);
        const Json tensors =
            is_recorded_function(layer) ? tensors_of_function(node, of_layer) : as_list(node, of_layer);
        for (const Json& tensor : tensors) count(tensor, of_layer);
      }
    }
    if (has_lists_) {
      for (const Json& tensor : as_list(member(config, "output_layers", where), where)) count(tensor, where);
    }
  }

  Json convert() const {
    Json config = config_;
    Json layers = Json::array();
    for (const Json& layer : config_["layers"]) {
      if (is_recorded_function(layer)) {
        layers.push_back(operation_from_legacy(
            layer, [&](const Json& tensor) { return convert_tensor(tensor, layer_of(layer)); }));
        continue;
      }
      Json next = layer_from_legacy(layer);
      next["name"] = layer_name(layer);
      Json nodes = Json::array();
      for (const Json& node : layer["inbound_nodes"])
        nodes.push_back(node.is_array() ? convert_node(node, layer_of(layer)) : node);
      next["inbound_nodes"] = std::move(nodes);
      layers.push_back(std::move(next));
    }
    config["layers"] = std::move(layers);
    if (has_lists_) config["output_layers"] = convert_outputs();
    return config;
  }

 private:
  static std::string layer_name(const Json& layer) {
    const std::string where = layer_of(layer);
    text_member(layer, "class_name", where);
    if (layer.contains("name")) return text_member(layer, "name", where);
    return text_member(member(layer, "config", where), "name", where);
  }

  /// A model that stands in the model as a layer. Keras 2 numbers its calls from 1, its own being the first,
  /// but from 0 that of a Sequential which has no InputLayer.
  struct Inner {
    bool functional = false;
    std::optional<std::uint64_t> first_call;
  };

  void count(const Json& tensor, const std::string& where) {
    const History history = read_history(tensor, where);
    const auto model = models_.find(history.layer);
    if (model == models_.end()) return;
    std::optional<std::uint64_t>& first = model->second.first_call;
    first = std::min(first.value_or(1), history.call);
  }

  /// Counted from 0.
  std::uint64_t call_of(const History& history) const {
    const auto model = models_.find(history.layer);
    return model == models_.end() ? history.call : history.call - model->second.first_call.value_or(0);
  }

  Json convert_tensor(const Json& tensor, const std::string& where) const {
    const History history = read_history(tensor, where);
    return {{"class_name", "__keras_tensor__"},
            {"config", {{"keras_history", {history.layer, call_of(history), history.tensor}}}}};
  }

  Json convert_node(const Json& node, const std::string& where) const {
    Json tensors = Json::array(), arguments = Json::object();
    for (const Json& tensor : as_list(node, where)) {
      tensors.push_back(convert_tensor(tensor, where));
      if (tensor.size() == 4) arguments = tensor[3];
    }
    Json inputs = tensors.size() == 1 ? Json(tensors[0]) : tensors;
    return {{"args", Json::array({std::move(inputs)})}, {"kwargs", arguments}};
  }

  Json convert_outputs() const {
    Json outputs = Json::array();
    for (const Json& tensor : as_list(config_["output_layers"], where_)) {
      const History history = read_history(tensor, where_);
      const auto model = models_.find(history.layer);
      const std::uint64_t first = model != models_.end() && model->second.functional ? 1 : 0;
      outputs.push_back({history.layer, call_of(history) + first, history.tensor});
    }
    return outputs;
  }

  const Json& config_;
  const std::string& where_;
  std::map<std::string, Inner> models_;
  bool has_lists_ = false;  ///< calls are lists, as Keras 2 writes them; Keras 3 writes objects
};

// ---- both ----

/// A class of one's own in the form that Keras has since 2.12. Those of Keras itself may still have options
/// and calls in the old form there.
bool is_own_class(const Json& layer) {
  if (!layer.contains("module")) return false;
  const Json module = layer["module"], registered = value_of(layer, "registered_name");
  const std::string package = module.is_string() ? module.get<std::string>() : "";
  // tf_keras is Keras 2 as it is still published.
  const bool of_keras = package.rfind("keras", 0) == 0 || package.rfind("tf_keras", 0) == 0;
  return !of_keras || !(registered.is_null() || registered == layer["class_name"]);
}

Json layer_from_legacy(const Json& layer) {
  const std::string where = layer_of(layer);
  std::string class_name = text_member(layer, "class_name", where);
  if (is_own_class(layer)) return layer;
  Json result = {{"module", kModule}, {"class_name", class_name}};
  if (class_name == "Sequential") {
    result["config"] = sequential(layer, where);
  } else if (is_functional(class_name)) {
    result["class_name"] = "Functional";
    result["config"] = Functional(member(layer, "config", where), where).convert();
  } else {
    result["config"] = options_from_legacy(class_name, member(layer, "config", where), where);
    result["class_name"] = class_name;
  }
  result["registered_name"] = nullptr;
  if (const std::size_t package = class_name.rfind('>'); package != std::string::npos) {
    result["module"] = nullptr;
    result["class_name"] = class_name.substr(package + 1);
    result["registered_name"] = class_name;
  }
  if (layer.contains("shared_object_id")) result["shared_object_id"] = layer["shared_object_id"];
  return result;
}

}  // namespace

Json model_from_legacy(const Json& model) {
  Json result = layer_from_legacy(model);
  const Json compile = value_of(model, "compile_config");
  if (compile.is_object() && compile.contains("optimizer")) {
    // An archive has it under other names than an .h5 file.
    Json training = compile;
    training["optimizer_config"] = Json(compile["optimizer"]);
    result["compile_config"] = compile_config_from_legacy(training);
  }
  return result;
}

bool is_legacy_model(const Json& model, const std::string& version) {
  const auto is_old = [](const std::string& text) {
    return text.rfind("1.", 0) == 0 || text.rfind("2.", 0) == 0;
  };
  if (!version.empty()) return is_old(version);
  const Json own = value_of(model, "keras_version");
  if (own.is_string()) return is_old(own.get<std::string>());
  return model.is_object() && is_model(value_of(model, "class_name")) && !model.contains("module");
}

}  // namespace fovea
