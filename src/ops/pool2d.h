#pragma once

#include "ops/op.h"

namespace fovea {

/// The winner of a window that no element wins. Such windows have at most 255 elements.
inline constexpr std::uint8_t kDeadWindow = 255;

/// Inputs (x); outputs y and, for max and min, the index of the winner in its window, row by row (uint8, or
/// int32 where a window has more than 256 elements). With `marks_dead`, kDeadWindow stands for it where y <=
/// 0: what a ReLU after the pooling cuts off has no winner.
class Pool2DOp final : public Op {
 public:
  Pool2DOp() = default;
  explicit Pool2DOp(const ops::Pool2DAttributes& a, bool dead = false) : attributes(a), marks_dead(dead) {}
  std::string_view class_name() const override { return "Pool2D"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;

  ops::Pool2DAttributes attributes;
  bool marks_dead = false;
};

/// Inputs: dy and, for max and min, the winners' indices; a dead window's dy goes nowhere.
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
