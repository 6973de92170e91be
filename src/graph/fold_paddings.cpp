#include "graph/graph.h"
#include "ops/conv2d.h"
#include "ops/depthwise_conv2d.h"
#include "ops/shaping.h"

namespace fovea {
namespace {

/// Takes the paddings in front of `x` into the convolution's own; returns what it reads then.
template <class Attributes>
Value take_paddings(const Graph& graph, Value x, Attributes& attributes) {
  while (const auto* pad = dynamic_cast<const PadOp*>(graph.producer(x))) {
    if (pad->axis != 1 && pad->axis != 2) break;
    Padding2& padding = attributes.padding;
    (pad->axis == 1 ? padding.top : padding.left) += pad->before;
    (pad->axis == 1 ? padding.bottom : padding.right) += pad->after;
    x = graph.producer_inputs(x)[0];
  }
  return x;
}

template <class ConvolutionOp>
void fold_into(Graph& graph, std::size_t index) {
  const Graph::Node& node = graph.nodes()[index];
  const auto* op = dynamic_cast<const ConvolutionOp*>(node.op.get());
  if (op == nullptr) return;
  auto attributes = op->attributes;
  const Value x = take_paddings(graph, node.inputs[0], attributes);
  if (x == node.inputs[0]) return;
  graph.replace_node(index, std::make_shared<ConvolutionOp>(attributes), {x, node.inputs[1]});
}

}  // namespace

void fold_paddings(Graph& graph) {
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    fold_into<Conv2DOp>(graph, i);
    fold_into<DepthwiseConv2DOp>(graph, i);
  }
}

}  // namespace fovea
