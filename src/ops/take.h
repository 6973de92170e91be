#pragma once

#include "ops/op.h"

namespace fovea {

/// Positions of one axis, in an order of their own, some several times or never.
class TakeOp final : public Op {
 public:
  TakeOp() = default;
  TakeOp(std::int64_t a, std::vector<std::int64_t> i) : axis(a), indices(std::move(i)) {}
  std::string_view class_name() const override { return "Take"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;

  std::int64_t axis = 0;
  std::vector<std::int64_t> indices;
};

/// Back to an axis of `size` positions: each is the sum of those that were taken from it, or zero.
class TakeBackwardOp final : public Op {
 public:
  TakeBackwardOp() = default;
  TakeBackwardOp(std::int64_t a, std::vector<std::int64_t> i, std::int64_t s)
      : axis(a), indices(std::move(i)), size(s) {}
  std::string_view class_name() const override { return "TakeBackward"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;

  std::int64_t axis = 0;
  std::vector<std::int64_t> indices;
  std::int64_t size = 0;
};

}  // namespace fovea
