#include "backends/cpu/kernels/elementwise/unary.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/elementwise/unary_backward.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "backends/cpu/kernels/elementwise/functions-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

/// dx = slope(s) * dy.
template <class Slope>
HWY_INLINE void times_slope(const float* s, const float* dy, float* dx, std::int64_t n, Slope&& slope) {
  map(s, dy, dx, n, [&](Vector v, Vector g) HWY_ATTR { return hn::Mul(slope(v), g); });
}

/// At the kinks as backends/reference/unary.cpp says.
void relu_slope_block(const ops::UnaryParameters& p, const float* s, const float* dy, float* dx,
                      std::int64_t n) {
  const D d;
  const Vector zero = hn::Zero(d), one = number(1), slope = number(p.alpha), largest = number(p.beta),
               threshold = number(p.gamma);
  if (p.beta == 0 && p.gamma == 0) {
    return times_slope(s, dy, dx, n,
                       [&](Vector v) HWY_ATTR { return hn::IfThenElse(hn::Gt(v, zero), one, slope); });
  }
  const bool capped = p.beta > 0, open_above = p.beta == 6 && p.gamma == 0;
  times_slope(s, dy, dx, n, [&](Vector v) HWY_ATTR {
    const Vector below = hn::IfThenElse(hn::Eq(v, threshold), zero, slope);
    const auto passes = open_above ? hn::Lt(v, largest) : hn::Le(v, largest);
    const Vector above = capped ? hn::IfThenElse(passes, one, zero) : one;
    return hn::IfThenElse(hn::Gt(v, threshold), above, below);
  });
}

/// scale * (s > 0 ? 1 : alpha * e^(s / divisor)), and `at_zero` for 0.
void elu_slope_block(double scale, double alpha, double divisor, double at_zero, const float* s,
                     const float* dy, float* dx, std::int64_t n) {
  const Vector positive = number(scale), negative = number(scale * alpha), inner = number(divisor),
               kink = number(at_zero), zero = hn::Zero(D());
  times_slope(s, dy, dx, n, [&](Vector v) HWY_ATTR {
    const Vector below = hn::Mul(negative, exp_of(at_most(hn::Div(v, inner), 0)));
    return hn::IfThenElse(hn::Eq(v, zero), kink, hn::IfThenElse(hn::Gt(v, zero), positive, below));
  });
}

/// sigmoid(u) + s * u' * sigmoid(u) * sigmoid(-u), for f = s * sigmoid(u).
HWY_INLINE Vector gated_slope(Vector s, Vector u, Vector inner_slope) {
  const Vector value = sigmoid_of(u);
  const Vector bend = hn::Mul(hn::Mul(inner_slope, value), sigmoid_of(hn::Neg(u)));
  return hn::MulAdd(s, bend, value);
}

HWY_INLINE Vector gelu_tanh_slope(Vector s) {
  // Beyond 30 the sigmoid is 0 or 1, and its argument would overflow.
  const Vector v = at_least(at_most(s, 30), -30);
  const Vector square = hn::Mul(v, v);
  const Vector u = hn::Mul(hn::Mul(v, number(kGeluTwice)), hn::MulAdd(square, number(kGeluCubic), number(1)));
  const Vector inner = hn::MulAdd(square, number(3 * kGeluTwice * kGeluCubic), number(kGeluTwice));
  return gated_slope(s, u, inner);
}

HWY_INLINE Vector gelu_slope(Vector s) {
  return hn::MulAdd(hn::Mul(s, number(0.39894228040143268)), gaussian_of(s), normal_cdf_of(s));
}

/// t + s (1 - t^2) sigmoid(s), t = tanh(softplus(s)).
HWY_INLINE Vector mish_slope(Vector s) {
  const SoftplusTanh t = tanh_softplus(s);
  const Vector bend = hn::Mul(t.rest, hn::Add(number(1), t.value));
  return hn::MulAdd(hn::Mul(s, bend), sigmoid_of(s), t.value);
}

HWY_INLINE Vector hard_sigmoid_slope(Vector s) {
  return hn::IfThenElseZero(hn::And(hn::Gt(s, number(-3)), hn::Lt(s, number(3))), number(1.0 / 6));
}

