#pragma once

#include "ops/op.h"

namespace fovea {

/// Over sorted, non-negative axes.
class ReduceOp final : public Op {
 public:
  ReduceOp() = default;
  ReduceOp(ops::ReduceKind k, std::vector<std::int64_t> a, bool keep)
      : kind(k), axes(std::move(a)), keepdims(keep) {}
  std::string_view class_name() const override { return "Reduce"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;

  ops::ReduceKind kind = ops::ReduceKind::sum;
  std::vector<std::int64_t> axes;
  bool keepdims = false;
};

/// Inputs (x, y, dy), y and dy with their sizes of 1 kept: dy shared among the elements of x that equal y.
class ReduceExtremeBackwardOp final : public Op {
 public:
  ReduceExtremeBackwardOp() = default;
  explicit ReduceExtremeBackwardOp(std::vector<std::int64_t> a) : axes(std::move(a)) {}
  std::string_view class_name() const override { return "ReduceExtremeBackward"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;

  std::vector<std::int64_t> axes;
};

class BroadcastToOp final : public Op {
 public:
  BroadcastToOp() = default;
  explicit BroadcastToOp(const Shape& s) : shape(s) {}
  std::string_view class_name() const override { return "BroadcastTo"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;

  Shape shape;
};

}  // namespace fovea
