#include "ops/shaping.h"

// Ops that move elements without arithmetic; each one's gradient moves them back.

namespace fovea {
namespace {

void visit_dtype(FieldVisitor& visitor, DType& dtype) {
  std::string text(name(dtype));
  visitor.field("dtype", text);
  dtype = dtype_from_name(text);
}

std::int64_t resolved_axis(std::string_view op, std::int64_t axis, const Shape& shape) {
  const auto rank = static_cast<std::int64_t>(shape.rank());
  const std::int64_t result = axis < 0 ? axis + rank : axis;
  if (result < 0 || result >= rank) fail("Op {}: shape {} has no axis {}", op, shape.str(), axis);
  return result;
}

}  // namespace

void ReshapeOp::fields(FieldVisitor& visitor) { visitor.field("shape", shape); }

std::vector<TensorSpec> ReshapeOp::infer(std::span<const TensorSpec> inputs) const {
  require_inputs(*this, inputs, 1);
  if (inputs[0].shape.elements() != shape.elements()) {
    fail("Op Reshape: {} does not fit {}", inputs[0].str(), shape.str());
  }
  return {{shape, inputs[0].dtype}};
}

std::vector<Value> ReshapeOp::differentiate(GraphBuilder& b, const OpCall& call,
                                            std::span<const Value> dy) const {
  return {ops::reshape(b, dy[0], b.spec(call.inputs[0]).shape)};
}

Value ops::reshape(GraphBuilder& b, Value x, const Shape& wanted) {
  const Shape from = b.spec(x).shape;
  Shape shape = wanted;
  std::int64_t known = 1, derived = -1;
  for (std::size_t i = 0; i < shape.rank(); ++i) {
    const std::int64_t size = shape[static_cast<std::ptrdiff_t>(i)];
    if (size >= 0) {
      known *= size;
    } else {
      if (derived >= 0) fail("Op Reshape: only one size may be -1. Received: {}", wanted.str());
      derived = static_cast<std::int64_t>(i);
    }
  }
  if (derived >= 0) {
    if (known == 0 || from.elements() % known != 0)
      fail("Op Reshape: {} does not fit {}", b.spec(x).str(), wanted.str());
    shape.set(derived, from.elements() / known);
  }
  return from == shape ? x : emit_one(b, ReshapeOp(shape), {x});
}

void TransposeOp::fields(FieldVisitor& visitor) { visitor.field("permutation", permutation); }

std::vector<TensorSpec> TransposeOp::infer(std::span<const TensorSpec> inputs) const {
  require_inputs(*this, inputs, 1);
  require_rank(*this, inputs[0], permutation.size());
  std::vector<bool> seen(permutation.size());
  Shape shape;
  for (const std::int64_t axis : permutation) {
    if (axis < 0 || axis >= static_cast<std::int64_t>(seen.size()) || seen[static_cast<std::size_t>(axis)]) {
      fail("Op Transpose: every axis of {} must stand once. Received: axis {}", inputs[0].str(), axis);
    }
    seen[static_cast<std::size_t>(axis)] = true;
    shape.push_back(inputs[0].shape[axis]);
  }
  return {{shape, inputs[0].dtype}};
}

std::vector<Value> TransposeOp::differentiate(GraphBuilder& b, const OpCall&,
                                              std::span<const Value> dy) const {
  std::vector<std::int64_t> inverse(permutation.size());
  for (std::size_t i = 0; i < permutation.size(); ++i) {
    inverse[static_cast<std::size_t>(permutation[i])] = static_cast<std::int64_t>(i);
  }
  return {ops::transpose(b, dy[0], std::move(inverse))};
}

Value ops::transpose(GraphBuilder& b, Value x, std::vector<std::int64_t> permutation) {
  return emit_one(b, TransposeOp(std::move(permutation)), {x});
}

void ConcatenateOp::fields(FieldVisitor& visitor) { visitor.field("axis", axis); }

std::vector<TensorSpec> ConcatenateOp::infer(std::span<const TensorSpec> inputs) const {
  if (inputs.empty()) fail("Op Concatenate: takes at least one input");
  require_axis(*this, inputs[0], axis);
  Shape shape = inputs[0].shape;
  std::int64_t total = 0;
  for (const TensorSpec& input : inputs) {
    require_same_dtype(*this, inputs[0], input);
    Shape rest = input.shape;
    if (rest.rank() == shape.rank()) rest.set(axis, shape[axis]);
    if (rest != shape) {
      fail("Op Concatenate: shapes differ outside axis {}. Received: {} and {}", axis, shape.str(),
           input.shape.str());
    }
    total += input.shape[axis];
  }
  shape.set(axis, total);
  return {{shape, inputs[0].dtype}};
}

std::vector<Value> ConcatenateOp::differentiate(GraphBuilder& b, const OpCall& call,
                                                std::span<const Value> dy) const {
  std::vector<Value> gradients;
  std::int64_t first = 0;
  for (std::size_t i = 0; i < call.inputs.size(); ++i) {
    const std::int64_t size = b.spec(call.inputs[i]).shape[axis];
    gradients.push_back(call.wanted[i] ? ops::slice(b, dy[0], axis, first, size) : Value{});
    first += size;
  }
  return gradients;
}

Value ops::concatenate(GraphBuilder& b, std::span<const Value> values, std::int64_t axis) {
  if (values.empty()) fail("ops::concatenate: takes at least one value");
  const std::int64_t resolved = resolved_axis("Concatenate", axis, b.spec(values[0]).shape);
  return b.emit(std::make_shared<ConcatenateOp>(resolved), values)[0];
}

void SliceOp::fields(FieldVisitor& visitor) {
  visitor.field("axis", axis);
  visitor.field("first", first);
  visitor.field("size", size);
}

std::vector<TensorSpec> SliceOp::infer(std::span<const TensorSpec> inputs) const {
  require_inputs(*this, inputs, 1);
  require_axis(*this, inputs[0], axis);
  Shape shape = inputs[0].shape;
  if (first < 0 || size < 0 || first + size > shape[axis]) {
    fail("Op Slice: [{}, {}) is outside axis {} of {}", first, first + size, axis, inputs[0].str());
  }
  shape.set(axis, size);
  return {{shape, inputs[0].dtype}};
}

std::vector<Value> SliceOp::differentiate(GraphBuilder& b, const OpCall& call,
                                          std::span<const Value> dy) const {
  const std::int64_t total = b.spec(call.inputs[0]).shape[axis];
  return {emit_one(b, PadOp(axis, first, total - first - size), {dy[0]})};
}

Value ops::slice(GraphBuilder& b, Value x, std::int64_t axis, std::int64_t first, std::int64_t size) {
  return emit_one(b, SliceOp(resolved_axis("Slice", axis, b.spec(x).shape), first, size), {x});
}

void PadOp::fields(FieldVisitor& visitor) {
  visitor.field("axis", axis);
  visitor.field("before", before);
  visitor.field("after", after);
}

std::vector<TensorSpec> PadOp::infer(std::span<const TensorSpec> inputs) const {
  require_inputs(*this, inputs, 1);
  require_axis(*this, inputs[0], axis);
  if (before < 0 || after < 0) fail("Op Pad: padding is at least 0. Received: {} and {}", before, after);
  Shape shape = inputs[0].shape;
  shape.set(axis, shape[axis] + before + after);
  return {{shape, inputs[0].dtype}};
}

std::vector<Value> PadOp::differentiate(GraphBuilder& b, const OpCall& call,
                                        std::span<const Value> dy) const {
  return {ops::slice(b, dy[0], axis, before, b.spec(call.inputs[0]).shape[axis])};
}

Value ops::zero_padding2d(GraphBuilder& b, Value x, const Padding2& p) {
  if (p.top != 0 || p.bottom != 0) x = emit_one(b, PadOp(1, p.top, p.bottom), {x});
  if (p.left != 0 || p.right != 0) x = emit_one(b, PadOp(2, p.left, p.right), {x});
  return x;
}

void CastOp::fields(FieldVisitor& visitor) { visit_dtype(visitor, dtype); }

std::vector<TensorSpec> CastOp::infer(std::span<const TensorSpec> inputs) const {
  require_inputs(*this, inputs, 1);
  return {{inputs[0].shape, dtype}};
}

std::vector<Value> CastOp::differentiate(GraphBuilder& b, const OpCall& call,
                                         std::span<const Value> dy) const {
  const DType from = b.spec(call.inputs[0]).dtype;
  return {is_floating(from) ? ops::cast(b, dy[0], from) : Value{}};
}

Value ops::cast(GraphBuilder& b, Value x, DType dtype) {
  return b.spec(x).dtype == dtype ? x : emit_one(b, CastOp(dtype), {x});
}

void OneHotOp::fields(FieldVisitor& visitor) {
  visitor.field("classes", classes);
  visit_dtype(visitor, dtype);
}

std::vector<TensorSpec> OneHotOp::infer(std::span<const TensorSpec> inputs) const {
  require_inputs(*this, inputs, 1);
  if (inputs[0].dtype != DType::int32 || classes < 1) {
    fail("Op OneHot: expected int32 indices and at least one class. Received: {} and {}", inputs[0].str(),
         classes);
  }
  if (!is_floating(dtype)) fail("Op OneHot: its result is floating. Received: {}", name(dtype));
  Shape shape = inputs[0].shape;
  shape.push_back(classes);
  return {{shape, dtype}};
}

std::vector<Value> OneHotOp::differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const {
  return {Value{}};
}

Value ops::one_hot(GraphBuilder& b, Value indices, std::int64_t classes, DType dtype) {
  return emit_one(b, OneHotOp(classes, dtype), {cast(b, indices, DType::int32)});
}

std::vector<TensorSpec> StopGradientOp::infer(std::span<const TensorSpec> inputs) const {
  require_inputs(*this, inputs, 1);
  return {inputs[0]};
}

std::vector<Value> StopGradientOp::differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const {
  return {Value{}};
}

Value ops::stop_gradient(GraphBuilder& b, Value x) { return emit_one(b, StopGradientOp(), {x}); }

}  // namespace fovea
