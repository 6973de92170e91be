#include "losses/loss_support.h"

// Means over the last axis of (y - p)^2 or |y - p|. Source: keras/src/losses/losses.py.

namespace fovea {
namespace {

class RegressionLoss final : public LossImpl {
 public:
  explicit RegressionLoss(bool squared) : squared_(squared) { name = snake_case(class_name()); }
  std::string_view class_name() const override { return squared_ ? "MeanSquaredError" : "MeanAbsoluteError"; }

  Value values(GraphBuilder& b, Value y_true, Value y_pred, Value) const override {
    const Value difference = ops::subtract(b, y_pred, like_predictions(b, y_true, y_pred));
    return ops::reduce(b, ops::ReduceKind::mean, ops::unary(b, squared_ ? "square" : "absolute", difference),
                       {-1});
  }

 private:
  bool squared_;
};

Loss make(bool squared, const losses::RegressionOptions& options) {
  auto impl = std::make_shared<RegressionLoss>(squared);
  impl->reduction = options.reduction;
  if (!options.name.empty()) impl->name = options.name;
  return Loss(impl);
}

}  // namespace

std::shared_ptr<LossImpl> make_mean_squared_error() { return std::make_shared<RegressionLoss>(true); }
std::shared_ptr<LossImpl> make_mean_absolute_error() { return std::make_shared<RegressionLoss>(false); }

namespace losses {
Loss MeanSquaredError(const RegressionOptions& options) { return make(true, options); }
Loss MeanAbsoluteError(const RegressionOptions& options) { return make(false, options); }
}  // namespace losses

}  // namespace fovea
