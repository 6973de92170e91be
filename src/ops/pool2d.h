#pragma once

#include "ops/op.h"

namespace fovea {

/// Inputs (x); outputs y and, for max and min, the index of the winner in its window, row by row (uint8, or
/// int32 where a window has more than 256 elements).
class Pool2DOp final : public Op {
 public:
  Pool2DOp() = default;
  explicit Pool2DOp(const ops::Pool2DAttributes& a) : attributes(a) {}
  std::string_view class_name() const override { return "Pool2D"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;

  ops::Pool2DAttributes attributes;
};

/// Inputs: dy and, for max and min, the winners' indices.
class Pool2DBackwardOp final : public Op {
 public:
  Pool2DBackwardOp() = default;
  Pool2DBackwardOp(const ops::Pool2DAttributes& a, const Shape& shape) : attributes(a), x_shape(shape) {}
  std::string_view class_name() const override { return "Pool2DBackward"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;

  ops::Pool2DAttributes attributes;
  Shape x_shape;
};

}  // namespace fovea
