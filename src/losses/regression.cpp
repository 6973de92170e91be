#include <cmath>
#include <numbers>

#include "losses/loss_support.h"

// Losses of labels y and predictions p that are numbers, counts (Poisson) or distributions (KLDivergence).
// Source: keras/src/losses/losses.py.

namespace fovea {
namespace {

Value mean_over_last(GraphBuilder& b, Value x) { return ops::reduce(b, ops::ReduceKind::mean, x, {-1}); }

/// (y - p)^2
Value squared_error(GraphBuilder& b, Value y, Value p) {
  return mean_over_last(b, ops::unary(b, "square", ops::subtract(b, p, y)));
}

/// |y - p|
Value absolute_error(GraphBuilder& b, Value y, Value p) {
  return mean_over_last(b, ops::unary(b, "absolute", ops::subtract(b, p, y)));
}

/// 100 |(y - p) / max(|y|, 1e-7)|
Value percentage_error(GraphBuilder& b, Value y, Value p) {
  const Value scale = ops::maximum(b, ops::unary(b, "absolute", y), scalar_like(b, p, kEpsilon));
  const Value share = ops::unary(b, "absolute", ops::divide(b, ops::subtract(b, y, p), scale));
  return ops::scale(b, mean_over_last(b, share), 100);
}

/// (log(max(p, 1e-7) + 1) - log(max(y, 1e-7) + 1))^2
Value logarithmic_error(GraphBuilder& b, Value y, Value p) {
  const auto log_of = [&](Value x) {
    return ops::unary(b, "log", ops::scale(b, ops::maximum(b, x, scalar_like(b, x, kEpsilon)), 1, 1));
  };
  return mean_over_last(b, ops::unary(b, "square", ops::subtract(b, log_of(p), log_of(y))));
}

/// log(cosh(e)) = e + softplus(-2 e) - log 2, e = p - y
Value log_cosh(GraphBuilder& b, Value y, Value p) {
  const Value e = ops::subtract(b, p, y);
  const Value sum = ops::add(b, e, ops::unary(b, "softplus", ops::scale(b, e, -2)));
  return mean_over_last(b, ops::subtract(b, sum, scalar_like(b, p, std::numbers::ln2)));
}

/// p - y log(p + 1e-7)
Value poisson(GraphBuilder& b, Value y, Value p) {
  const Value log = ops::unary(b, "log", ops::add(b, p, scalar_like(b, p, kEpsilon)));
  return mean_over_last(b, ops::subtract(b, p, ops::multiply(b, y, log)));
}

/// sum(y log(y / p)), both in [1e-7, 1]
Value kl_divergence(GraphBuilder& b, Value y, Value p) {
  const Value from = clip(b, y, kEpsilon, 1);
  const Value log = ops::unary(b, "log", ops::divide(b, from, clip(b, p, kEpsilon, 1)));
  return ops::reduce(b, ops::ReduceKind::sum, ops::multiply(b, from, log), {-1});
}

}  // namespace

std::shared_ptr<LossImpl> make_mean_squared_error() {
  return std::make_shared<PlainLoss>("MeanSquaredError", squared_error);
}
std::shared_ptr<LossImpl> make_mean_absolute_error() {
  return std::make_shared<PlainLoss>("MeanAbsoluteError", absolute_error);
}
std::shared_ptr<LossImpl> make_mean_absolute_percentage_error() {
  return std::make_shared<PlainLoss>("MeanAbsolutePercentageError", percentage_error);
}
std::shared_ptr<LossImpl> make_mean_squared_logarithmic_error() {
  return std::make_shared<PlainLoss>("MeanSquaredLogarithmicError", logarithmic_error);
}
std::shared_ptr<LossImpl> make_log_cosh() { return std::make_shared<PlainLoss>("LogCosh", log_cosh); }
std::shared_ptr<LossImpl> make_poisson() { return std::make_shared<PlainLoss>("Poisson", poisson); }
std::shared_ptr<LossImpl> make_kl_divergence() {
  return std::make_shared<PlainLoss>("KLDivergence", kl_divergence);
}

namespace losses {
Loss MeanSquaredError(const LossOptions& options) { return with_options(make_mean_squared_error(), options); }
Loss MeanAbsoluteError(const LossOptions& options) {
  return with_options(make_mean_absolute_error(), options);
}
Loss MeanAbsolutePercentageError(const LossOptions& options) {
  return with_options(make_mean_absolute_percentage_error(), options);
}
Loss MeanSquaredLogarithmicError(const LossOptions& options) {
  return with_options(make_mean_squared_logarithmic_error(), options);
}
Loss LogCosh(const LossOptions& options) { return with_options(make_log_cosh(), options); }
Loss Poisson(const LossOptions& options) { return with_options(make_poisson(), options); }
Loss KLDivergence(const LossOptions& options) { return with_options(make_kl_divergence(), options); }
}  // namespace losses

}  // namespace fovea
