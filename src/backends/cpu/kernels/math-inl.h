// Elementary functions of float vectors, to about 2e-7 of the result, with the special values of <cmath>.
// Series are Taylor's where that is short enough. Included once per instruction set.

#if defined(FOVEA_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FOVEA_MATH_INL_H_
#undef FOVEA_MATH_INL_H_
#else
#define FOVEA_MATH_INL_H_
#endif

#include "backends/cpu/kernels/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

HWY_INLINE Vector number(double value) { return hn::Set(D(), static_cast<float>(value)); }

/// c[First] + c[First + 1] x + c[First + 2] x^2 + ...
template <std::size_t First = 0, std::size_t N>
HWY_INLINE Vector polynomial(Vector x, const double (&c)[N]) {
  if constexpr (First + 1 == N) {
    return number(c[First]);
  } else {
    return hn::MulAdd(polynomial<First + 1>(x, c), x, number(c[First]));
  }
}

/// As hn::Min(x, number(high)), but NaN stays NaN for every instruction set.
HWY_INLINE Vector at_most(Vector x, double high) {
  return hn::IfThenElse(hn::Gt(x, number(high)), number(high), x);
}
HWY_INLINE Vector at_least(Vector x, double low) {
  return hn::IfThenElse(hn::Lt(x, number(low)), number(low), x);
}

/// 2^n for n in [-126, 127].
HWY_INLINE Vector power_of_two(IntVector n) {
  return hn::BitCast(D(), hn::ShiftLeft<23>(hn::Add(n, hn::Set(DInt(), 127))));
}

// ln 2 in two parts: products of the first with small whole numbers are exact.
inline constexpr double kLn2High = 0.693359375, kLn2Low = -2.12194440054690583e-4;

/// e^x = 2^n (1 + fraction), |fraction| < 0.42.
struct ExpParts {
  Vector fraction;
  IntVector n;
};

/// For x in [-104, 89]; `low` is added to x, for arguments known better than a float can say.
HWY_INLINE ExpParts exp_parts(Vector x, Vector low) {
  constexpr double kSeries[] = {1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040};
  const IntVector n = hn::NearestInt(hn::Mul(x, number(1.44269504088896341)));
  const Vector whole = hn::ConvertTo(D(), n);
  Vector r = hn::NegMulAdd(whole, number(kLn2High), x);
  r = hn::Add(hn::NegMulAdd(whole, number(kLn2Low), r), low);
  return {hn::MulAdd(hn::Mul(r, r), polynomial(r, kSeries), r), n};
}

HWY_INLINE Vector exp_of_sum(Vector x, Vector low) {
  // Beyond these, the result is 0 or infinite.
  const ExpParts e = exp_parts(at_least(at_most(x, 89), -104), low);
  // In two steps, since 2^n alone may lie outside of float's range where the result does not.
  const IntVector half = hn::ShiftRight<1>(e.n);
  const Vector scaled = hn::Mul(hn::Add(e.fraction, number(1)), power_of_two(half));
  return hn::IfThenElse(hn::IsNaN(x), x, hn::Mul(scaled, power_of_two(hn::Sub(e.n, half))));
}

HWY_INLINE Vector exp_of(Vector x) { return exp_of_sum(x, hn::Zero(D())); }

/// e^x - 1 for x <= 80, without loss near 0.
HWY_INLINE Vector expm1_of(Vector x) {
  const ExpParts e = exp_parts(at_least(x, -30), hn::Zero(D()));
  const Vector power = power_of_two(e.n);
  const Vector result = hn::MulAdd(e.fraction, power, hn::Sub(power, number(1)));
  return hn::IfThenElse(hn::IsNaN(x), x, result);
}

