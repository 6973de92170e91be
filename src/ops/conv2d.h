#pragma once

#include "ops/op.h"

namespace fovea {

/// The shape of a convolution's result with `channels` channels: floor((n + before + after - ((k - 1) *
/// dilation
/// + 1)) / stride) + 1 along each axis of the images `x`, whose kernel begins with (kernel height, kernel
/// width). Fails, naming `op`, for strides or dilation below 1, negative padding, or a kernel larger than the
/// image.
Shape convolved_shape(const Op& op, const Shape& x, const Shape& kernel, Size2 strides,
                      const Padding2& padding, Size2 dilation, std::int64_t channels);

enum class ConvPass : std::uint8_t { forward, backward_input, backward_filter };

/// The three passes of a convolution share their attributes. Inputs: forward (x, kernel), backward_input (dy,
/// kernel), backward_filter (x, dy). The backward passes carry the shape of what they compute.
class Conv2DBase : public Op {
 public:
  Conv2DBase() = default;
  explicit Conv2DBase(const ops::Conv2DAttributes& a) : attributes(a) {}
  void fields(FieldVisitor& visitor) override;

  ops::Conv2DAttributes attributes;

 protected:
  /// The shape rule, which all three passes share.
  Shape output_shape(const Shape& x, const Shape& kernel) const;
};

class Conv2DOp final : public Conv2DBase {
 public:
  using Conv2DBase::Conv2DBase;
  std::string_view class_name() const override { return "Conv2D"; }
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;
};

class Conv2DBackwardInputOp final : public Conv2DBase {
 public:
  Conv2DBackwardInputOp() = default;
  Conv2DBackwardInputOp(const ops::Conv2DAttributes& a, const Shape& shape) : Conv2DBase(a), x_shape(shape) {}
  std::string_view class_name() const override { return "Conv2DBackwardInput"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;

  Shape x_shape;
};

class Conv2DBackwardFilterOp final : public Conv2DBase {
 public:
  Conv2DBackwardFilterOp() = default;
  Conv2DBackwardFilterOp(const ops::Conv2DAttributes& a, const Shape& shape)
      : Conv2DBase(a), kernel_shape(shape) {}
  std::string_view class_name() const override { return "Conv2DBackwardFilter"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;

  Shape kernel_shape;
};

}  // namespace fovea
