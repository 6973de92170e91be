#include "losses/loss_support.h"

// mean(max(1 - y p, 0)), its square, and max(max((1 - y) p) - sum(y p) + 1, 0) for one-hot labels. Source:
// keras/src/losses/losses.py.

namespace fovea {
namespace {

/// 2 y - 1 when all labels are 0 or 1, else y.
Value signs(GraphBuilder& b, Value y) {
  std::vector<std::int64_t> axes;
  for (std::size_t i = 0; i < b.spec(y).shape.rank(); ++i) axes.push_back(static_cast<std::int64_t>(i));
  const Value distance =
      ops::unary(b, "absolute", ops::multiply(b, y, ops::subtract(b, y, scalar_like(b, y, 1))));
  // 0 when all are, 1 as soon as one is neither: what lies between is far below any label's distance.
  const Value other = ops::minimum(
      b, ops::scale(b, ops::reduce(b, ops::ReduceKind::max, distance, axes), 1e30), scalar_like(b, y, 1));
  const Value binary = ops::scale(b, other, -1, 1);
  return ops::add(b, y, ops::multiply(b, ops::scale(b, y, 1, -1), binary));
}

Value hinge_of(GraphBuilder& b, Value y, Value p) {
  const Value margin = ops::scale(b, ops::multiply(b, signs(b, y), p), -1, 1);
  return ops::maximum(b, margin, scalar_like(b, p, 0));
}

Value hinge(GraphBuilder& b, Value y, Value p) {
  return ops::reduce(b, ops::ReduceKind::mean, hinge_of(b, y, p), {-1});
}

Value squared_hinge(GraphBuilder& b, Value y, Value p) {
  return ops::reduce(b, ops::ReduceKind::mean, ops::unary(b, "square", hinge_of(b, y, p)), {-1});
}

Value categorical_hinge(GraphBuilder& b, Value y, Value p) {
  const Value right = ops::reduce(b, ops::ReduceKind::sum, ops::multiply(b, y, p), {-1});
  const Value wrong =
      ops::reduce(b, ops::ReduceKind::max, ops::multiply(b, ops::scale(b, y, -1, 1), p), {-1});
  return ops::maximum(b, ops::scale(b, ops::subtract(b, wrong, right), 1, 1), scalar_like(b, p, 0));
}

}  // namespace

std::shared_ptr<LossImpl> make_hinge() { return std::make_shared<PlainLoss>("Hinge", hinge); }
std::shared_ptr<LossImpl> make_squared_hinge() {
  return std::make_shared<PlainLoss>("SquaredHinge", squared_hinge);
}
std::shared_ptr<LossImpl> make_categorical_hinge() {
  return std::make_shared<PlainLoss>("CategoricalHinge", categorical_hinge);
}

namespace losses {
Loss Hinge(const LossOptions& options) { return with_options(make_hinge(), options); }
Loss SquaredHinge(const LossOptions& options) { return with_options(make_squared_hinge(), options); }
Loss CategoricalHinge(const LossOptions& options) { return with_options(make_categorical_hinge(), options); }
}  // namespace losses

}  // namespace fovea
