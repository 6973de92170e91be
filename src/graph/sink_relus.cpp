#include "graph/graph.h"
#include "ops/pool2d.h"
#include "ops/unary.h"

namespace fovea {

void sink_relus(Graph& graph, std::span<const Value> kept) {
  constexpr std::size_t none = SIZE_MAX, several = SIZE_MAX - 1;
  std::vector<std::size_t> reader(graph.value_count(), none);
  const auto reader_of = [&](Value value) -> std::size_t& {
    return reader[static_cast<std::size_t>(value.id)];
  };
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    for (const Value input : graph.nodes()[i].inputs)
      reader_of(input) = reader_of(input) == none ? i : several;
  }
  for (const Value value : kept) reader_of(value) = several;
  for (const Value value : graph.outputs()) reader_of(value) = several;
  for (const Graph::Assignment& assignment : graph.assignments()) reader_of(assignment.value) = several;

  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const auto* relu = dynamic_cast<const UnaryOp*>(graph.nodes()[i].op.get());
    if (relu == nullptr || !relu->is_plain_relu()) continue;
    const std::size_t second = reader_of(graph.nodes()[i].outputs[0]);
    if (second == none || second == several) continue;
    const auto* pool = dynamic_cast<const Pool2DOp*>(graph.nodes()[second].op.get());
    if (pool != nullptr && pool->attributes.kind == ops::PoolKind::max) graph.swap_nodes(i, second);
  }
}

}  // namespace fovea
