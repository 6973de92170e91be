// Functions that the values and the slopes of activations share. Included once per instruction set.

#if defined(FOVEA_FUNCTIONS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FOVEA_FUNCTIONS_INL_H_
#undef FOVEA_FUNCTIONS_INL_H_
#else
#define FOVEA_FUNCTIONS_INL_H_
#endif

#include "backends/cpu/kernels/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

// Self-normalising networks, Klambauer et al. 2017.
inline constexpr double kSeluAlpha = 1.6732632423543772848170429916717,
                        kSeluScale = 1.0507009873554804934193349852946;
// The tanh form of GELU: Hendrycks & Gimpel 2016. 2 sqrt(2 / pi), and its cubic term.
inline constexpr double kGeluTwice = 1.5957691216057308, kGeluCubic = 0.044715;

/// clamp(x / 6 + 1/2, 0, 1); adding 3 first is exact near -3, where the result is small.
HWY_INLINE Vector hard_sigmoid_of(Vector x) {
  return at_least(at_most(hn::Mul(hn::Add(x, number(3)), number(1.0 / 6)), 1), 0);
}

/// tanh(softplus(x)) = value, and 1 - that = rest. With e = e^x, (1 + e)^2 - 1 over (1 + e)^2 + 1; both are
/// divided by e^2 where x > 0.
struct SoftplusTanh {
  Vector value, rest;
};

HWY_INLINE SoftplusTanh tanh_softplus(Vector x) {
  const Vector e = exp_of(hn::Neg(hn::Abs(x)));
  const auto positive = hn::Gt(x, hn::Zero(D()));
  const Vector twice_square = hn::Mul(number(2), hn::Mul(e, e));
  const Vector top =
      hn::IfThenElse(positive, hn::MulAdd(number(2), e, number(1)), hn::MulAdd(e, e, hn::Add(e, e)));
  const Vector rest = hn::IfThenElse(positive, twice_square, number(2));
  const Vector bottom = hn::Add(top, rest);
  return {hn::Div(top, bottom), hn::Div(rest, bottom)};
}

/// y[i] = f(x[i]).
template <class Function>
HWY_INLINE void map(const float* x, float* y, std::int64_t count, Function&& f) {
  for_vectors(count, [&](std::int64_t i, std::int64_t used)
                         HWY_ATTR { store_first(f(load_first(x + i, used)), y + i, used); });
}

/// z[i] = f(x[i], y[i]).
template <class Function>
HWY_INLINE void map(const float* x, const float* y, float* z, std::int64_t count, Function&& f) {
  for_vectors(count, [&](std::int64_t i, std::int64_t used) HWY_ATTR {
    store_first(f(load_first(x + i, used), load_first(y + i, used)), z + i, used);
  });
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
