#include <algorithm>
#include <optional>
#include <set>

#include "fovea/applications.h"
#include "models/model_impl.h"

// Surgery for transfer learning: which part of a classifier are its features, and a new head on them.

namespace fovea::applications {
namespace {

using CallPtr = std::shared_ptr<LayerCall>;

bool is_pooling(const LayerImpl& layer) {
  const std::string_view name = layer.class_name();
  return name == "GlobalAveragePooling2D" || name == "GlobalMaxPooling2D";
}

bool gathers_features(const LayerImpl& layer) { return is_pooling(layer) || layer.class_name() == "Flatten"; }

bool has_weights(const LayerImpl& layer) {
  const ModelImpl* inner = as_model(layer);
  return inner != nullptr ? !inner->collect_weights(false).empty() : !layer.weights.empty();
}

/// The calls that the model's output reads, directly or not, when `closed` hands nothing on.
std::set<const LayerCall*> reached_without(const ModelImpl& model, const LayerCall* closed) {
  std::set<const LayerCall*> reached;
  std::vector<const LayerCall*> open{model.outputs()[0].call().get()};
  while (!open.empty()) {
    const LayerCall* call = open.back();
    open.pop_back();
    if (call == closed || !reached.insert(call).second) continue;
    for (const SymbolicTensor& input : call->inputs) open.push_back(input.call().get());
  }
  return reached;
}

/// Does every path from input to output go through `call`, and a layer with weights come after it?
bool is_cut(const ModelImpl& model, const LayerCall* call) {
  const std::set<const LayerCall*> after = reached_without(model, call);
  if (after.count(model.inputs()[0].call().get()) != 0) return false;
  return std::any_of(after.begin(), after.end(),
                     [](const LayerCall* other) { return has_weights(*other->layer); });
}

/// What a head reads, and the class of the layer that pools it first, if one must.
struct Features {
  SymbolicTensor tensor;
  std::string pooling = {};
};

/// In front of the convolution whose maps are pooled and then become the output in layers without weights:
/// there the classes are the convolution's filters.
std::optional<Features> before_pooled_convolution(const ModelImpl& model) {
  CallPtr call = model.outputs()[0].call();
  if (is_pooling(*call->layer)) return {};  // the end of a base without a top
  while (call->inputs.size() == 1 && !has_weights(*call->layer) && !is_pooling(*call->layer))
    call = call->inputs[0].call();
  if (!is_pooling(*call->layer)) return {};
  const CallPtr convolution = call->inputs[0].call();
  if (convolution->layer->class_name() != "Conv2D") return {};
  const SymbolicTensor read = convolution->inputs[0];
  if (!is_cut(model, read.call().get())) return {};
  return Features{read, std::string(call->layer->class_name())};
}

Features find_features(const ModelImpl& model) {
  const std::vector<CallPtr>& calls = model.calls();
  for (auto call = calls.rbegin(); call != calls.rend(); ++call) {
    if (gathers_features(*(*call)->layer) && is_cut(model, call->get())) return {{*call, 0}};
  }
  for (auto call = calls.rbegin(); call != calls.rend(); ++call) {
    if ((*call)->layer->class_name() == "Dense") return {(*call)->inputs[0]};
  }
  if (auto before = before_pooled_convolution(model)) return *std::move(before);
  const SymbolicTensor& output = model.outputs()[0];
  if (output.shape().rank() == 2 && gathers_features(*output.call()->layer)) return {output};
  if (output.shape().rank() == 4) return {output, "GlobalAveragePooling2D"};
  fail(
      "replace_head: model '{}' has no Flatten, GlobalAveragePooling2D or GlobalMaxPooling2D layer in front "
      "of its output, no Dense layer, and does not end in feature maps, so where its features end is not "
      "known",
      model.name);
}

std::vector<Layer> head_layers(const Features& features, const HeadOptions& options) {
  std::vector<Layer> layers;
  if (features.pooling == "GlobalMaxPooling2D") {
    layers.push_back(GlobalMaxPooling2D());
  } else if (!features.pooling.empty()) {
    layers.push_back(GlobalAveragePooling2D());
  } else if (features.tensor.shape().rank() > 2) {
    layers.push_back(Flatten());
  }
  if (options.dropout > 0) layers.push_back(Dropout(options.dropout));
  layers.push_back(Dense(options.outputs,
                         {.activation = options.outputs == 1 ? "sigmoid" : "softmax", .dtype = floatx()}));
  return layers;
}

/// The base up to `features`, then `head`. A row of layers stays one.
Model join(const Model& base, const ModelImpl& impl, const SymbolicTensor& features,
           const std::vector<Layer>& head) {
  if (impl.class_name() == "Sequential") {
    std::vector<Layer> layers;
    for (const CallPtr& call : impl.calls()) {
      layers.emplace_back(call->layer);
      if (call == features.call()) break;
    }
    layers.insert(layers.end(), head.begin(), head.end());
    return Sequential(layers, {base.name()});
  }
  SymbolicTensor output = features;
  for (const Layer& layer : head) output = layer(output);
  return Model(base.inputs(), {output}, {base.name()});
}

/// Freezes the layers one by one, also inside nested models, which themselves stay open: so any of them can
/// be thawed alone.
void freeze(const Layer& layer, std::vector<Layer>& leaves) {
  if (const ModelImpl* inner = as_model(*layer.impl())) {
    layer.set_trainable(true);
    for (const auto& part : inner->layers()) freeze(Layer(part), leaves);
    return;
  }
  layer.set_trainable(false);
  if (!layer.impl()->weights.empty()) leaves.push_back(layer);
}

}  // namespace

NewHead replace_head(const Model& base, const HeadOptions& options) {
  if (options.outputs < 1) fail("replace_head: outputs must be at least 1. Received: {}", options.outputs);
  const auto& impl = static_cast<const ModelImpl&>(*base.impl());
  if (impl.inputs().size() != 1 || impl.outputs().size() != 1) {
    fail("replace_head: the model must have one input and one output. Received: {} and {}",
         impl.inputs().size(), impl.outputs().size());
  }
  const Features features = find_features(impl);
  const Shape& shape = features.tensor.shape();
  const Shape read = features.pooling.empty() ? shape.slice(1) : Shape{shape[3]};
  if (!read.is_known()) {
    fail("replace_head: the features of model '{}' have shape {}, which must be known for a Dense layer",
         impl.name, shape.str());
  }
  const std::vector<Layer> head = head_layers(features, options);
  NewHead result;
  result.model = join(base, impl, features.tensor, head);
  result.features = Layer(features.tensor.call()->layer);
  result.pooling = features.pooling;
  result.feature_count = read.elements();
  const std::vector<Layer> kept = result.model.layers();
  for (const auto& layer : impl.layers()) {
    const auto same = [&](const Layer& other) { return other.impl() == layer; };
    if (std::none_of(kept.begin(), kept.end(), same)) result.removed.push_back(layer->name);
  }
  for (std::size_t i = 0; i + head.size() < kept.size(); ++i) freeze(kept[i], result.base);
  result.model.info().preprocessing = base.info().preprocessing;
  return result;
}

std::vector<Layer> tunable_layers(const NewHead& head) {
  std::vector<Layer> result;
  for (const Layer& layer : head.base) {
    if (layer.impl()->class_name() != "BatchNormalization") result.push_back(layer);
  }
  return result;
}

std::vector<std::string> unfreeze_top(const NewHead& head, std::int64_t count) {
  const std::vector<Layer> layers = tunable_layers(head);
  const auto available = static_cast<std::int64_t>(layers.size());
  if (count < 0 || count > available) {
    fail("unfreeze_top: the base has {} layers with weights, BatchNormalization not counted. Received: {}",
         available, count);
  }
  std::vector<std::string> names;
  for (auto layer = layers.end() - count; layer != layers.end(); ++layer) {
    layer->set_trainable(true);
    names.push_back(layer->name());
  }
  return names;
}

}  // namespace fovea::applications
