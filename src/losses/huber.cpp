#include "losses/loss_support.h"

// mean over the last axis of e^2 / 2 where |e| <= delta, else delta |e| - delta^2 / 2, with e = p - y.
// Source: Huber 1964. Source: keras/src/losses/losses.py.

namespace fovea {
namespace {

class HuberLoss final : public LossImpl {
 public:
  HuberLoss() { name = options.name; }
  std::string_view class_name() const override { return "Huber"; }

  void fields(FieldVisitor& visitor) override {
    LossImpl::fields(visitor);
    if (visitor.reads() || options.delta != 1) visitor.field("delta", options.delta);
  }

  Value values(GraphBuilder& b, Value y_true, Value y_pred, Value) const override {
    const SameShape same = same_shape(b, y_true, y_pred);
    const Value distance = ops::unary(b, "absolute", ops::subtract(b, same.y_pred, same.y_true));
    // q = min(|e|, delta): q^2 / 2 + delta (|e| - q) is either form, with its gradient.
    const Value near = ops::minimum(b, distance, scalar_like(b, distance, options.delta));
    const Value square = ops::scale(b, ops::unary(b, "square", near), 0.5);
    const Value line = ops::scale(b, ops::subtract(b, distance, near), options.delta);
    return ops::reduce(b, ops::ReduceKind::mean, ops::add(b, square, line), {-1});
  }

  losses::HuberOptions options;
};

}  // namespace

std::shared_ptr<LossImpl> make_huber() { return std::make_shared<HuberLoss>(); }

Loss losses::Huber(const HuberOptions& options) {
  auto impl = std::make_shared<HuberLoss>();
  impl->options = options;
  return with_options(impl, options);
}

}  // namespace fovea
