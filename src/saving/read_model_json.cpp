#include <algorithm>
#include <map>

#include "layers/size_limits.h"
#include "saving/compile_json.h"
#include "saving/json_access.h"
#include "saving/keras_options.h"
#include "saving/layer_json.h"
#include "saving/legacy_config.h"
#include "saving/model_json.h"
#include "saving/operation_json.h"

// Source: keras/src/models/functional.py, functional_from_config, and sequential.py, from_config.

namespace fovea {
namespace {

/// Model's constructor for an implementation is for those who derive.
class ReadModel final : public Model {
 public:
  explicit ReadModel(std::shared_ptr<ModelImpl> impl) : Model(std::move(impl)) {}
};

/// Keras notes that no mask was given: null, or null for each input.
bool is_no_mask(const Json& value) {
  return value.is_null() ||
         (value.is_array() &&
          std::all_of(value.begin(), value.end(), [](const Json& mask) { return mask.is_null(); }));
}

/// A layer of a functional model, its calls as they are made, and those still to be made.
struct Entry {
  Layer layer;
  std::vector<std::vector<SymbolicTensor>> calls;
  std::vector<const Json*> nodes;  ///< in the object that is read
  std::size_t next = 0;
};
using Entries = std::map<std::string, Entry>;

bool is_model(const Json& object) {
  const Json class_name = object.value("class_name", Json());
  const Json module = object.value("module", Json());
  return (class_name == "Functional" || class_name == "Sequential") && module.is_string() &&
         module.get<std::string>().rfind("keras", 0) == 0;
}

/// Without the numbers that Keras gives to what stands in several places.
Json without_numbers(const Json& value) {
  if (!value.is_structured()) return value;
  Json result = value;
  if (result.is_object()) result.erase("shared_object_id");
  for (auto& item : result) item = without_numbers(item);
  return result;
}

class Reader {
 public:
  explicit Reader(const ReadModelOptions& options) : options_(options) {}

  std::shared_ptr<ModelImpl> model(const Json& object) {
    if (!object.is_object() || !is_model(object)) {
      fail("{}: is no Sequential or functional model of Keras; a model class of one's own is Python code",
           layer_of(object));
    }
    const std::string where = layer_of(object);
    const Json& config = member(object, "config", where);
    const std::string name = config.contains("name") ? text_member(config, "name", where) : std::string();
    const bool sequential = object["class_name"] == "Sequential";
    std::shared_ptr<ModelImpl> impl =
        sequential ? this->sequential(config, where) : functional(config, where);
    impl->name = name;
    if (const auto trainable = config.find("trainable"); trainable != config.end() && trainable->is_boolean())
      impl->trainable = trainable->get<bool>();
    if (config.contains("dtype") && !config["dtype"].is_null())
      impl->dtype_policy = read_policy(config["dtype"], where);
    const auto compile = object.find("compile_config");
    if (options_.compile && compile != object.end() && compile->is_object() && !compile->empty()) {
      std::vector<std::string> outputs;
      for (const SymbolicTensor& output : impl->outputs()) outputs.push_back(output.call()->layer->name);
      impl->compiled = make_compiled(*impl, compile_from_json(*compile, outputs));
    }
    return impl;
  }

 private:
  static void require_known(const Json& config, std::initializer_list<const char*> known,
                            const std::string& where) {
    for (const auto& [name, value] : config.items()) {
      if (std::none_of(known.begin(), known.end(), [&, &key = name](const char* k) { return key == k; }))
        fail("{}: there is no option '{}' in fovea. Received: {}={}", where, name, name, shown(value));
    }
  }

  // ---- layers ----

  Layer layer(const Json& object) {
    const std::string where = layer_of(object);
    const auto number = object.is_object() ? object.find("shared_object_id") : object.end();
    const bool shared = object.is_object() && number != object.end();
    if (shared && !number->is_number_integer())
      fail("{}: 'shared_object_id' must be an integer. Received: {}", where, shown(*number));
    if (shared) {
      if (const std::shared_ptr<LayerImpl> known = find_shared(object, number->get<std::int64_t>()))
        return Layer(known);
    }
    if (!object.is_object()) fail("{}: must be an object. Received: {}", where, shown(object));
    std::shared_ptr<LayerImpl> impl = is_model(object) ? model(object) : layer_from_json(object);
    if (options_.weight_bytes) impl->initialized = true;
    if (shared) shared_[number->get<std::int64_t>()] = impl;
    if (!shared) single_.emplace_back(&object, impl);
    return Layer(impl);
  }

