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

void step_elements(const AdagradStep& step, const UpdateRun& run) {
  const Vector rate = all(step.rate), epsilon = all(step.epsilon);
  for_elements<1>(run, step.weight_decay, step.rate, [&](Vector w, Vector* slots, Vector g) HWY_ATTR {
    slots[0] = hn::Add(slots[0], hn::Mul(g, g));
    return hn::Sub(w, hn::Div(hn::Mul(rate, g), hn::Sqrt(hn::Add(slots[0], epsilon))));
  });
}

void step_elements(const AdadeltaStep& step, const UpdateRun& run) {
  const Vector rate = all(step.rate), rho = all(step.rho), rest = all(step.rest), epsilon = all(step.epsilon);
  for_elements<2>(run, step.weight_decay, step.rate, [&](Vector w, Vector* slots, Vector g) HWY_ATTR {
    slots[0] = hn::Add(hn::Mul(rho, slots[0]), hn::Mul(rest, hn::Mul(g, g)));
    const Vector scaled = hn::Mul(hn::Sqrt(hn::Add(slots[1], epsilon)), g);
    const Vector move = hn::Neg(hn::Div(scaled, hn::Sqrt(hn::Add(slots[0], epsilon))));
    slots[1] = hn::Add(hn::Mul(rho, slots[1]), hn::Mul(rest, hn::Mul(move, move)));
    return hn::Add(w, hn::Mul(rate, move));
  });
}

void step_elements(const AdamaxStep& step, const UpdateRun& run) {
  const Vector rate = all(step.rate), rest_1 = all(step.rest_1), beta_2 = all(step.beta_2),
               correction = all(step.correction), epsilon = all(step.epsilon);
  for_elements<2>(run, step.weight_decay, step.rate, [&](Vector w, Vector* slots, Vector g) HWY_ATTR {
    Vector &m = slots[0], &u = slots[1];
    m = hn::Add(m, hn::Mul(hn::Sub(g, m), rest_1));
    const Vector kept = hn::Mul(beta_2, u), size = hn::Abs(g);
    u = hn::IfThenElse(hn::Lt(kept, size), size, kept);
    return hn::Sub(w, hn::Div(hn::Mul(rate, m), hn::Mul(correction, hn::Add(u, epsilon))));
  });
}

void step_elements(const NadamStep& step, const UpdateRun& run) {
  const Vector rate = all(step.rate), rest_1 = all(step.rest_1), rest_2 = all(step.rest_2),
               next = all(step.next), rest_next = all(step.rest_next), rest = all(step.rest),
               rest_product = all(step.rest_product), square = all(step.square), epsilon = all(step.epsilon);
  for_elements<2>(run, step.weight_decay, step.rate, [&](Vector w, Vector* slots, Vector g) HWY_ATTR {
    Vector &m = slots[0], &v = slots[1];
    m = hn::Add(m, hn::Mul(hn::Sub(g, m), rest_1));
    v = hn::Add(v, hn::Mul(hn::Sub(hn::Mul(g, g), v), rest_2));
    const Vector mean =
        hn::Add(hn::Div(hn::Mul(next, m), rest_next), hn::Div(hn::Mul(rest, g), rest_product));
    return hn::Sub(w, hn::Div(hn::Mul(mean, rate), hn::Add(hn::Sqrt(hn::Div(v, square)), epsilon)));
  });
}

void step_elements(const LionStep& step, const UpdateRun& run) {
  const Vector rate = all(step.rate), beta_1 = all(step.beta_1), rest_1 = all(step.rest_1),
               beta_2 = all(step.beta_2), rest_2 = all(step.rest_2), zero = all(0);
  for_elements<1>(run, step.weight_decay, step.rate, [&](Vector w, Vector* slots, Vector g) HWY_ATTR {
    const Vector direction = hn::Add(hn::Mul(slots[0], beta_1), hn::Mul(g, rest_1));
    const Vector below = hn::IfThenElse(hn::Lt(direction, zero), all(-1), direction);  // keeps a NaN
    const Vector sign = hn::IfThenElse(hn::Gt(direction, zero), all(1), below);
    slots[0] = hn::Add(hn::Mul(slots[0], beta_2), hn::Mul(g, rest_2));
    return hn::Sub(w, hn::Mul(rate, sign));
  });
}

