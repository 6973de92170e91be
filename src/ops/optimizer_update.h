#pragma once

#include "ops/op.h"

namespace fovea {

/// One optimizer step over all trainable variables in one pass, their gradients clipped as they are read.
/// Inputs: learning rate (a scalar of their dtype), iteration (int64 scalar, counted from 1), with `scaled` a
/// factor (a scalar), then for each of n variables: w, its slots, g and, with clip_norm, a divisor (a
/// scalar). Outputs, per variable: w and the slots, each in place of its input. Subclasses say how many slots
/// there are and in which order.
class OptimizerUpdate : public Op {
 public:
  virtual std::size_t slots() const = 0;
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  int in_place(int output) const override;

  /// Inputs before those of the first variable, and of each variable.
  std::size_t head() const { return scaled ? 3 : 2; }
  std::size_t group() const { return slots() + (clip_norm > 0 ? 3 : 2); }
  std::size_t variables(std::size_t inputs) const { return (inputs - head()) / group(); }

  double weight_decay = 0;  ///< w -= w * weight_decay * lr before the step; 0 for none
  // At most one of these three.
  double clip_value = 0;  ///< g = min(max(g, -clip_value), clip_value); 0 for none
  double clip_norm = 0;   ///< g = g * clip_norm / divisor; 0 for none
  bool scaled = false;    ///< g = g * factor
};

/// m = momentum m - lr g; w += m, or with Nesterov w += momentum m - lr g. Without momentum: w -= lr g.
class SgdUpdateOp final : public OptimizerUpdate {
 public:
  std::string_view class_name() const override { return "SgdUpdate"; }
  void fields(FieldVisitor& visitor) override;
  std::size_t slots() const override { return momentum > 0 ? 1 : 0; }

  double momentum = 0;
  bool nesterov = false;
};

/// Slots: v; then, as asked for, the momentum; then the average gradient of the centered form.
/// v = rho v + (1 - rho) g^2;  d = v + epsilon, or centered v - a^2 + epsilon;  step = lr g / sqrt(d),
/// through the momentum.
class RmspropUpdateOp final : public OptimizerUpdate {
 public:
  std::string_view class_name() const override { return "RmspropUpdate"; }
  void fields(FieldVisitor& visitor) override;
  std::size_t slots() const override { return 1 + (momentum > 0 ? 1 : 0) + (centered ? 1 : 0); }

  double rho = 0.9, momentum = 0, epsilon = 1e-7;
  bool centered = false;
};

/// Slots m, v and, with amsgrad, the largest v. m += (g - m)(1 - b1); v += (g^2 - v)(1 - b2);
/// w -= lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + epsilon).
class AdamUpdateOp final : public OptimizerUpdate {
 public:
  std::string_view class_name() const override { return "AdamUpdate"; }
  void fields(FieldVisitor& visitor) override;
  std::size_t slots() const override { return amsgrad ? 3 : 2; }

  double beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-7;
  bool amsgrad = false;
};

}  // namespace fovea
