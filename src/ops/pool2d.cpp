#include "ops/pool2d.h"

// max:     y[n,oh,ow,c] = max over the window of x; its index is kh * window.width + kw of the first largest
// element average: y[n,oh,ow,c] = sum over the window of x / number of elements of the window inside the
// image

namespace fovea {
namespace {

void visit(FieldVisitor& visitor, ops::Pool2DAttributes& a) {
  auto kind = static_cast<std::int64_t>(a.kind);
  visitor.field("kind", kind);
  a.kind = static_cast<ops::PoolKind>(kind);
  visitor.field("window", a.window);
  visitor.field("strides", a.strides);
  visitor.field("padding", a.padding);
}

std::int64_t output_size(std::int64_t size, std::int64_t before, std::int64_t after, std::int64_t window,
                         std::int64_t stride) {
  if (window < 1 || stride < 1)
    fail("Op Pool2D: window and strides are at least 1. Received: {} and {}", window, stride);
  if (before < 0 || after < 0) {
    fail("Op Pool2D: padding is at least 0. Received: {} before, {} after", before, after);
  }
  if (before >= window || after >= window) {
    fail("Op Pool2D: a window of {} would lie wholly in the padding ({} before, {} after)", window, before,
         after);
  }
  if (window > size + before + after) {
    fail("Op Pool2D: a window of {} is larger than the image with its padding, {}", window,
         size + before + after);
  }
  return (size + before + after - window) / stride + 1;
}

Shape output_shape(const ops::Pool2DAttributes& a, const Shape& x) {
  return {x[0], output_size(x[1], a.padding.top, a.padding.bottom, a.window.height, a.strides.height),
          output_size(x[2], a.padding.left, a.padding.right, a.window.width, a.strides.width), x[3]};
}

/// The smallest type that numbers a window's elements: winners are read as often as gradients.
TensorSpec winners_spec(const ops::Pool2DAttributes& a, const Shape& y) {
  return {y, a.window.height * a.window.width <= 256 ? DType::uint8 : DType::int32};
}

}  // namespace

void Pool2DOp::fields(FieldVisitor& visitor) {
  visit(visitor, attributes);
  visitor.field("marks_dead", marks_dead);
}

std::vector<TensorSpec> Pool2DOp::infer(std::span<const TensorSpec> inputs) const {
  require_inputs(*this, inputs, 1);
  require_image(*this, inputs[0]);
  const Shape y = output_shape(attributes, inputs[0].shape);
  if (marks_dead && (attributes.kind == ops::PoolKind::average ||
                     attributes.window.height * attributes.window.width > kDeadWindow)) {
    fail("Op Pool2D: marks dead windows of max and min with at most {} elements. Received: {} x {}",
         kDeadWindow, attributes.window.height, attributes.window.width);
  }
  if (attributes.kind == ops::PoolKind::average) return {{y, inputs[0].dtype}};
  return {{y, inputs[0].dtype}, winners_spec(attributes, y)};
}

std::vector<Value> Pool2DOp::differentiate(GraphBuilder& b, const OpCall& call,
                                           std::span<const Value> dy) const {
  Pool2DBackwardOp backward(attributes, b.spec(call.inputs[0]).shape);
  if (attributes.kind == ops::PoolKind::average) return {emit_one(b, std::move(backward), {dy[0]})};
  return {emit_one(b, std::move(backward), {dy[0], call.outputs[1]})};
}

void Pool2DBackwardOp::fields(FieldVisitor& visitor) {
  visit(visitor, attributes);
  visitor.field("x_shape", x_shape);
}

std::vector<TensorSpec> Pool2DBackwardOp::infer(std::span<const TensorSpec> inputs) const {
  const bool has_winners = attributes.kind != ops::PoolKind::average;
  require_inputs(*this, inputs, has_winners ? 2 : 1);
  require_image(*this, inputs[0]);
  if (output_shape(attributes, x_shape) != inputs[0].shape) {
    fail("Op {}: a gradient of shape {} does not belong to an input of shape {}", class_name(),
         inputs[0].shape.str(), x_shape.str());
  }
  const TensorSpec winners = winners_spec(attributes, inputs[0].shape);
  if (has_winners && !(inputs[1] == winners)) {
    fail("Op {}: the winners must be {}. Received: {}", class_name(), winners.str(), inputs[1].str());
  }
  return {{x_shape, inputs[0].dtype}};
}

Value ops::pool2d(GraphBuilder& b, Value x, const Pool2DAttributes& attributes) {
  return emit_one(b, Pool2DOp(attributes), {x});
}

}  // namespace fovea
