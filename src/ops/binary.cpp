#include "ops/binary.h"

// z = x (+ - * /) y, max(x, y), min(x, y); a gradient is summed back over the axes along which its input was
// broadcast.

namespace fovea {

void BinaryOp::fields(FieldVisitor& visitor) {
  auto value = static_cast<std::int64_t>(kind);
  visitor.field("kind", value);
  kind = static_cast<BinaryKind>(value);
}

std::vector<TensorSpec> BinaryOp::infer(std::span<const TensorSpec> inputs) const {
  require_inputs(*this, inputs, 2);
  require_floats(*this, inputs[0]);
  require_same_dtype(*this, inputs[0], inputs[1]);
  return {{broadcast_shapes("Op Binary", inputs[0].shape, inputs[1].shape), inputs[0].dtype}};
}

std::vector<Value> BinaryOp::differentiate(GraphBuilder& b, const OpCall& call,
                                           std::span<const Value> gradients) const {
  const Value x = call.inputs[0], y = call.inputs[1], dz = gradients[0];
  const Shape x_shape = b.spec(x).shape, y_shape = b.spec(y).shape;
  const auto selected = [&](bool first) {
    const Shape shape = b.spec(dz).shape;
    return emit_one(b, SelectGradientOp(kind == BinaryKind::maximum, first),
                    {ops::broadcast_to(b, x, shape), ops::broadcast_to(b, y, shape), dz});
  };
  Value dx, dy;
  switch (kind) {
    case BinaryKind::add:
      if (call.wanted[0]) dx = dz;
      if (call.wanted[1]) dy = dz;
      break;
    case BinaryKind::subtract:
      if (call.wanted[0]) dx = dz;
      if (call.wanted[1]) dy = ops::scale(b, dz, -1);
      break;
    case BinaryKind::multiply:
      if (call.wanted[0]) dx = ops::multiply(b, dz, y);
      if (call.wanted[1]) dy = ops::multiply(b, dz, x);
      break;
    case BinaryKind::divide: {
      if (call.wanted[0]) dx = ops::divide(b, dz, y);
      if (call.wanted[1]) dy = ops::scale(b, ops::divide(b, ops::multiply(b, dz, call.outputs[0]), y), -1);
      break;
    }
    case BinaryKind::maximum:
    case BinaryKind::minimum:
      if (call.wanted[0]) dx = selected(true);
      if (call.wanted[1]) dy = selected(false);
      break;
  }
  if (dx) dx = reduce_to_shape(b, dx, x_shape);
  if (dy) dy = reduce_to_shape(b, dy, y_shape);
  return {dx, dy};
}

void SelectGradientOp::fields(FieldVisitor& visitor) {
  visitor.field("largest", largest);
  visitor.field("first", first);
}

std::vector<TensorSpec> SelectGradientOp::infer(std::span<const TensorSpec> inputs) const {
  require_inputs(*this, inputs, 3);
  require_alike(*this, inputs);
  return {inputs[2]};
}

Value ops::add(GraphBuilder& b, Value x, Value y) { return emit_one(b, BinaryOp(BinaryKind::add), {x, y}); }
Value ops::subtract(GraphBuilder& b, Value x, Value y) {
  return emit_one(b, BinaryOp(BinaryKind::subtract), {x, y});
}
Value ops::multiply(GraphBuilder& b, Value x, Value y) {
  return emit_one(b, BinaryOp(BinaryKind::multiply), {x, y});
}
Value ops::divide(GraphBuilder& b, Value x, Value y) {
  return emit_one(b, BinaryOp(BinaryKind::divide), {x, y});
}
Value ops::maximum(GraphBuilder& b, Value x, Value y) {
  return emit_one(b, BinaryOp(BinaryKind::maximum), {x, y});
}
Value ops::minimum(GraphBuilder& b, Value x, Value y) {
  return emit_one(b, BinaryOp(BinaryKind::minimum), {x, y});
}

}  // namespace fovea