void step_elements(const FtrlStep& step, const UpdateRun& run) {
  const Vector rate = all(step.rate), l1 = all(step.l1), l2 = all(step.l2), shrinkage = all(step.shrinkage);
  for_elements<2>(run, step.weight_decay, step.rate, [&](Vector w, Vector* slots, Vector g) HWY_ATTR {
    Vector &sum = slots[0], &z = slots[1];
    const Vector next = hn::Add(sum, hn::Mul(g, g));
    const Vector root = hn::Sqrt(next);
    const Vector given = hn::Add(g, hn::Mul(shrinkage, w));
    const Vector moved = hn::Mul(hn::Div(hn::Sub(root, hn::Sqrt(sum)), rate), w);
    z = hn::Add(z, hn::Sub(given, moved));
    const Vector quadratic = hn::Add(hn::Div(root, rate), l2);
    const Vector above = hn::IfThenElse(hn::Lt(z, hn::Neg(l1)), hn::Neg(l1), z);  // keeps a NaN
    const Vector cut = hn::IfThenElse(hn::Lt(l1, above), l1, above);
    sum = next;
    return hn::Div(hn::Sub(cut, z), quadratic);
  });
}

void accumulate(const float* g, const float* s, float* mean, float* sum, float steps, bool last,
                std::int64_t count) {
  const Vector divisor = all(steps), zero = all(0);
  for_vectors(count, [&](std::int64_t i, std::int64_t used) HWY_ATTR {
    const Vector both = hn::Add(load_first(g + i, used), load_first(s + i, used));
    store_first(hn::Div(both, divisor), mean + i, used);
    store_first(last ? zero : both, sum + i, used);
  });
}

void average(const float* w, const float* a, float* new_w, float* new_a, float momentum, bool overwrite,
             std::int64_t count) {
  const Vector kept = all(momentum), rest = all(1 - momentum);
  for_vectors(count, [&](std::int64_t i, std::int64_t used) HWY_ATTR {
    const Vector weight = load_first(w + i, used);
    const Vector mean = hn::Add(hn::Mul(kept, load_first(a + i, used)), hn::Mul(rest, weight));
    store_first(overwrite ? mean : weight, new_w + i, used);
    store_first(mean, new_a + i, used);
  });
}

void update_elements(const UpdateStep& step, const UpdateRun& run) {
  if (const auto* adagrad = std::get_if<AdagradStep>(&step)) return step_elements(*adagrad, run);
  if (const auto* adadelta = std::get_if<AdadeltaStep>(&step)) return step_elements(*adadelta, run);
  if (const auto* adamax = std::get_if<AdamaxStep>(&step)) return step_elements(*adamax, run);
  if (const auto* nadam = std::get_if<NadamStep>(&step)) return step_elements(*nadam, run);
  if (const auto* lion = std::get_if<LionStep>(&step)) return step_elements(*lion, run);
  if (const auto* ftrl = std::get_if<FtrlStep>(&step)) return step_elements(*ftrl, run);
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
HWY_EXPORT(accumulate);
HWY_EXPORT(average);

void update_run(const UpdateStep& step, const UpdateRun& run) {
  HWY_DYNAMIC_DISPATCH(update_elements)(step, run);
}

void accumulation_run(const float* g, const float* s, float* mean, float* sum, float steps, bool last,
                      std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(accumulate)(g, s, mean, sum, steps, last, count);
}

void moving_average_run(const float* w, const float* a, float* new_w, float* new_a, float momentum,
                        bool overwrite, std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(average)(w, a, new_w, new_a, momentum, overwrite, count);
}

}  // namespace fovea::cpu
#endif
