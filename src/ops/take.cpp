#include "ops/take.h"

// y[.., i, ..] = x[.., indices[i], ..];  dx[.., j, ..] = sum of dy[.., i, ..] over those i with indices[i] =
// j

namespace fovea {
namespace {

void require_indices(const Op& op, const std::vector<std::int64_t>& indices, std::int64_t size) {
  for (const std::int64_t index : indices) {
    if (index < 0 || index >= size)
      fail("Op {}: an axis of {} positions has no position {}", op.class_name(), size, index);
  }
}

}  // namespace

void TakeOp::fields(FieldVisitor& visitor) {
  visitor.field("axis", axis);
  visitor.field("indices", indices);
}

std::vector<TensorSpec> TakeOp::infer(std::span<const TensorSpec> inputs) const {
  require_inputs(*this, inputs, 1);
  require_axis(*this, inputs[0], axis);
  Shape shape = inputs[0].shape;
  require_indices(*this, indices, shape[axis]);
  shape.set(axis, static_cast<std::int64_t>(indices.size()));
  return {{shape, inputs[0].dtype}};
}

std::vector<Value> TakeOp::differentiate(GraphBuilder& b, const OpCall& call,
                                         std::span<const Value> dy) const {
  return {emit_one(b, TakeBackwardOp(axis, indices, b.spec(call.inputs[0]).shape[axis]), {dy[0]})};
}

void TakeBackwardOp::fields(FieldVisitor& visitor) {
  visitor.field("axis", axis);
  visitor.field("indices", indices);
  visitor.field("size", size);
}

std::vector<TensorSpec> TakeBackwardOp::infer(std::span<const TensorSpec> inputs) const {
  require_inputs(*this, inputs, 1);
  require_axis(*this, inputs[0], axis);
  require_floats(*this, inputs[0]);
  Shape shape = inputs[0].shape;
  if (shape[axis] != static_cast<std::int64_t>(indices.size())) {
    fail("Op TakeBackward: {} positions were taken along axis {}. Received: {}", indices.size(), axis,
         inputs[0].str());
  }
  require_indices(*this, indices, size);
  shape.set(axis, size);
  return {{shape, inputs[0].dtype}};
}

std::vector<Value> TakeBackwardOp::differentiate(GraphBuilder& b, const OpCall&,
                                                 std::span<const Value> dy) const {
  return {emit_one(b, TakeOp(axis, indices), {dy[0]})};
}

Value ops::take(GraphBuilder& b, Value x, std::int64_t axis, std::vector<std::int64_t> indices) {
  const auto rank = static_cast<std::int64_t>(b.spec(x).shape.rank());
  return emit_one(b, TakeOp(axis < 0 ? axis + rank : axis, std::move(indices)), {x});
}

}  // namespace fovea
