#include "ops/unary.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "backends/reference/reference.h"

namespace fovea {
namespace {

// Self-normalising networks, Klambauer et al. 2017.
constexpr double kSeluAlpha = 1.6732632423543772848170429916717,
                 kSeluScale = 1.0507009873554804934193349852946;
// The tanh form of GELU: Hendrycks & Gimpel 2016.
const double kGeluFactor = std::sqrt(2 / std::numbers::pi);
constexpr double kGeluCubic = 0.044715;

double sigmoid(double x) { return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)); }
double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }
double normal_cdf(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }
double hard_sigmoid(double x) { return std::clamp(x / 6 + 0.5, 0.0, 1.0); }
double hard_sigmoid_slope(double x) { return x > -3 && x < 3 ? 1.0 / 6 : 0.0; }

double relu(const ops::UnaryParameters& p, double x) {
  if (x > p.gamma) return p.beta > 0 ? std::min(x, p.beta) : x;
  if (std::isnan(x)) return x;
  return p.alpha == 0 ? 0 : p.alpha * (x - p.gamma);
}

// At its kinks TensorFlow's derivative depends on the form in which Keras asks for it: a plain slope is its
// leaky_relu, a largest value of 6 its relu6, and anything else is put together from relu and clip.
double relu_slope(const ops::UnaryParameters& p, double x) {
  const bool is_relu6 = p.beta == 6 && p.gamma == 0;
  if (x > p.gamma) return p.beta == 0 || x < p.beta || (x == p.beta && !is_relu6) ? 1 : 0;
  return x == p.gamma && (p.beta != 0 || p.gamma != 0) ? 0 : p.alpha;
}

double f(UnaryKind kind, const ops::UnaryParameters& p, double x) {
  switch (kind) {
    case UnaryKind::relu:
      return relu(p, x);
    case UnaryKind::sigmoid:
      return sigmoid(x);
    case UnaryKind::tanh:
      return std::tanh(x);
    case UnaryKind::exponential:
      return std::exp(x);
    case UnaryKind::log:
      return std::log(x);
    case UnaryKind::sqrt:
      return std::sqrt(x);
    case UnaryKind::rsqrt:
      return 1 / std::sqrt(x);
    case UnaryKind::square:
      return x * x;
    case UnaryKind::absolute:
      return std::abs(x);
    case UnaryKind::negative:
      return -x;
    case UnaryKind::elu:
      return x > 0 ? x : p.alpha * std::expm1(x);
    case UnaryKind::selu:
      return kSeluScale * (x > 0 ? x : kSeluAlpha * std::expm1(x));
    case UnaryKind::celu:
      return x > 0 ? x : p.alpha * std::expm1(x / p.alpha);
    case UnaryKind::softplus:
      return softplus(x);
    case UnaryKind::softsign:
      return x / (1 + std::abs(x));
    case UnaryKind::silu:
      return x * sigmoid(x);
    case UnaryKind::gelu:
      return x * normal_cdf(x);
    case UnaryKind::gelu_tanh:
      return 0.5 * x * (1 + std::tanh(kGeluFactor * (x + kGeluCubic * x * x * x)));
    case UnaryKind::hard_sigmoid:
      return hard_sigmoid(x);
    case UnaryKind::hard_silu:
      return x * hard_sigmoid(x);
    case UnaryKind::mish:
      return x * std::tanh(softplus(x));
    case UnaryKind::scale:
      return p.alpha * x + p.beta;
  }
  return x;
}

/// f'; `s` is y for the functions of UnaryOp::gradient_uses_output(), else x.
double slope(UnaryKind kind, const ops::UnaryParameters& p, double s) {
  switch (kind) {
    case UnaryKind::relu:
      return relu_slope(p, s);
    case UnaryKind::sigmoid:
      return s * (1 - s);
    case UnaryKind::tanh:
      return 1 - s * s;
    case UnaryKind::exponential:
      return s;
    case UnaryKind::log:
      return 1 / s;
    case UnaryKind::sqrt:
      return 0.5 / s;
    case UnaryKind::rsqrt:
      return -0.5 * s * s * s;
    case UnaryKind::square:
      return 2 * s;
    case UnaryKind::absolute:
      return s > 0 ? 1 : (s < 0 ? -1 : 0);
    case UnaryKind::negative:
      return -1;
    case UnaryKind::elu:
      return s > 0 ? 1 : p.alpha * std::exp(s);
    case UnaryKind::selu:
      return kSeluScale * (s >= 0 ? 1 : kSeluAlpha * std::exp(s));
    case UnaryKind::celu:
      // max(x, 0) + min(alpha (exp(x / alpha) - 1), 0) in Keras: at 0 both sides take the gradient.
      return s == 0 ? 2 : (s > 0 ? 1 : std::exp(s / p.alpha));
    case UnaryKind::softplus:
      return sigmoid(s);
    case UnaryKind::softsign:
      return 1 / ((1 + std::abs(s)) * (1 + std::abs(s)));
    case UnaryKind::silu:
      return sigmoid(s) * (1 + s * (1 - sigmoid(s)));
    case UnaryKind::gelu:
      return normal_cdf(s) + s * std::exp(-s * s / 2) / std::sqrt(2 * std::numbers::pi);
    case UnaryKind::gelu_tanh: {
      const double t = std::tanh(kGeluFactor * (s + kGeluCubic * s * s * s));
      return 0.5 * (1 + t) + 0.5 * s * (1 - t * t) * kGeluFactor * (1 + 3 * kGeluCubic * s * s);
    }
    case UnaryKind::hard_sigmoid:
      return hard_sigmoid_slope(s);
    case UnaryKind::hard_silu:
      return hard_sigmoid(s) + s * hard_sigmoid_slope(s);
    case UnaryKind::mish: {
      const double t = std::tanh(softplus(s));
      return t + s * (1 - t * t) * sigmoid(s);
    }
    case UnaryKind::scale:
      return p.alpha;
  }
  return 0;
}

}  // namespace

void reference_Unary(const ReferenceCall& call) {
  const auto& op = static_cast<const UnaryOp&>(call.op);
  with_float_type(call.output_specs[0].dtype, [&]<class T>() {
    for (std::int64_t i = 0; i < call.output_specs[0].shape.elements(); ++i) {
      call.output<T>()[i] =
          static_cast<T>(f(op.kind, op.parameters, static_cast<double>(call.input<T>(0)[i])));
    }
  });
}

void reference_UnaryBackward(const ReferenceCall& call) {
  const auto& op = static_cast<const UnaryBackwardOp&>(call.op);
  with_float_type(call.output_specs[0].dtype, [&]<class T>() {
    for (std::int64_t i = 0; i < call.output_specs[0].shape.elements(); ++i) {
      const double factor = slope(op.kind, op.parameters, static_cast<double>(call.input<T>(0)[i]));
      call.output<T>()[i] = static_cast<T>(factor * static_cast<double>(call.input<T>(1)[i]));
    }
  });
}

}  // namespace fovea
