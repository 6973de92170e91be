#pragma once

#include "ops/op.h"

namespace fovea {

/// Over sorted, non-negative axes.
class Reduce final : public Op {
 public:
  Reduce() = default;
  Reduce(ops::ReduceKind k, std::vector<std::int64_t> a, bool keep)
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
class ReduceExtremeBackward final : public Op {
 public:
  ReduceExtremeBackward() = default;
  explicit ReduceExtremeBackward(std::vector<std::int64_t> a) : axes(std::move(a)) {}
  std::string_view class_name() const override { return "ReduceExtremeBackward"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;

  std::vector<std::int64_t> axes;
};

class BroadcastTo final : public Op {
 public:
  BroadcastTo() = default;
  explicit BroadcastTo(const Shape& s) : shape(s) {}
  std::string_view class_name() const override { return "BroadcastTo"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;

  Shape shape;
};

}  // namespace fovea