  /// The layer that was read under this number. Of a layer in two nested models, Keras numbers the second
  /// place alone; the first is then the one that looks the same.
  std::shared_ptr<LayerImpl> find_shared(const Json& object, std::int64_t number) {
    const auto known = shared_.find(number);
    if (known != shared_.end()) return known->second;
    const Json wanted = without_numbers(member(object, "config", layer_of(object)));
    for (const auto& [other, impl] : single_) {
      if ((*other)["class_name"] != object["class_name"] || without_numbers((*other)["config"]) != wanted)
        continue;
      shared_[number] = impl;
      return impl;
    }
    return nullptr;
  }

  std::vector<SymbolicTensor> call(const Layer& layer, const std::vector<SymbolicTensor>& inputs,
                                   const CallArguments& arguments) {
    if (options_.weight_bytes && layer.impl()->weights.empty() && as_model(*layer.impl()) == nullptr)
      count_weights(*layer.impl(), inputs);
    return layer.call(inputs, arguments);
  }

  /// Before memory is taken for weights: they must fit into the file that they will be read from.
  void count_weights(LayerImpl& layer, const std::vector<SymbolicTensor>& inputs) {
    require_modest_options(layer);
    std::vector<Shape> shapes;
    for (const SymbolicTensor& input : inputs) shapes.push_back(input.shape());
    layer.output_shapes(shapes);
    for (const ParameterSpec& parameter : layer.parameters(shapes)) {
      const std::int64_t bytes = TensorSpec{parameter.shape, DType::float32}.bytes();
      if (bytes > *options_.weight_bytes - counted_) {
        layer.fail_rule(
            fmt::format("its weight '{}' of shape {} does not fit into a file with {} bytes of weights",
                        parameter.name, parameter.shape.str(), *options_.weight_bytes));
      }
      counted_ += bytes;
    }
  }

  // ---- Sequential ----

  std::shared_ptr<ModelImpl> sequential(const Json& config, const std::string& where) {
    require_known(config, {"name", "trainable", "dtype", "layers", "build_input_shape"}, where);
    const Json& layers = list_member(config, "layers", where);
    std::vector<SymbolicTensor> tensors;
    std::vector<SymbolicTensor> inputs;
    for (const Json& object : layers) {
      const Layer next = layer(object);
      const bool is_input = next.impl()->class_name() == "InputLayer";
      if (inputs.empty()) {
        inputs = is_input ? next.call({}) : built_input(config, where);
        tensors = inputs;
        if (is_input) continue;
      }
      if (is_input) fail("{}: has a second input, '{}'", where, next.name());
      tensors = call(next, tensors, {});
    }
    if (inputs.empty()) fail("{}: has no layers", where);
    return std::make_shared<ModelImpl>(inputs, tensors, true);
  }

  /// An Input for a model that was saved without one, but built.
  static std::vector<SymbolicTensor> built_input(const Json& config, const std::string& where) {
    const auto shape = config.find("build_input_shape");
    if (shape == config.end() || shape->is_null()) {
      fail(
          "{}: does not say what shape its input has. Build the model before saving it, or begin it with an "
          "Input",
          where);
    }
    Json input = {{"module", "keras.layers"},
                  {"class_name", "InputLayer"},
                  {"config", {{"batch_shape", *shape}, {"name", "input_layer"}}},
                  {"registered_name", nullptr}};
    return Layer(layer_from_json(input)).call({});
  }

  // ---- Functional ----