void slope_block(UnaryKind kind, const ops::UnaryParameters& p, const float* s, const float* dy, float* dx,
                 std::int64_t n) {
  switch (kind) {
    case UnaryKind::relu:
      return relu_slope_block(p, s, dy, dx, n);
    case UnaryKind::sigmoid:
      return times_slope(s, dy, dx, n, [](Vector v) HWY_ATTR { return hn::Mul(v, hn::Sub(number(1), v)); });
    case UnaryKind::tanh:
      return times_slope(s, dy, dx, n, [](Vector v) HWY_ATTR {
        return hn::Mul(hn::Sub(number(1), v), hn::Add(number(1), v));
      });
    case UnaryKind::exponential:
      return times_slope(s, dy, dx, n, [](Vector v) HWY_ATTR { return v; });
    case UnaryKind::log:
      return map(s, dy, dx, n, [](Vector v, Vector g) HWY_ATTR { return hn::Div(g, v); });
    case UnaryKind::sqrt:
      return map(s, dy, dx, n,
                 [](Vector v, Vector g) HWY_ATTR { return hn::Div(hn::Mul(g, number(0.5)), v); });
    case UnaryKind::rsqrt:
      return times_slope(s, dy, dx, n,
                         [](Vector v) HWY_ATTR { return hn::Mul(hn::Mul(number(-0.5), v), hn::Mul(v, v)); });
    case UnaryKind::square:
      return map(s, dy, dx, n, [](Vector v, Vector g) HWY_ATTR { return hn::Mul(v, hn::Add(g, g)); });
    case UnaryKind::absolute:
      return times_slope(s, dy, dx, n, [](Vector v) HWY_ATTR {
        const Vector zero = hn::Zero(D());
        return hn::IfThenElse(hn::Gt(v, zero), number(1), hn::IfThenElseZero(hn::Lt(v, zero), number(-1)));
      });
    case UnaryKind::negative:
      return map(s, dy, dx, n, [](Vector, Vector g) HWY_ATTR { return hn::Neg(g); });
    case UnaryKind::elu:
      return elu_slope_block(1, p.alpha, 1, p.alpha, s, dy, dx, n);
    case UnaryKind::selu:
      return elu_slope_block(kSeluScale, kSeluAlpha, 1, kSeluScale, s, dy, dx, n);
    case UnaryKind::celu:
      return elu_slope_block(1, 1, p.alpha, 2, s, dy, dx, n);
    case UnaryKind::softplus:
      return times_slope(s, dy, dx, n, [](Vector v) HWY_ATTR { return sigmoid_of(v); });
    case UnaryKind::softsign:
      return times_slope(s, dy, dx, n, [](Vector v) HWY_ATTR {
        const Vector inverse = hn::Div(number(1), hn::Add(number(1), hn::Abs(v)));
        return hn::Mul(inverse, inverse);
      });
    case UnaryKind::silu:
      return times_slope(s, dy, dx, n, [](Vector v) HWY_ATTR { return gated_slope(v, v, number(1)); });
    case UnaryKind::gelu:
      return times_slope(s, dy, dx, n, [](Vector v) HWY_ATTR { return gelu_slope(v); });
    case UnaryKind::gelu_tanh:
      return times_slope(s, dy, dx, n, [](Vector v) HWY_ATTR { return gelu_tanh_slope(v); });
    case UnaryKind::hard_sigmoid:
      return times_slope(s, dy, dx, n, [](Vector v) HWY_ATTR { return hard_sigmoid_slope(v); });
    case UnaryKind::hard_silu:
      return times_slope(s, dy, dx, n, [](Vector v) HWY_ATTR {
        return hn::MulAdd(v, hard_sigmoid_slope(v), hard_sigmoid_of(v));
      });
    case UnaryKind::mish:
      return times_slope(s, dy, dx, n, [](Vector v) HWY_ATTR { return mish_slope(v); });
    case UnaryKind::scale: {
      const Vector alpha = number(p.alpha);
      return map(s, dy, dx, n, [&](Vector, Vector g) HWY_ATTR { return hn::Mul(alpha, g); });
    }
  }
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

HWY_EXPORT(slope_block);

void unary_backward(UnaryKind kind, const ops::UnaryParameters& parameters, const float* s, const float* dy,
                    float* dx, std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(slope_block)(kind, parameters, s, dy, dx, count);
}

}  // namespace fovea::cpu
#endif
