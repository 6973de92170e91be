#include "conformance/layer_cases.h"

#include "support/golden.h"

namespace fovea::testing {
namespace {

const std::map<std::string, std::string> kRefused = {
    {"activation_glu", "there is no activation 'glu'"},
    {"activation_sparsemax", "there is no activation 'sparsemax'"},
    {"activation_sparsemax_extremes", "there is no activation 'sparsemax'"}};

}  // namespace

const std::map<std::string, std::string>& refused_layer_cases() { return kRefused; }

const std::set<std::string>& registered_layers() {
  static const std::set<std::string> names = {
#define FOVEA_LAYER(Name, Registered) Registered,
#include "layers/layers.inc"
#undef FOVEA_LAYER
  };
  return names;
}

std::vector<Tensor> LayerCase::arrays(const char* key) const {
  std::vector<Tensor> result;
  for (const Json& entry : file.at(key)) {
    const bool named = entry.is_object() && entry.contains("array");
    result.push_back(entry.is_null() ? Tensor() : tensor_from(named ? entry.at("array") : entry));
  }
  return result;
}

LayerCase layer_case(const std::string& name) { return {name, golden("layers", name)}; }

std::vector<std::string> layer_case_names() {
  std::vector<std::string> names;
  for (const std::string& name : golden_cases("layers")) {
    if (refused_layer_cases().count(name) != 0) continue;
    if (registered_layers().count(layer_case(name).class_name()) != 0) names.push_back(name);
  }
  return names;
}

std::shared_ptr<LayerImpl> layer_from(const std::string& class_name, const Json& config, DType dtype) {
  std::shared_ptr<LayerImpl> layer = make_layer(class_name);
  layer->name = config.value("name", "");
  layer->trainable = config.value("trainable", true);
  layer->dtype_policy = dtype;
  read_config(*layer, config, "layer '" + layer->name + "'");
  return layer;
}

std::vector<Shape> shapes_of(const std::vector<Tensor>& tensors) {
  std::vector<Shape> shapes;
  for (const Tensor& tensor : tensors) shapes.push_back(tensor.shape());
  return shapes;
}

namespace {

/// Emits gradients of sum(outputs * output_gradients) and makes them outputs of the graph.
std::vector<Value> add_gradients(Graph& graph, std::span<const Value> outputs,
                                 const std::vector<Tensor>& output_gradients,
                                 const std::vector<Value>& sources) {
  Value target;
  for (std::size_t i = 0; i < output_gradients.size(); ++i) {
    const Value sum = weighted_sum(graph, outputs[i], output_gradients[i]);
    target = target ? ops::add(graph, target, sum) : sum;
  }
  std::vector<Value> found = gradients(graph, target, sources);
  for (const Value gradient : found) {
    if (gradient) graph.add_output(gradient);
  }
  return found;
}

}  // namespace

LayerRun run_layer(LayerImpl& layer, const std::vector<Tensor>& inputs, const std::vector<Tensor>& weights,
                   const LayerUse& use, const Backend& backend) {
  const std::vector<Shape> shapes = shapes_of(inputs);
  layer.output_shapes(shapes);  // the checks of a call
  layer.build(shapes);
  if (layer.weights.size() != weights.size()) {
    fail("layer '{}' has {} weights. Received: {}", layer.name, layer.weights.size(), weights.size());
  }
  for (std::size_t i = 0; i < weights.size(); ++i) layer.weights[i].assign(weights[i]);

  Graph graph;
  Feeds feeds = {{"random_state", Tensor::of<std::int64_t>({2}, {use.seed, use.step})}};
  std::vector<Value> values;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::string name = "input" + std::to_string(i);
    values.push_back(graph.feed(name, inputs[i].spec()));
    feeds.emplace(name, inputs[i]);
  }
  const LoweringContext context{.graph = graph,
                                .training = use.training,
                                .weights = layer.weights,
                                .stream = use.stream,
                                .trainable = use.trainable};
  const std::vector<Value> outputs = layer.lower(context, values);
  for (const Value output : outputs) graph.add_output(output);
  std::vector<Value> sources = values, found;
  for (const Variable& weight : layer.weights) sources.push_back(graph.variable(weight));
  if (!use.output_gradients.empty()) found = add_gradients(graph, outputs, use.output_gradients, sources);

  const std::vector<Tensor> results = run(graph, feeds, backend);
  LayerRun result;
  result.outputs.assign(results.begin(), results.begin() + static_cast<std::ptrdiff_t>(outputs.size()));
  std::size_t next = outputs.size();
  for (std::size_t i = 0; i < found.size(); ++i) {
    auto& list = i < inputs.size() ? result.input_gradients : result.weight_gradients;
    list.push_back(found[i] ? results[next++] : Tensor());
  }
  for (const Variable& weight : layer.weights) result.updated_weights.push_back(weight.value().clone());
  return result;
}

}  // namespace fovea::testing
