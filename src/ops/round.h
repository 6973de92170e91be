#pragma once

#include "ops/op.h"

namespace fovea {

/// The nearest whole number, halves to the even one, within [low, high]. It has no slope.
class RoundOp final : public Op {
 public:
  RoundOp() = default;
  RoundOp(double l, double h) : low(l), high(h) {}
  std::string_view class_name() const override { return "Round"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;
  int in_place(int) const override { return 0; }

  double low = 0, high = 0;
};

}  // namespace fovea
