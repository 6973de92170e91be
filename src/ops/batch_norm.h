#pragma once

#include "ops/op.h"

namespace fovea {

/// Inputs (x, gamma, beta); outputs (y, mean, population variance), over all axes but the last.
class BatchNormTrainingOp final : public Op {
 public:
  BatchNormTrainingOp() = default;
  explicit BatchNormTrainingOp(double e) : epsilon(e) {}
  std::string_view class_name() const override { return "BatchNormTraining"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;

  double epsilon = 1e-3;
};

/// Inputs (x, gamma, mean, variance, dy); outputs (dx, dgamma, dbeta).
class BatchNormBackwardOp final : public Op {
 public:
  BatchNormBackwardOp() = default;
  explicit BatchNormBackwardOp(double e) : epsilon(e) {}
  std::string_view class_name() const override { return "BatchNormBackward"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;

  double epsilon = 1e-3;
};

/// Inputs (x, random_state = {seed, step}). Linear for a given state, so it is its own gradient.
class DropoutOp final : public Op {
 public:
  DropoutOp() = default;
  DropoutOp(double r, std::uint64_t s) : rate(r), stream(static_cast<std::int64_t>(s)) {}
  std::string_view class_name() const override { return "Dropout"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;
  int in_place(int) const override { return 0; }

  double rate = 0;
  std::int64_t stream = 0;
};

}  // namespace fovea
