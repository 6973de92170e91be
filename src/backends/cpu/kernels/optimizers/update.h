#pragma once

#include <cstdint>
#include <variant>

namespace fovea::cpu {

// One optimizer step on a run of elements. Arithmetic is float's, in the order of the reference, without
// fused multiply-adds: the bits are the reference's. The hyperparameters are rounded to float as there.

struct SgdStep {
  float rate, weight_decay, momentum;
  bool nesterov;
};

/// Slots: the average square; the momentum, if any; the average gradient, if centered. `rest` is 1 - rho.
struct RmspropStep {
  float rate, weight_decay, rho, rest, momentum, epsilon;
  bool centered;
};

/// Slots: the averages of the gradient and of its square; the largest of the latter with amsgrad. `rate`
/// holds the correction of the averages' start at zero, rest_1 and rest_2 are 1 - beta_1 and 1 - beta_2.
struct AdamStep {
  float decay_rate, weight_decay, rate, rest_1, rest_2, epsilon;
  bool amsgrad;
};

/// Slot: the sum of squares.
struct AdagradStep {
  float rate, weight_decay, epsilon;
};

/// Slots: the average squares of gradients and of steps. `rest` is 1 - rho.
struct AdadeltaStep {
  float rate, weight_decay, rho, rest, epsilon;
};

/// Slots: the average gradient and the largest one. rest_1 is 1 - beta_1, `correction` 1 - beta_1^t.
struct AdamaxStep {
  float rate, weight_decay, rest_1, beta_2, correction, epsilon;
};

/// Slots as Adam's. With u = u_t and p = u_1 ... u_t: next is u_(t+1), rest_next 1 - p next, rest 1 - u,
/// rest_product 1 - p, and `square` 1 - beta_2^t.
struct NadamStep {
  float rate, weight_decay, rest_1, rest_2, next, rest_next, rest, rest_product, square, epsilon;
};

/// Slot: the average gradient. rest_1 and rest_2 are 1 - beta_1 and 1 - beta_2.
struct LionStep {
  float rate, weight_decay, beta_1, rest_1, beta_2, rest_2;
};

/// Slots: the sum of squares, and z. The learning rate's power is -1/2; `shrinkage` and `l2` hold their
/// factor of 2, and l2 the part that beta adds.
struct FtrlStep {
  float rate, weight_decay, l1, l2, shrinkage;
};

using UpdateStep = std::variant<SgdStep, RmspropStep, AdamStep, AdagradStep, AdadeltaStep, AdamaxStep,
                                NadamStep, LionStep, FtrlStep>;

/// What becomes of a gradient before it is used: min(max(g, -limit), limit), g * limit / divisor or g *
/// limit.
struct GradientClip {
  enum class Kind : std::uint8_t { none, value, norm, factor };
  Kind kind = Kind::none;
  float limit = 0, divisor = 1;
};

/// Where the elements are: from[0] and to[0] the variable, then its slots; to[i] may be from[i]. Null for
/// slots that there are not.
struct UpdateRun {
  const float* from[4];
  float* to[4];
  const float* gradient;
  GradientClip clip;
  std::int64_t count;
};

/// `count` elements from `begin` on; a gradient that is null stays so.
inline UpdateRun part_of(UpdateRun run, std::int64_t begin, std::int64_t count) {
  for (int i = 0; i < 4 && run.from[i] != nullptr; ++i) {
    run.from[i] += begin;
    run.to[i] += begin;
  }
  if (run.gradient != nullptr) run.gradient += begin;
  run.count = count;
  return run;
}

void update_run(const UpdateStep& step, const UpdateRun& run);

/// (g + s) / steps and s + g, or 0 in the last iteration before a step.
void accumulation_run(const float* g, const float* s, float* mean, float* sum, float steps, bool last,
                      std::int64_t count);
/// a = momentum a + (1 - momentum) w; w becomes a, or stays.
void moving_average_run(const float* w, const float* a, float* new_w, float* new_a, float momentum,
                        bool overwrite, std::int64_t count);

}  // namespace fovea::cpu
