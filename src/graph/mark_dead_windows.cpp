#include "graph/sole_readers.h"
#include "ops/pool2d.h"
#include "ops/unary.h"

namespace fovea {
namespace {

/// The node that makes a value, if its op is of that class.
template <class OpClass>
const OpClass* made_by(const Graph& graph, Value value) {
  return dynamic_cast<const OpClass*>(graph.producer(value));
}

/// Is it the ReLU of the pooling whose winners these are?
bool is_relu_of(const Graph& graph, Value result, Value winners) {
  const auto* relu = made_by<UnaryOp>(graph, result);
  if (relu == nullptr || !relu->is_plain_relu()) return false;
  const Value pooled = graph.producer_inputs(result)[0];
  return made_by<Pool2DOp>(graph, pooled) != nullptr && graph.info(pooled).index == graph.info(winners).index;
}

}  // namespace

void mark_dead_windows(Graph& graph) {
  const SoleReaders readers(graph);
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const auto op = graph.nodes()[i].op;
    const std::vector<Value> inputs = graph.nodes()[i].inputs;
    if (dynamic_cast<const Pool2DBackwardOp*>(op.get()) == nullptr || inputs.size() != 2) continue;
    const Value dy = inputs[0], winners = inputs[1];
    const auto* pool = made_by<Pool2DOp>(graph, winners);
    const auto* slope = made_by<UnaryBackwardOp>(graph, dy);
    if (pool == nullptr || slope == nullptr || !slope->is_plain_relu()) continue;
    const ops::Pool2DAttributes& a = pool->attributes;
    if (a.window.height * a.window.width > kDeadWindow || readers.of(winners) != i) continue;
    const Value result = graph.producer_inputs(dy)[0], gradient = graph.producer_inputs(dy)[1];
    if (!is_relu_of(graph, result, winners)) continue;
    const auto forward = static_cast<std::size_t>(graph.info(winners).index);
    graph.replace_node(forward, std::make_shared<Pool2DOp>(a, true), graph.nodes()[forward].inputs);
    graph.replace_node(i, op, {gradient, winners});
  }
}

}  // namespace fovea
