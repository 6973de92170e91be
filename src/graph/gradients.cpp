#include "graph/graph.h"

namespace fovea {
namespace {

/// Which values depend on one of the sources: only those need a gradient.
std::vector<bool> depend_on(const Graph& graph, std::span<const Value> sources) {
  std::vector<bool> depends(graph.value_count());
  for (const Value source : sources) depends[static_cast<std::size_t>(source.id)] = true;
  for (const Graph::Node& node : graph.nodes()) {
    bool any = false;
    for (const Value input : node.inputs) any = any || depends[static_cast<std::size_t>(input.id)];
    if (!any) continue;
    for (const Value output : node.outputs) depends[static_cast<std::size_t>(output.id)] = true;
  }
  return depends;
}

}  // namespace

std::vector<Value> gradients(Graph& graph, Value target, std::span<const Value> sources) {
  const TensorSpec spec = graph.spec(target);
  if (spec.shape.rank() != 0 || !is_floating(spec.dtype)) {
    fail("gradients: the target must be a floating scalar. Received: {}", spec.str());
  }
  const std::vector<bool> depends = depend_on(graph, sources);
  std::vector<Value> gradient(graph.value_count());
  const auto of = [&](Value value) -> Value& { return gradient[static_cast<std::size_t>(value.id)]; };
  of(target) = graph.constant(Tensor::of(Shape{}, {1.0}).astype(spec.dtype));

  for (std::size_t index = graph.nodes().size(); index-- > 0;) {
    // Copied: emitting the gradient's ops moves the nodes.
    const Graph::Node node = graph.nodes()[index];
    std::vector<bool> wanted;
    bool any_wanted = false;
    for (const Value input : node.inputs) {
      wanted.push_back(depends[static_cast<std::size_t>(input.id)] && is_floating(graph.spec(input).dtype));
      any_wanted = any_wanted || wanted.back();
    }
    std::vector<Value> output_gradients;
    bool any_gradient = false;
    for (const Value output : node.outputs) {
      output_gradients.push_back(of(output));
      any_gradient = any_gradient || of(output);
    }
    if (!any_wanted || !any_gradient) continue;
    if (!output_gradients[0])
      fail("Op {}: only a gradient of its first output is known", node.op->class_name());

    graph.set_layer(node.layer);
    const OpCall call{node.inputs, node.outputs, wanted};
    const std::vector<Value> input_gradients = node.op->differentiate(graph, call, output_gradients);
    for (std::size_t i = 0; i < input_gradients.size(); ++i) {
      if (!wanted[i] || !input_gradients[i]) continue;
      Value& sum = of(node.inputs[i]);
      sum = sum ? ops::add(graph, sum, input_gradients[i]) : input_gradients[i];
    }
  }
  graph.set_layer({});
  std::vector<Value> result;
  for (const Value source : sources) result.push_back(of(source));
  return result;
}

}  // namespace fovea
