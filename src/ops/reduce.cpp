#include "ops/reduce.h"

#include <algorithm>

// sum, mean, max or min over axes; a sum's gradient is broadcast back, an extreme's goes to the elements that
// reached it.

namespace fovea {
namespace {

Shape reduced(const Shape& x, const std::vector<std::int64_t>& axes, bool keepdims) {
  Shape result;
  for (std::size_t i = 0; i < x.rank(); ++i) {
    const bool gone = std::binary_search(axes.begin(), axes.end(), static_cast<std::int64_t>(i));
    if (!gone) result.push_back(x[static_cast<std::ptrdiff_t>(i)]);
    if (gone && keepdims) result.push_back(1);
  }
  return result;
}

}  // namespace

void ReduceOp::fields(FieldVisitor& visitor) {
  auto value = static_cast<std::int64_t>(kind);
  visitor.field("kind", value);
  kind = static_cast<ops::ReduceKind>(value);
  visitor.field("axes", axes);
  visitor.field("keepdims", keepdims);
}

std::vector<TensorSpec> ReduceOp::infer(std::span<const TensorSpec> inputs) const {
  require_inputs(*this, inputs, 1);
  require_floats(*this, inputs[0]);
  const Shape& x = inputs[0].shape;
  for (const std::int64_t axis : axes) require_axis(*this, inputs[0], axis);
  const Shape y = reduced(x, axes, keepdims);
  const bool extreme = kind == ops::ReduceKind::max || kind == ops::ReduceKind::min;
  if (extreme && x.elements() == 0 && y.elements() != 0) {
    fail("Op Reduce: {} has no largest or smallest element along the axes", inputs[0].str());
  }
  return {{y, inputs[0].dtype}};
}

std::vector<Value> ReduceOp::differentiate(GraphBuilder& b, const OpCall& call,
                                           std::span<const Value> dy) const {
  const Value x = call.inputs[0];
  const Shape shape = b.spec(x).shape;
  const Shape kept = reduced(shape, axes, true);
  const Value gradient = ops::reshape(b, dy[0], kept);
  switch (kind) {
    case ops::ReduceKind::sum:
      return {ops::broadcast_to(b, gradient, shape)};
    case ops::ReduceKind::mean: {
      const double count = static_cast<double>(shape.elements()) / static_cast<double>(kept.elements());
      return {ops::broadcast_to(b, ops::scale(b, gradient, 1.0 / count), shape)};
    }
    case ops::ReduceKind::max:
    case ops::ReduceKind::min:
      return {
          emit_one(b, ReduceExtremeBackwardOp(axes), {x, ops::reshape(b, call.outputs[0], kept), gradient})};
  }
  return {};
}

void ReduceExtremeBackwardOp::fields(FieldVisitor& visitor) { visitor.field("axes", axes); }

std::vector<TensorSpec> ReduceExtremeBackwardOp::infer(std::span<const TensorSpec> inputs) const {
  require_inputs(*this, inputs, 3);
  require_floats(*this, inputs[0]);
  for (const std::int64_t axis : axes) require_axis(*this, inputs[0], axis);
  const TensorSpec kept{reduced(inputs[0].shape, axes, true), inputs[0].dtype};
  if (!(inputs[1] == kept) || !(inputs[2] == kept)) {
    fail("Op {}: the extremes and their gradient must be {}. Received: {} and {}", class_name(), kept.str(),
         inputs[1].str(), inputs[2].str());
  }
  return {inputs[0]};
}

void BroadcastToOp::fields(FieldVisitor& visitor) { visitor.field("shape", shape); }

std::vector<TensorSpec> BroadcastToOp::infer(std::span<const TensorSpec> inputs) const {
  require_inputs(*this, inputs, 1);
  require_floats(*this, inputs[0]);
  if (broadcast_shapes("Op BroadcastTo", inputs[0].shape, shape) != shape) {
    fail("Op BroadcastTo: {} does not broadcast to {}", inputs[0].str(), shape.str());
  }
  return {{shape, inputs[0].dtype}};
}

std::vector<Value> BroadcastToOp::differentiate(GraphBuilder& b, const OpCall& call,
                                                std::span<const Value> dy) const {
  return {reduce_to_shape(b, dy[0], b.spec(call.inputs[0]).shape)};
}

Value ops::reduce(GraphBuilder& b, ReduceKind kind, Value x, std::vector<std::int64_t> axes, bool keepdims) {
  const auto rank = static_cast<std::int64_t>(b.spec(x).shape.rank());
  for (std::int64_t& axis : axes) {
    if (axis < -rank || axis >= rank) fail("Op Reduce: {} has no axis {}", b.spec(x).str(), axis);
    if (axis < 0) axis += rank;
  }
  std::sort(axes.begin(), axes.end());
  axes.erase(std::unique(axes.begin(), axes.end()), axes.end());
  return emit_one(b, ReduceOp(kind, std::move(axes), keepdims), {x});
}
Value ops::broadcast_to(GraphBuilder& b, Value x, const Shape& shape) {
  return b.spec(x).shape == shape ? x : emit_one(b, BroadcastToOp(shape), {x});
}

}  // namespace fovea