  std::shared_ptr<ModelImpl> functional(const Json& config, const std::string& where) {
    require_known(config, {"name", "trainable", "dtype", "layers", "input_layers", "output_layers"}, where);
    Entries entries;
    std::vector<std::string> order;
    for (const Json& object : list_member(config, "layers", where)) {
      const std::string name = text_member(object, "name", layer_of(object));
      Entry entry;
      entry.layer = layer(object);
      if (entry.layer.impl()->class_name() == "InputLayer") entry.calls.push_back(entry.layer.call({}));
      for (const Json& node : list_member(object, "inbound_nodes", layer_of(object)))
        entry.nodes.push_back(&node);
      order.push_back(name);
      if (!entries.emplace(name, std::move(entry)).second) fail("{}: two layers are named '{}'", where, name);
    }
    make_calls(entries, order, where);
    const std::vector<SymbolicTensor> inputs = ends(config, "input_layers", entries, where);
    const std::vector<SymbolicTensor> outputs = ends(config, "output_layers", entries, where);
    return std::make_shared<ModelImpl>(inputs, outputs, false);
  }

  /// Calls wait until what they read has been made; each round makes those that can be.
  void make_calls(Entries& entries, const std::vector<std::string>& order, const std::string& where) {
    bool waiting = true, made = true;
    while (waiting) {
      if (!made) fail("{}: its layers are called in a circle, or on what is never made", where);
      waiting = made = false;
      for (const std::string& name : order) {
        Entry& entry = entries.at(name);
        while (entry.next < entry.nodes.size()) {
          CallArguments arguments;
          const auto inputs = read_node(*entry.nodes[entry.next], entry.layer, entries, arguments);
          if (!inputs) break;
          entry.calls.push_back(call(entry.layer, *inputs, arguments));
          ++entry.next;
          made = true;
        }
        waiting = waiting || entry.next < entry.nodes.size();
      }
    }
  }

  /// What a call reads, or nothing while that has not been made.
  std::optional<std::vector<SymbolicTensor>> read_node(const Json& node, const Layer& layer,
                                                       const Entries& entries,
                                                       CallArguments& arguments) const {
    const std::string where =
        fmt::format("layer '{}' ({}), its call", layer.name(), layer.impl()->class_name());
    if (node.is_array()) fail("{}: is written as Keras 2 does. Save the model again with Keras 3", where);
    const Json& positional = list_member(node, "args", where);
    const Json& named = member(node, "kwargs", where);
    if (!named.is_object()) fail("{}: 'kwargs' must be an object. Received: {}", where, shown(named));
    if (auto* const operation = dynamic_cast<OperationLayer*>(layer.impl().get()))
      return read_operation(*operation, positional, named, entries, where);
    const Json* inputs = positional.empty() ? nullptr : &positional[0];
    for (const auto& [name, value] : named.items()) {
      if (name == "training" && (value.is_boolean() || value.is_null())) {
        if (value.is_boolean()) arguments.training = value.get<bool>();
      } else if (name == "inputs" && inputs == nullptr) {
        inputs = &value;
      } else if (name != "mask" || !is_no_mask(value)) {
        fail("{}: the argument '{}' is not known. Received: {}={}", where, name, name, shown(value));
      }
    }
    const std::optional<bool> usual = layer.impl()->keras_traits().usual_training;
    if (usual && arguments.training == usual && !options_.by_fovea) arguments.training.reset();
    if (inputs == nullptr || positional.size() > 1)
      fail("{}: takes one argument, a tensor or a list of them. Received: {}", where, shown(positional));
    if (inputs->is_object() && !inputs->contains("class_name"))
      fail("{}: takes tensors in a list, not by name. Received: {}", where, shown(*inputs));
    return tensors_of(inputs->is_array() ? *inputs : Json::array({*inputs}), entries, where);
  }

  /// The tensors of a list, or nothing while one of them has not been made.
  static std::optional<std::vector<SymbolicTensor>> tensors_of(const Json& list, const Entries& entries,
                                                               const std::string& where) {
    std::vector<SymbolicTensor> tensors;
    for (const Json& tensor : list) {
      if (!tensor.is_object() || tensor.value("class_name", Json()) != "__keras_tensor__")
        fail("{}: expected a tensor. Received: {}", where, shown(tensor));
      const auto found = find_tensor(list_member(member(tensor, "config", where), "keras_history", where), 0,
                                     entries, where);
      if (!found) return {};
      tensors.push_back(*found);
    }
    return tensors;
  }

