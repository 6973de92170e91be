#include "ops/depthwise_conv2d.h"

#include "ops/conv2d.h"

// y[n,oh,ow,c*M+m] = sum over kh,kw of x[n, oh*sh + kh*dh - top, ow*sw + kw*dw - left, c] * kernel[kh,kw,c,m]
// All three passes are bilinear in two of (x, kernel, y), so each one's gradient is made of the other two.

namespace fovea {

void DepthwiseConv2DBase::fields(FieldVisitor& visitor) {
  visitor.field("strides", attributes.strides);
  visitor.field("padding", attributes.padding);
  visitor.field("dilation", attributes.dilation);
}

Shape DepthwiseConv2DBase::output_shape(const Shape& x, const Shape& kernel) const {
  if (x.rank() != 4) {
    fail("Op {}: expected the shape of an image (N, H, W, C). Received: {}", class_name(), x.str());
  }
  if (kernel.rank() != 4) {
    fail("Op {}: expected a kernel (height, width, channels, multiplier). Received: {}", class_name(),
         kernel.str());
  }
  if (x[3] != kernel[2] || kernel[3] < 1) {
    fail("Op {}: {} channels do not fit a kernel of shape {}; its third size is the number of channels",
         class_name(), x[3], kernel.str());
  }
  const auto& a = attributes;
  return convolved_shape(*this, x, kernel, a.strides, a.padding, a.dilation, kernel[2] * kernel[3]);
}

std::vector<TensorSpec> DepthwiseConv2DOp::infer(std::span<const TensorSpec> inputs) const {
  require_inputs(*this, inputs, 2);
  require_image(*this, inputs[0]);
  require_same_dtype(*this, inputs[0], inputs[1]);
  return {{output_shape(inputs[0].shape, inputs[1].shape), inputs[0].dtype}};
}

std::vector<Value> DepthwiseConv2DOp::differentiate(GraphBuilder& b, const OpCall& call,
                                                    std::span<const Value> dy) const {
  const Value x = call.inputs[0], kernel = call.inputs[1];
  Value dx, dkernel;
  if (call.wanted[0])
    dx = ops::depthwise_conv2d_backward_input(b, dy[0], kernel, b.spec(x).shape, attributes);
  if (call.wanted[1])
    dkernel = ops::depthwise_conv2d_backward_filter(b, x, dy[0], b.spec(kernel).shape, attributes);
  return {dx, dkernel};
}

void DepthwiseConv2DBackwardInputOp::fields(FieldVisitor& visitor) {
  DepthwiseConv2DBase::fields(visitor);
  visitor.field("x_shape", x_shape);
}

std::vector<TensorSpec> DepthwiseConv2DBackwardInputOp::infer(std::span<const TensorSpec> inputs) const {
  require_inputs(*this, inputs, 2);
  require_image(*this, inputs[0]);
  require_same_dtype(*this, inputs[0], inputs[1]);
  if (output_shape(x_shape, inputs[1].shape) != inputs[0].shape) {
    fail("Op {}: a gradient of shape {} does not belong to an input of shape {} and a kernel of shape {}",
         class_name(), inputs[0].shape.str(), x_shape.str(), inputs[1].shape.str());
  }
  return {{x_shape, inputs[0].dtype}};
}

std::vector<Value> DepthwiseConv2DBackwardInputOp::differentiate(GraphBuilder& b, const OpCall& call,
                                                                 std::span<const Value> ddx) const {
  const Value dy = call.inputs[0], kernel = call.inputs[1];
  Value ddy, dkernel;
  if (call.wanted[0]) ddy = ops::depthwise_conv2d(b, ddx[0], kernel, attributes);
  if (call.wanted[1])
    dkernel = ops::depthwise_conv2d_backward_filter(b, ddx[0], dy, b.spec(kernel).shape, attributes);
  return {ddy, dkernel};
}

void DepthwiseConv2DBackwardFilterOp::fields(FieldVisitor& visitor) {
  DepthwiseConv2DBase::fields(visitor);
  visitor.field("kernel_shape", kernel_shape);
}

std::vector<TensorSpec> DepthwiseConv2DBackwardFilterOp::infer(std::span<const TensorSpec> inputs) const {
  require_inputs(*this, inputs, 2);
  require_image(*this, inputs[0]);
  require_same_dtype(*this, inputs[0], inputs[1]);
  if (output_shape(inputs[0].shape, kernel_shape) != inputs[1].shape) {
    fail("Op {}: a gradient of shape {} does not belong to an input of shape {} and a kernel of shape {}",
         class_name(), inputs[1].shape.str(), inputs[0].shape.str(), kernel_shape.str());
  }
  return {{kernel_shape, inputs[0].dtype}};
}

std::vector<Value> DepthwiseConv2DBackwardFilterOp::differentiate(GraphBuilder& b, const OpCall& call,
                                                                  std::span<const Value> ddkernel) const {
  const Value x = call.inputs[0], dy = call.inputs[1];
  Value dx, ddy;
  if (call.wanted[0])
    dx = ops::depthwise_conv2d_backward_input(b, dy, ddkernel[0], b.spec(x).shape, attributes);
  if (call.wanted[1]) ddy = ops::depthwise_conv2d(b, x, ddkernel[0], attributes);
  return {dx, ddy};
}

Value ops::depthwise_conv2d(GraphBuilder& b, Value x, Value kernel,
                            const DepthwiseConv2DAttributes& attributes) {
  return emit_one(b, DepthwiseConv2DOp(attributes), {x, kernel});
}
Value ops::depthwise_conv2d_backward_input(GraphBuilder& b, Value dy, Value kernel, const Shape& x_shape,
                                           const DepthwiseConv2DAttributes& attributes) {
  return emit_one(b, DepthwiseConv2DBackwardInputOp(attributes, x_shape), {dy, kernel});
}
Value ops::depthwise_conv2d_backward_filter(GraphBuilder& b, Value x, Value dy, const Shape& kernel_shape,
                                            const DepthwiseConv2DAttributes& attributes) {
  return emit_one(b, DepthwiseConv2DBackwardFilterOp(attributes, kernel_shape), {x, dy});
}

}  // namespace fovea
