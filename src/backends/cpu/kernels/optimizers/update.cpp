#include "backends/cpu/kernels/optimizers/update.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/optimizers/update.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "backends/cpu/kernels/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

HWY_INLINE Vector all(float value) { return hn::Set(D(), value); }

HWY_INLINE Vector clipped(const GradientClip& clip, Vector g) {
  const Vector limit = all(clip.limit);
  switch (clip.kind) {
    case GradientClip::Kind::value:
      g = hn::IfThenElse(hn::Lt(g, hn::Neg(limit)), hn::Neg(limit), g);  // keeps a NaN
      return hn::IfThenElse(hn::Gt(g, limit), limit, g);
    case GradientClip::Kind::norm:
      return hn::Div(hn::Mul(g, limit), all(clip.divisor));
    case GradientClip::Kind::factor:
      return hn::Mul(g, limit);
    case GradientClip::Kind::none:
      break;
  }
  return g;
}

/// w = element(w after its decay, slots, g), for a run of elements with S slots, which `element` changes.
template <int S, class Element>
HWY_INLINE void for_elements(const UpdateRun& run, float weight_decay, float decay_rate, Element&& element) {
  const Vector decay = all(weight_decay), rate = all(decay_rate);
  for_vectors(run.count, [&](std::int64_t i, std::int64_t used) HWY_ATTR {
    Vector w = load_first(run.from[0] + i, used);
    Vector slots[3] = {w, w, w};
    for (int k = 0; k < S; ++k) slots[k] = load_first(run.from[1 + k] + i, used);
    if (weight_decay != 0) w = hn::Sub(w, hn::Mul(hn::Mul(w, decay), rate));
    w = element(w, slots, clipped(run.clip, load_first(run.gradient + i, used)));
    store_first(w, run.to[0] + i, used);
    for (int k = 0; k < S; ++k) store_first(slots[k], run.to[1 + k] + i, used);
  });
}

void sgd_run(const SgdStep& step, const UpdateRun& run) {
  const Vector rate = all(step.rate), momentum = all(step.momentum);
  if (step.momentum == 0) {
    return for_elements<0>(run, step.weight_decay, step.rate, [&](Vector w, Vector*, Vector g) HWY_ATTR {
      return hn::Sub(w, hn::Mul(g, rate));
    });
  }
  for_elements<1>(run, step.weight_decay, step.rate, [&](Vector w, Vector* slots, Vector g) HWY_ATTR {
    const Vector move = hn::Mul(g, rate);
    slots[0] = hn::Sub(hn::Mul(slots[0], momentum), move);
    return hn::Add(w, step.nesterov ? hn::Sub(hn::Mul(slots[0], momentum), move) : slots[0]);
  });
}

template <bool kMomentum, bool kCentered>
void rmsprop_run(const RmspropStep& step, const UpdateRun& run) {
  constexpr int kAverage = kMomentum ? 2 : 1;
  const Vector rate = all(step.rate), rho = all(step.rho), rest = all(step.rest),
               momentum = all(step.momentum), epsilon = all(step.epsilon);
  for_elements<kAverage + (kCentered ? 1 : 0)>(
      run, step.weight_decay, step.rate, [&](Vector w, Vector* slots, Vector g) HWY_ATTR {
        slots[0] = hn::Add(hn::Mul(rho, slots[0]), hn::Mul(hn::Mul(g, g), rest));
        Vector denominator = slots[0];
        if constexpr (kCentered) {
          Vector& average = slots[kAverage];
          average = hn::Add(hn::Mul(rho, average), hn::Mul(g, rest));
          denominator = hn::Sub(denominator, hn::Mul(average, average));
        }
        Vector move = hn::Div(hn::Mul(rate, g), hn::Sqrt(hn::Add(denominator, epsilon)));
        if constexpr (kMomentum) move = slots[1] = hn::Add(hn::Mul(momentum, slots[1]), move);
        return hn::Sub(w, move);
      });
}

template <bool kAmsgrad>
void adam_run(const AdamStep& step, const UpdateRun& run) {
  const Vector rate = all(step.rate), rest_1 = all(step.rest_1), rest_2 = all(step.rest_2),
               epsilon = all(step.epsilon);
  for_elements<kAmsgrad ? 3 : 2>(
      run, step.weight_decay, step.decay_rate, [&](Vector w, Vector* slots, Vector g) HWY_ATTR {
        Vector &m = slots[0], &v = slots[1];
        m = hn::Add(m, hn::Mul(hn::Sub(g, m), rest_1));
        v = hn::Add(v, hn::Mul(hn::Sub(hn::Mul(g, g), v), rest_2));
        Vector square = v;
        if constexpr (kAmsgrad) square = slots[2] = hn::IfThenElse(hn::Lt(slots[2], v), v, slots[2]);
        return hn::Sub(w, hn::Div(hn::Mul(m, rate), hn::Add(hn::Sqrt(square), epsilon)));
      });
}

void update_elements(const UpdateStep& step, const UpdateRun& run) {
  if (const auto* sgd = std::get_if<SgdStep>(&step)) return sgd_run(*sgd, run);
  if (const auto* adam = std::get_if<AdamStep>(&step))
    return adam->amsgrad ? adam_run<true>(*adam, run) : adam_run<false>(*adam, run);
  const auto& rmsprop = std::get<RmspropStep>(step);
  if (rmsprop.momentum > 0) {
    return rmsprop.centered ? rmsprop_run<true, true>(rmsprop, run) : rmsprop_run<true, false>(rmsprop, run);
  }
  return rmsprop.centered ? rmsprop_run<false, true>(rmsprop, run) : rmsprop_run<false, false>(rmsprop, run);
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

HWY_EXPORT(update_elements);

void update_run(const UpdateStep& step, const UpdateRun& run) {
  HWY_DYNAMIC_DISPATCH(update_elements)(step, run);
}

}  // namespace fovea::cpu
#endif