/// x = 2^n m, m in [sqrt(1/2), sqrt(2)); with f = m - 1 and s = f / (2 + f),
/// log m = 2 (s + s^3/3 + s^5/5 + ...) = f - s (f - 2 (s^2/3 + s^4/5 + ...)).
HWY_INLINE Vector log_of(Vector x) {
  constexpr double kSeries[] = {2.0 / 3, 2.0 / 5, 2.0 / 7, 2.0 / 9};
  constexpr std::int32_t kRootOfHalf = 0x3F3504F3;
  const D d;
  const DInt di;
  const auto tiny = hn::Lt(x, number(0x1p-126));
  const IntVector bits = hn::BitCast(di, hn::IfThenElse(tiny, hn::Mul(x, number(0x1p25)), x));
  const IntVector n = hn::ShiftRight<23>(hn::Sub(bits, hn::Set(di, kRootOfHalf)));
  const Vector f = hn::Sub(hn::BitCast(d, hn::Sub(bits, hn::ShiftLeft<23>(n))), number(1));
  const Vector exponent = hn::Sub(hn::ConvertTo(d, n), hn::IfThenElseZero(tiny, number(25)));
  const Vector s = hn::Div(f, hn::Add(f, number(2)));
  const Vector s2 = hn::Mul(s, s);
  const Vector inner = hn::Sub(f, hn::Mul(s2, polynomial(s2, kSeries)));
  const Vector low = hn::MulSub(exponent, number(kLn2Low), hn::Mul(s, inner));
  Vector result = hn::MulAdd(exponent, number(kLn2High), hn::Add(f, low));
  // log(inf) = inf, log(0) = -inf, log of less or of NaN is NaN.
  const Vector infinity = hn::BitCast(d, hn::Set(di, 0x7F800000));
  const Vector nan = hn::BitCast(d, hn::Set(di, 0x7FC00000));
  result = hn::IfThenElse(hn::Eq(x, infinity), x, result);
  result = hn::IfThenElse(hn::Eq(x, hn::Zero(d)), hn::Neg(infinity), result);
  return hn::IfThenElse(hn::Ge(x, hn::Zero(d)), result, nan);
}

/// log(1 + x) for x in [0, 1]: with s = x / (2 + x) <= 1/3, 2 s (1 + s^2/3 + s^4/5 + ...).
HWY_INLINE Vector log1p_of(Vector x) {
  constexpr double kSeries[] = {1.0 / 3, 1.0 / 5, 1.0 / 7, 1.0 / 9, 1.0 / 11, 1.0 / 13, 1.0 / 15, 1.0 / 17};
  const Vector s = hn::Div(x, hn::Add(x, number(2)));
  const Vector s2 = hn::Mul(s, s);
  const Vector twice = hn::Add(s, s);
  return hn::MulAdd(hn::Mul(twice, s2), polynomial(s2, kSeries), twice);
}

/// 1 / (1 + e^-x), from e^-|x| alone, so that nothing overflows.
HWY_INLINE Vector sigmoid_of(Vector x) {
  const Vector e = exp_of(hn::Neg(hn::Abs(x)));
  const Vector top = hn::IfThenElse(hn::Lt(x, hn::Zero(D())), e, number(1));
  return hn::Div(top, hn::Add(e, number(1)));
}

/// With e = e^(2|x|) - 1: e / (e + 2).
HWY_INLINE Vector tanh_of(Vector x) {
  // From 20 on the result is 1.
  const Vector e = expm1_of(at_most(hn::Abs(hn::Add(x, x)), 40));
  return hn::CopySign(hn::Div(e, hn::Add(e, number(2))), x);
}

/// max(x, 0) + log(1 + e^-|x|) = log(1 + e^x).
HWY_INLINE Vector softplus_of(Vector x) {
  return hn::Add(at_least(x, 0), log1p_of(exp_of(hn::Neg(hn::Abs(x)))));
}

/// e^(-x^2 / 2). x^2 in two parts, or its rounding error would become one of the result's exponent.
HWY_INLINE Vector gaussian_of(Vector x) {
  const D d;
  const DInt di;
  const Vector a = at_most(hn::Abs(x), 15);
  const Vector high = hn::BitCast(d, hn::And(hn::BitCast(di, a), hn::Set(di, ~0xFFF)));
  const Vector low = hn::Mul(hn::Add(a, high), hn::Sub(a, high));
  return exp_of_sum(hn::Mul(number(-0.5), hn::Mul(high, high)), hn::Mul(number(-0.5), low));
}

/// Phi(x) = erfc(-x / sqrt(2)) / 2, where e^(z^2) erfc(z) for z >= 0 is t times a polynomial of
/// t = 1 / (1 + z / 2), fitted at Chebyshev points for z in [0, 11].
HWY_INLINE Vector normal_cdf_of(Vector x) {
  constexpr double kFit[] = {0.2820904552936554,   0.2822060585021973,   0.2456545680761337,
                             0.1828344166278839,   0.06494854390621185,  0.011225680820643902,
                             0.016847401857376099, -0.33081743121147156, 0.4092377722263336,
                             -0.20182843506336212, 0.03760095313191414};
  const Vector a = at_most(hn::Abs(x), 15);
  const Vector t = hn::Div(number(1), hn::MulAdd(a, number(0.35355339059327376), number(1)));
  const Vector upper = hn::Mul(hn::Mul(gaussian_of(a), number(0.5)), hn::Mul(polynomial(t, kFit), t));
  return hn::IfThenElse(hn::Gt(x, hn::Zero(D())), hn::Sub(number(1), upper), upper);
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
