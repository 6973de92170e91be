#include "backends/cpu/kernels/elementwise/unary.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/elementwise/unary.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "backends/cpu/kernels/elementwise/functions-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

void relu_block(const ops::UnaryParameters& p, const float* x, float* y, std::int64_t count) {
  const Vector slope = number(p.alpha), largest = number(p.beta), threshold = number(p.gamma);
  // Below the threshold without a slope the result is 0, also for -inf; NaN stays NaN.
  const bool sloped = p.alpha != 0, capped = p.beta > 0;
  map(x, y, count, [&](Vector v) HWY_ATTR {
    const Vector below = sloped ? hn::Mul(slope, hn::Sub(v, threshold)) : hn::Zero(D());
    const Vector above = capped ? hn::IfThenElse(hn::Gt(v, largest), largest, v) : v;
    return hn::IfThenElse(hn::Le(v, threshold), below, above);
  });
}

/// scale * (x > 0 ? x : alpha * (e^(x / divisor) - 1)): ELU, SELU, CELU.
void elu_block(double scale, double alpha, double divisor, const float* x, float* y, std::int64_t count) {
  const Vector positive = number(scale), negative = number(scale * alpha), inner = number(divisor);
  map(x, y, count, [&](Vector v) HWY_ATTR {
    const Vector below = hn::Mul(negative, expm1_of(at_most(hn::Div(v, inner), 0)));
    return hn::IfThenElse(hn::Gt(v, hn::Zero(D())), hn::Mul(positive, v), below);
  });
}

void unary_block(UnaryKind kind, const ops::UnaryParameters& p, const float* x, float* y, std::int64_t n) {
  const D d;
  switch (kind) {
    case UnaryKind::relu:
      return relu_block(p, x, y, n);
    case UnaryKind::sigmoid:
      return map(x, y, n, [](Vector v) HWY_ATTR { return sigmoid_of(v); });
    case UnaryKind::tanh:
      return map(x, y, n, [](Vector v) HWY_ATTR { return tanh_of(v); });
    case UnaryKind::exponential:
      return map(x, y, n, [](Vector v) HWY_ATTR { return exp_of(v); });
    case UnaryKind::log:
      return map(x, y, n, [](Vector v) HWY_ATTR { return log_of(v); });
    case UnaryKind::sqrt:
      return map(x, y, n, [](Vector v) HWY_ATTR { return hn::Sqrt(v); });
    case UnaryKind::rsqrt:
      return map(x, y, n, [](Vector v) HWY_ATTR { return hn::Div(number(1), hn::Sqrt(v)); });
    case UnaryKind::square:
      return map(x, y, n, [](Vector v) HWY_ATTR { return hn::Mul(v, v); });
    case UnaryKind::absolute:
      return map(x, y, n, [](Vector v) HWY_ATTR { return hn::Abs(v); });
    case UnaryKind::negative:
      return map(x, y, n, [](Vector v) HWY_ATTR { return hn::Neg(v); });
    case UnaryKind::elu:
      return elu_block(1, p.alpha, 1, x, y, n);
    case UnaryKind::selu:
      return elu_block(kSeluScale, kSeluAlpha, 1, x, y, n);
    case UnaryKind::celu:
      return elu_block(1, p.alpha, p.alpha, x, y, n);
    case UnaryKind::softplus:
      return map(x, y, n, [](Vector v) HWY_ATTR { return softplus_of(v); });
    case UnaryKind::softsign:
      return map(x, y, n, [](Vector v) HWY_ATTR { return hn::Div(v, hn::Add(number(1), hn::Abs(v))); });
    case UnaryKind::silu:
      return map(x, y, n, [](Vector v) HWY_ATTR { return hn::Mul(v, sigmoid_of(v)); });
    case UnaryKind::gelu:
      return map(x, y, n, [](Vector v) HWY_ATTR { return hn::Mul(v, normal_cdf_of(v)); });
    case UnaryKind::gelu_tanh:
      // (1 + tanh u) / 2 is sigmoid(2 u).
      return map(x, y, n, [d](Vector v) HWY_ATTR {
        const Vector cubic = hn::MulAdd(hn::Mul(v, v), number(kGeluCubic), hn::Set(d, 1.0F));
        return hn::Mul(v, sigmoid_of(hn::Mul(hn::Mul(v, number(kGeluTwice)), cubic)));
      });
    case UnaryKind::hard_sigmoid:
      return map(x, y, n, [](Vector v) HWY_ATTR { return hard_sigmoid_of(v); });
    case UnaryKind::hard_silu:
      return map(x, y, n, [](Vector v) HWY_ATTR { return hn::Mul(v, hard_sigmoid_of(v)); });
    case UnaryKind::mish:
      return map(x, y, n, [](Vector v) HWY_ATTR { return hn::Mul(v, tanh_softplus(v).value); });
    case UnaryKind::scale: {
      const Vector alpha = number(p.alpha), beta = number(p.beta);
      return map(x, y, n, [&](Vector v) HWY_ATTR { return hn::MulAdd(v, alpha, beta); });
    }
  }
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

HWY_EXPORT(unary_block);

void unary_forward(UnaryKind kind, const ops::UnaryParameters& parameters, const float* x, float* y,
                   std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(unary_block)(kind, parameters, x, y, count);
}

}  // namespace fovea::cpu
#endif
