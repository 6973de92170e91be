#include <map>

#include "saving/compile_json.h"
#include "saving/keras_options.h"
#include "saving/layer_json.h"
#include "saving/model_json.h"
#include "saving/operation_json.h"

// Source: keras/src/models/functional.py and sequential.py, get_config.

namespace fovea {
namespace {

class Writer {
 public:
  explicit Writer(const ModelImpl& model) { count_uses(model); }

  Json model(const ModelImpl& model) {
    const bool sequential = model.class_name() == "Sequential";
    Json object = sequential ? this->sequential(model) : functional(model);
    object["compile_config"] = model.compiled ? compile_to_json(*model.compiled) : Json::object();
    return object;
  }

 private:
  /// In how many places a layer stands that is more than called again: it is written there each time, under
  /// one number.
  void count_uses(const ModelImpl& model) {
    for (const auto& layer : places_in(model)) {
      if (++uses_[layer.get()] > 1) continue;
      if (const ModelImpl* inner = as_model(*layer)) count_uses(*inner);
    }
  }

  /// A Functional model lists each layer once with its calls, a Sequential each place.
  static std::vector<std::shared_ptr<LayerImpl>> places_in(const ModelImpl& model) {
    if (model.class_name() != "Sequential") return model.layers();
    std::vector<std::shared_ptr<LayerImpl>> places;
    for (const auto& call : model.calls()) places.push_back(call->layer);
    return places;
  }

  Json layer(LayerImpl& layer, const LayerCall& first_call) {
    Json object;
    if (const ModelImpl* inner = as_model(layer)) {
      object = model(*inner);
    } else {
      std::vector<Shape> built_on;
      for (const SymbolicTensor& input : first_call.inputs) built_on.push_back(input.shape());
      object = layer_to_json(layer, built_on);
    }
    if (uses_.at(&layer) > 1)
      object["shared_object_id"] = numbers_.try_emplace(&layer, numbers_.size() + 1).first->second;
    return object;
  }

  Json sequential(const ModelImpl& model) {
    Json layers = Json::array();
    for (const auto& call : model.calls()) layers.push_back(layer(*call->layer, *call));
    const Json shape = shape_to_json(model.inputs()[0].shape());
    return {{"module", "keras"},
            {"class_name", "Sequential"},
            {"config",
             {{"name", name_of(model)},
              {"trainable", model.trainable},
              {"dtype", policy_to_json(model.dtype_policy)},
              {"layers", std::move(layers)},
              {"build_input_shape", shape}}},
            {"registered_name", nullptr},
            {"build_config", {{"input_shape", shape}}}};
  }

  Json functional(const ModelImpl& model) {
    for (const SymbolicTensor& input : model.inputs()) {
      const LayerImpl& source = *input.call()->layer;
      if (source.class_name() != "InputLayer") {
        fail(
            "model '{}': its input comes out of layer '{}' ({}). A model that is saved begins with Inputs: "
            "make "
            "an Input of shape {} and call the layers on it",
            name_of(model), source.name, source.class_name(), input.shape().slice(1).str());
      }
    }
    std::map<const LayerCall*, std::size_t> indices;
    for (const auto& each : model.layers()) {
      const auto calls = model.calls_of(*each);
      for (std::size_t i = 0; i < calls.size(); ++i) indices[calls[i].get()] = i;
    }
    Json layers = Json::array();
    for (const auto& each : model.layers()) {
      const auto calls = model.calls_of(*each);
      Json object = layer(*each, *calls[0]);
      object["name"] = each->name;
      object["inbound_nodes"] = Json::array();
      for (const auto& call : calls) {
        if (!call->inputs.empty()) object["inbound_nodes"].push_back(node(*call, indices));
      }
      layers.push_back(std::move(object));
    }
    return {{"module", "keras.src.models.functional"},
            {"class_name", "Functional"},
            {"config",
             {{"name", name_of(model)},
              {"trainable", model.trainable},
              {"layers", std::move(layers)},
              {"input_layers", ends(model.inputs(), indices)},
              {"output_layers", ends(model.outputs(), indices)}}},
            {"registered_name", "Functional"},
            {"build_config", {{"input_shape", nullptr}}}};
  }

  using Indices = std::map<const LayerCall*, std::size_t>;

  static Json tensor(const SymbolicTensor& tensor, const Indices& indices) {
    return {
        {"class_name", "__keras_tensor__"},
        {"config",
         {{"shape", shape_to_json(tensor.shape())},
          {"dtype", name(shown_dtype(tensor))},
          {"keras_history", {tensor.call()->layer->name, indices.at(tensor.call().get()), tensor.index()}}}}};
  }

  /// What Keras casts to: of a model, its Input's type.
  static DType input_dtype(const LayerImpl& layer) {
    const ModelImpl* const model = as_model(layer);
    return model != nullptr ? model->inputs()[0].dtype() : layer.dtype_policy.compute_dtype();
  }

  static Json node(const LayerCall& call, const Indices& indices) {
    Json inputs = Json::array();
    for (const SymbolicTensor& input : call.inputs) inputs.push_back(tensor(input, indices));
    if (const auto* const operation = dynamic_cast<const OperationLayer*>(call.layer.get()))
      return operation_call_to_json(*operation, std::move(inputs));
    const KerasTraits traits = call.layer->keras_traits();
    const bool list = inputs.size() > 1 || traits.takes_list;
    Json arguments = Json::object();
    const bool given = call.arguments.training.has_value();
    if (given) arguments["training"] = *call.arguments.training;
    const bool functional = call.layer->class_name() == "Functional";
    const bool takes_mask = call.layer->class_name() == "Sequential" || traits.takes_mask;
    // One for each input.
    const Json mask = inputs.size() > 1 ? Json(Json::array_t(inputs.size())) : Json();
    // Keras forgets it where something was given or is cast to another type.
    const bool forgotten = given || shown_dtype(call.inputs[0]) != input_dtype(*call.layer);
    if (functional || (takes_mask && !forgotten)) arguments["mask"] = mask;
    return {{"args", list ? Json::array({std::move(inputs)}) : std::move(inputs)},
            {"kwargs", std::move(arguments)}};
  }

  /// [layer, call, tensor] for one tensor, a list of such for several. Keras counts the calls of a functional
  /// model from 1 here, and only here.
  static Json ends(const std::vector<SymbolicTensor>& tensors, const Indices& indices) {
    Json all = Json::array();
    for (const SymbolicTensor& tensor : tensors) {
      const LayerImpl& layer = *tensor.call()->layer;
      const std::size_t first = layer.class_name() == "Functional" ? 1 : 0;
      all.push_back(Json::array({layer.name, indices.at(tensor.call().get()) + first, tensor.index()}));
    }
    return all.size() == 1 ? all[0] : all;
  }

  static std::string name_of(const ModelImpl& model) { return model.shown_name(); }

  std::map<const LayerImpl*, int> uses_;
  std::map<const LayerImpl*, std::size_t> numbers_;
};

}  // namespace

Json model_to_json_object(const ModelImpl& model) { return Writer(model).model(model); }

}  // namespace fovea
