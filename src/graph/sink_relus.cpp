#include "graph/sole_readers.h"
#include "ops/pool2d.h"
#include "ops/unary.h"

namespace fovea {

void sink_relus(Graph& graph, std::span<const Value> kept) {
  const SoleReaders readers(graph, kept);
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const auto* relu = dynamic_cast<const UnaryOp*>(graph.nodes()[i].op.get());
    if (relu == nullptr || !relu->is_plain_relu()) continue;
    const std::size_t second = readers.of(graph.nodes()[i].outputs[0]);
    if (second == SoleReaders::none) continue;
    const auto* pool = dynamic_cast<const Pool2DOp*>(graph.nodes()[second].op.get());
    if (pool != nullptr && pool->attributes.kind == ops::PoolKind::max) graph.swap_nodes(i, second);
  }
}

}  // namespace fovea
