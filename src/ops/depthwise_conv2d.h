#pragma once

#include "ops/op.h"

namespace fovea {

/// The three passes of a depthwise convolution share their attributes. Inputs: forward (x, kernel),
/// backward_input (dy, kernel), backward_filter (x, dy). The backward passes carry the shape of what they
/// compute.
class DepthwiseConv2DBase : public Op {
 public:
  DepthwiseConv2DBase() = default;
  explicit DepthwiseConv2DBase(const ops::DepthwiseConv2DAttributes& a) : attributes(a) {}
  void fields(FieldVisitor& visitor) override;

  ops::DepthwiseConv2DAttributes attributes;

 protected:
  /// The shape rule, which all three passes share.
  Shape output_shape(const Shape& x, const Shape& kernel) const;
};

class DepthwiseConv2DOp final : public DepthwiseConv2DBase {
 public:
  using DepthwiseConv2DBase::DepthwiseConv2DBase;
  std::string_view class_name() const override { return "DepthwiseConv2D"; }
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;
};

class DepthwiseConv2DBackwardInputOp final : public DepthwiseConv2DBase {
 public:
  DepthwiseConv2DBackwardInputOp() = default;
  DepthwiseConv2DBackwardInputOp(const ops::DepthwiseConv2DAttributes& a, const Shape& shape)
      : DepthwiseConv2DBase(a), x_shape(shape) {}
  std::string_view class_name() const override { return "DepthwiseConv2DBackwardInput"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;

  Shape x_shape;
};

class DepthwiseConv2DBackwardFilterOp final : public DepthwiseConv2DBase {
 public:
  DepthwiseConv2DBackwardFilterOp() = default;
  DepthwiseConv2DBackwardFilterOp(const ops::DepthwiseConv2DAttributes& a, const Shape& shape)
      : DepthwiseConv2DBase(a), kernel_shape(shape) {}
  std::string_view class_name() const override { return "DepthwiseConv2DBackwardFilter"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;

  Shape kernel_shape;
};

}  // namespace fovea
