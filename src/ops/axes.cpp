#include "ops/axes.h"

#include <algorithm>
#include <numeric>

#include "ops/binary.h"
#include "ops/shaping.h"
#include "ops/unary.h"

// Axes change places on the way into an op and back on the way out, so that in a model of channels first most
// turns meet their opposites. Those are not made: what stands between two of them, elementwise ops and
// concatenations, is done in the order that the axes have there.

namespace fovea {
namespace {

using Order = std::vector<std::int64_t>;

/// The axes in which `from` goes to place `to`, the others keeping their order.
Order moved(std::int64_t rank, std::int64_t from, std::int64_t to) {
  Order order(static_cast<std::size_t>(rank));
  std::iota(order.begin(), order.end(), 0);
  order.erase(order.begin() + from);
  order.insert(order.begin() + to, from);
  return order;
}

bool is_identity(const Order& order) { return std::is_sorted(order.begin(), order.end()); }

/// What `second` makes of what `first` made.
Order composed(const Order& first, const Order& second) {
  Order result;
  for (const std::int64_t axis : second) result.push_back(first[static_cast<std::size_t>(axis)]);
  return result;
}

/// x with its axes in that order where this takes no Transpose; otherwise an empty Value.
Value without_turning(GraphBuilder& g, Value x, const Order& order) {
  if (const auto known = g.turned.find({x.id, order}); known != g.turned.end()) return known->second;
  const Op* const op = g.producer(x);
  if (op == nullptr) return {};
  const std::vector<Value> inputs(g.producer_inputs(x).begin(), g.producer_inputs(x).end());
  if (const auto* turn = dynamic_cast<const TransposeOp*>(op))
    return is_identity(composed(turn->permutation, order)) ? inputs[0] : Value{};
  const auto* const unary = dynamic_cast<const UnaryOp*>(op);
  const auto* const binary = dynamic_cast<const BinaryOp*>(op);
  const auto* const cast = dynamic_cast<const CastOp*>(op);
  const auto* const concatenate = dynamic_cast<const ConcatenateOp*>(op);
  if (unary == nullptr && binary == nullptr && cast == nullptr && concatenate == nullptr) return {};
  std::vector<Value> turned;
  for (const Value input : inputs) {
    const Shape& shape = g.spec(input).shape;
    if (binary != nullptr && shape.elements() == 1 && shape.rank() <= order.size()) {
      turned.push_back(ops::reshape(g, input, {}));
      continue;
    }
    if (shape.rank() != order.size()) return {};
    const Value found = without_turning(g, input, order);
    if (!found) return {};
    turned.push_back(found);
  }
  Value result;
  if (unary != nullptr) result = emit_one(g, UnaryOp(*unary), {turned[0]});
  if (cast != nullptr) result = emit_one(g, CastOp(*cast), {turned[0]});
  if (binary != nullptr) result = emit_one(g, BinaryOp(*binary), {turned[0], turned[1]});
  if (concatenate != nullptr) {
    const auto place = std::find(order.begin(), order.end(), concatenate->axis) - order.begin();
    result = ops::concatenate(g, turned, place);
  }
  return g.turned[{x.id, order}] = result;
}

Value turned(GraphBuilder& g, Value x, const Order& order) {
  if (is_identity(order)) return x;
  if (const Value found = without_turning(g, x, order)) return found;
  return g.turned[{x.id, order}] = ops::transpose(g, x, order);
}

}  // namespace

Value axis_to_last(GraphBuilder& graph, Value x, std::int64_t axis) {
  const auto rank = static_cast<std::int64_t>(graph.spec(x).shape.rank());
  return turned(graph, x, moved(rank, axis < 0 ? axis + rank : axis, rank - 1));
}

Value axis_from_last(GraphBuilder& graph, Value x, std::int64_t axis) {
  const auto rank = static_cast<std::int64_t>(graph.spec(x).shape.rank());
  return turned(graph, x, moved(rank, rank - 1, axis < 0 ? axis + rank : axis));
}

}  // namespace fovea
