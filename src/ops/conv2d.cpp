#include "ops/conv2d.h"

// y[n,oh,ow,f] = sum over kh,kw,c of x[n, oh*sh + kh*dh - top, ow*sw + kw*dw - left, c] * kernel[kh,kw,c,f]
// All three passes are bilinear in two of (x, kernel, y), so each one's gradient is made of the other two.

namespace fovea {
namespace {

std::int64_t output_size(const Op& op, const char* axis, std::int64_t size, std::int64_t before,
                         std::int64_t after, std::int64_t kernel, std::int64_t dilation,
                         std::int64_t stride) {
  const std::int64_t reach = (kernel - 1) * dilation + 1;
  const std::int64_t padded = size + before + after;
  if (reach > padded) {
    fail(
        "Op {}: the kernel is larger than the image along {}: it reaches over {}, the image with its padding "
        "has {}",
        op.class_name(), axis, reach, padded);
  }
  return (padded - reach) / stride + 1;
}

}  // namespace

Shape convolved_shape(const Op& op, const Shape& x, const Shape& kernel, Size2 strides,
                      const Padding2& padding, Size2 dilation, std::int64_t channels) {
  if (strides.height < 1 || strides.width < 1 || dilation.height < 1 || dilation.width < 1) {
    fail("Op {}: strides and dilation are at least 1. Received: strides ({}, {}) and dilation ({}, {})",
         op.class_name(), strides.height, strides.width, dilation.height, dilation.width);
  }
  if (padding.top < 0 || padding.bottom < 0 || padding.left < 0 || padding.right < 0) {
    fail("Op {}: padding is at least 0. Received: (({}, {}), ({}, {}))", op.class_name(), padding.top,
         padding.bottom, padding.left, padding.right);
  }
  return {x[0],
          output_size(op, "the height", x[1], padding.top, padding.bottom, kernel[0], dilation.height,
                      strides.height),
          output_size(op, "the width", x[2], padding.left, padding.right, kernel[1], dilation.width,
                      strides.width),
          channels};
}

void Conv2DBase::fields(FieldVisitor& visitor) {
  visitor.field("strides", attributes.strides);
  visitor.field("padding", attributes.padding);
  visitor.field("dilation", attributes.dilation);
  visitor.field("groups", attributes.groups);
}

Shape Conv2DBase::output_shape(const Shape& x, const Shape& kernel) const {
  const auto& a = attributes;
  if (x.rank() != 4) {
    fail("Op {}: expected the shape of an image (N, H, W, C). Received: {}", class_name(), x.str());
  }
  if (kernel.rank() != 4)
    fail("Op {}: expected a kernel of rank 4. Received: {}", class_name(), kernel.str());
  if (a.groups < 1 || x[3] != kernel[2] * a.groups || kernel[3] % a.groups != 0) {
    fail("Op {}: {} channels do not fit a kernel of shape {} in {} groups", class_name(), x[3], kernel.str(),
         a.groups);
  }
  return convolved_shape(*this, x, kernel, a.strides, a.padding, a.dilation, kernel[3]);
}

std::vector<TensorSpec> Conv2DOp::infer(std::span<const TensorSpec> inputs) const {
  require_inputs(*this, inputs, 2);
  require_image(*this, inputs[0]);
  require_same_dtype(*this, inputs[0], inputs[1]);
  return {{output_shape(inputs[0].shape, inputs[1].shape), inputs[0].dtype}};
}

std::vector<Value> Conv2DOp::differentiate(GraphBuilder& b, const OpCall& call,
                                           std::span<const Value> dy) const {
  const Value x = call.inputs[0], kernel = call.inputs[1];
  Value dx, dkernel;
  if (call.wanted[0]) dx = ops::conv2d_backward_input(b, dy[0], kernel, b.spec(x).shape, attributes);
  if (call.wanted[1]) dkernel = ops::conv2d_backward_filter(b, x, dy[0], b.spec(kernel).shape, attributes);
  return {dx, dkernel};
}

void Conv2DBackwardInputOp::fields(FieldVisitor& visitor) {
  Conv2DBase::fields(visitor);
  visitor.field("x_shape", x_shape);
}

std::vector<TensorSpec> Conv2DBackwardInputOp::infer(std::span<const TensorSpec> inputs) const {
  require_inputs(*this, inputs, 2);
  require_image(*this, inputs[0]);
  require_same_dtype(*this, inputs[0], inputs[1]);
  if (output_shape(x_shape, inputs[1].shape) != inputs[0].shape) {
    fail("Op {}: a gradient of shape {} does not belong to an input of shape {} and a kernel of shape {}",
         class_name(), inputs[0].shape.str(), x_shape.str(), inputs[1].shape.str());
  }
  return {{x_shape, inputs[0].dtype}};
}

std::vector<Value> Conv2DBackwardInputOp::differentiate(GraphBuilder& b, const OpCall& call,
                                                        std::span<const Value> ddx) const {
  const Value dy = call.inputs[0], kernel = call.inputs[1];
  Value ddy, dkernel;
  if (call.wanted[0]) ddy = ops::conv2d(b, ddx[0], kernel, attributes);
  if (call.wanted[1]) dkernel = ops::conv2d_backward_filter(b, ddx[0], dy, b.spec(kernel).shape, attributes);
  return {ddy, dkernel};
}

void Conv2DBackwardFilterOp::fields(FieldVisitor& visitor) {
  Conv2DBase::fields(visitor);
  visitor.field("kernel_shape", kernel_shape);
}

std::vector<TensorSpec> Conv2DBackwardFilterOp::infer(std::span<const TensorSpec> inputs) const {
  require_inputs(*this, inputs, 2);
  require_image(*this, inputs[0]);
  require_same_dtype(*this, inputs[0], inputs[1]);
  if (output_shape(inputs[0].shape, kernel_shape) != inputs[1].shape) {
    fail("Op {}: a gradient of shape {} does not belong to an input of shape {} and a kernel of shape {}",
         class_name(), inputs[1].shape.str(), inputs[0].shape.str(), kernel_shape.str());
  }
  return {{kernel_shape, inputs[0].dtype}};
}

std::vector<Value> Conv2DBackwardFilterOp::differentiate(GraphBuilder& b, const OpCall& call,
                                                         std::span<const Value> ddkernel) const {
  const Value x = call.inputs[0], dy = call.inputs[1];
  Value dx, ddy;
  if (call.wanted[0]) dx = ops::conv2d_backward_input(b, dy, ddkernel[0], b.spec(x).shape, attributes);
  if (call.wanted[1]) ddy = ops::conv2d(b, x, ddkernel[0], attributes);
  return {dx, ddy};
}

Value ops::conv2d(GraphBuilder& b, Value x, Value kernel, const Conv2DAttributes& attributes) {
  return emit_one(b, Conv2DOp(attributes), {x, kernel});
}
Value ops::conv2d_backward_input(GraphBuilder& b, Value dy, Value kernel, const Shape& x_shape,
                                 const Conv2DAttributes& attributes) {
  return emit_one(b, Conv2DBackwardInputOp(attributes, x_shape), {dy, kernel});
}
Value ops::conv2d_backward_filter(GraphBuilder& b, Value x, Value dy, const Shape& kernel_shape,
                                  const Conv2DAttributes& attributes) {
  return emit_one(b, Conv2DBackwardFilterOp(attributes, kernel_shape), {x, dy});
}

}  // namespace fovea