  /// The tensors that an operation reads; its other arguments become its own.
  static std::optional<std::vector<SymbolicTensor>> read_operation(OperationLayer& operation,
                                                                   const Json& positional, const Json& named,
                                                                   const Entries& entries,
                                                                   const std::string& where) {
    if (!operation.operands.empty()) fail("{}: an operation is called once. Received: a second call", where);
    OperationCall call = operation_call_from_json(operation, positional, named, where);
    auto found = tensors_of(call.tensors, entries, where);
    if (!found) return found;
    operation.operands = std::move(call.operands);
    operation.named_value = std::move(call.named);
    std::vector<DType> types;
    for (const SymbolicTensor& tensor : *found) types.push_back(tensor.dtype());
    operation.set_input_types(types);
    return found;
  }

  /// [layer, call, tensor]; nothing while the call has not been made.
  static std::optional<SymbolicTensor> find_tensor(const Json& history, std::uint64_t first_call,
                                                   const Entries& entries, const std::string& where) {
    const bool fits = history.size() == 3 && history[0].is_string() && history[1].is_number_unsigned() &&
                      history[2].is_number_unsigned();
    if (!fits) fail("{}: expected [layer, call, tensor]. Received: {}", where, shown(history));
    const auto entry = entries.find(history[0].get<std::string>());
    if (entry == entries.end()) fail("{}: there is no layer '{}'", where, history[0].get<std::string>());
    const std::uint64_t call = history[1].get<std::uint64_t>() - first_call,
                        index = history[2].get<std::uint64_t>();
    if (call >= entry->second.calls.size()) return {};
    const std::vector<SymbolicTensor>& outputs = entry->second.calls[call];
    if (index >= outputs.size()) fail("{}: layer '{}' has no output {}", where, entry->first, index);
    return outputs[index];
  }

  static std::vector<SymbolicTensor> ends(const Json& config, const char* name, const Entries& entries,
                                          const std::string& where) {
    const Json& all = member(config, name, where);
    if (all.is_object())
      fail("{}: its {} have names; only a list of them can be read. Received: {}", where, name, shown(all));
    if (!all.is_array() || all.empty())
      fail("{}: '{}' must be a list. Received: {}", where, name, shown(all));
    std::vector<SymbolicTensor> tensors;
    for (const Json& end : all[0].is_string() ? Json::array({all}) : all) {
      const std::string here = fmt::format("{}, {}", where, name);
      if (!end.is_array() || end.empty() || !end[0].is_string())
        fail("{}: expected [layer, call, tensor]. Received: {}", here, shown(end));
      const auto entry = entries.find(end[0].get<std::string>());
      const bool counts_from_one =
          entry != entries.end() && entry->second.layer.impl()->class_name() == "Functional";
      const auto tensor = find_tensor(end, counts_from_one ? 1 : 0, entries, here);
      if (!tensor)
        fail("{}: layer '{}' is not called so often. Received: {}", here, entry->first, shown(end));
      tensors.push_back(*tensor);
    }
    return tensors;
  }

  ReadModelOptions options_;
  std::int64_t counted_ = 0;
  std::map<std::int64_t, std::shared_ptr<LayerImpl>> shared_;
  std::vector<std::pair<const Json*, std::shared_ptr<LayerImpl>>> single_;
};

}  // namespace

Model model_from_json_object(const Json& object, const ReadModelOptions& options) {
  return ReadModel(Reader(options).model(object));
}

Model model_from_json(const std::string& json) {
  try {
    Json object = parse_json(json);
    if (is_legacy_model(object, {})) object = model_from_legacy(object);
    return model_from_json_object(object, {});
  } catch (const Error& error) {
    fail("model_from_json: {}", error.what());
  }
}

std::string model_to_json(const Model& model) {
  const auto impl = std::dynamic_pointer_cast<ModelImpl>(model.impl());
  if (!impl) fail("model_to_json: an empty handle was used");
  return json_text(model_to_json_object(*impl));
}

}  // namespace fovea
