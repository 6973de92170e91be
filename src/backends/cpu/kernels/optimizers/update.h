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

using UpdateStep = std::variant<SgdStep, RmspropStep, AdamStep>;

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

}  // namespace fovea::cpu
