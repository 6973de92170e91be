#pragma once

#include "ops/op.h"

namespace fovea {

/// One optimizer step over all trainable variables in one pass, their gradients clipped as they are read.
/// Inputs: learning rate (a scalar of their dtype), iteration (int64 scalar, counted from 1), with `scaled` a
/// factor (a scalar), the subclass's own scalars, then for each of n variables: w, its slots, g and, with
/// clip_norm, a divisor (a scalar). Outputs, per variable: w and the slots, each in place of its input.
/// Subclasses say how many slots there are and in which order.
class OptimizerUpdate : public Op {
 public:
  virtual std::size_t slots() const = 0;
  /// Scalars of the rate's spec that it reads beside.
  virtual std::size_t own_scalars() const { return 0; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  int in_place(int output) const override;

  /// Inputs before those of the first variable, and of each variable.
  std::size_t head() const { return (scaled ? 3 : 2) + own_scalars(); }
  std::size_t group() const { return slots() + (clip_norm > 0 ? 3 : 2); }
  std::size_t variables(std::size_t inputs) const { return (inputs - head()) / group(); }
  /// Steps with the mean gradient of several iterations: is this one of those in which nothing moves?
  bool waits(std::int64_t iteration) const { return iteration % accumulation_steps != 0; }
  /// The number of the step, counted from 1.
  std::int64_t step_of(std::int64_t iteration) const { return iteration / accumulation_steps; }

  double weight_decay = 0;  ///< w -= w * weight_decay * lr before the step; 0 for none
  // At most one of these three.
  double clip_value = 0;                ///< g = min(max(g, -clip_value), clip_value); 0 for none
  double clip_norm = 0;                 ///< g = g * clip_norm / divisor; 0 for none
  bool scaled = false;                  ///< g = g * factor
  std::int64_t accumulation_steps = 1;  ///< variables and slots change when the iteration is a multiple of it
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

/// Slot: the sum of squares a. a += g^2; w -= lr g / sqrt(a + epsilon).
class AdagradUpdateOp final : public OptimizerUpdate {
 public:
  std::string_view class_name() const override { return "AdagradUpdate"; }
  void fields(FieldVisitor& visitor) override;
  std::size_t slots() const override { return 1; }

  double epsilon = 1e-7;
};

/// Slots: the mean squares a of gradients and d of steps. a = rho a + (1 - rho) g^2;
/// step = -sqrt(d + epsilon) g / sqrt(a + epsilon); d = rho d + (1 - rho) step^2; w += lr step.
class AdadeltaUpdateOp final : public OptimizerUpdate {
 public:
  std::string_view class_name() const override { return "AdadeltaUpdate"; }
  void fields(FieldVisitor& visitor) override;
  std::size_t slots() const override { return 2; }

  double rho = 0.95, epsilon = 1e-7;
};

/// Slots m and u, the largest gradient. m += (g - m)(1 - b1); u = max(b2 u, |g|);
/// w -= lr m / ((1 - b1^t)(u + epsilon)).
class AdamaxUpdateOp final : public OptimizerUpdate {
 public:
  std::string_view class_name() const override { return "AdamaxUpdate"; }
  void fields(FieldVisitor& visitor) override;
  std::size_t slots() const override { return 2; }

  double beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-7;
};

/// Slots m and v as Adam's; its own scalar is the product p of all u_t = b1 (1 - 0.96^t / 2) up to this step.
/// w -= lr (u_(t+1) m / (1 - p u_(t+1)) + (1 - u_t) g / (1 - p)) / (sqrt(v / (1 - b2^t)) + epsilon).
class NadamUpdateOp final : public OptimizerUpdate {
 public:
  std::string_view class_name() const override { return "NadamUpdate"; }
  void fields(FieldVisitor& visitor) override;
  std::size_t slots() const override { return 2; }
  std::size_t own_scalars() const override { return 1; }

  double beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-7;
};

/// p u_t, from the iteration and the product p so far, a scalar.
class NadamProductOp final : public Op {
 public:
  std::string_view class_name() const override { return "NadamProduct"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;

  double beta_1 = 0.9;
  std::int64_t accumulation_steps = 1;
};

/// Slot m. w -= lr sign(b1 m + (1 - b1) g); m = b2 m + (1 - b2) g.
class LionUpdateOp final : public OptimizerUpdate {
 public:
  std::string_view class_name() const override { return "LionUpdate"; }
  void fields(FieldVisitor& visitor) override;
  std::size_t slots() const override { return 1; }

  double beta_1 = 0.9, beta_2 = 0.99;
};

/// Slots: the sum of squares a, and z. a' = a + g^2; with q = -power
/// z += g + 2 shrinkage w - (a'^q - a^q) / lr w;
/// w = (clip(z, -l1, l1) - z) / (a'^q / lr + 2 (l2 + beta / (2 lr))).
class FtrlUpdateOp final : public OptimizerUpdate {
 public:
  std::string_view class_name() const override { return "FtrlUpdate"; }
  void fields(FieldVisitor& visitor) override;
  std::size_t slots() const override { return 2; }

  double power = -0.5, l1 = 0, l2 = 0, shrinkage = 0, beta = 0;
};

/// What stands around an update. Inputs: iteration (int64 scalar, counted from 1), then for each variable two
/// tensors of one spec. Outputs are in place of these.
class PairOp : public Op {
 public:
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  int in_place(int output) const override { return output + 1; }
};

/// Pairs of a gradient g and its sum s over the iterations since the last step: ((g + s) / steps, s + g), the
/// sum being 0 after every steps-th iteration.
class GradientAccumulationOp final : public PairOp {
 public:
  std::string_view class_name() const override { return "GradientAccumulation"; }
  void fields(FieldVisitor& visitor) override;

  std::int64_t steps = 2;
};

/// Pairs of a variable w and its moving average a = momentum a + (1 - momentum) w, which is w itself in the
/// first step. After every overwrite_frequency-th step w is a; 0 for never.
class MovingAverageOp final : public PairOp {
 public:
  std::string_view class_name() const override { return "MovingAverage"; }
  void fields(FieldVisitor& visitor) override;
  /// Steps taken before this iteration.
  std::int64_t steps_before(std::int64_t iteration) const { return (iteration - 1) / accumulation_steps; }
  bool overwrites(std::int64_t iteration) const {
    return overwrite_frequency > 0 && (steps_before(iteration) + 1) % overwrite_frequency == 0;
  }

  double momentum = 0.99;
  std::int64_t overwrite_frequency = 0, accumulation_steps = 1;
};

}  // namespace fovea
