#include "losses/loss_support.h"

// Cross-entropies in which an element counts the less, the surer its prediction is: times (1 - p)^gamma.
// Source: Lin et al. 2018. Source: keras/src/losses/losses.py.

namespace fovea {
namespace {

void check_gamma(std::string_view loss, double gamma) {
  if (!(gamma >= 0)) fail("Loss {}: gamma must not be below 0. Received: {}", loss, gamma);
}

class BinaryFocalCrossentropyLoss final : public LossImpl {
 public:
  BinaryFocalCrossentropyLoss() { name = options.name; }
  std::string_view class_name() const override { return "BinaryFocalCrossentropy"; }

  void fields(FieldVisitor& visitor) override {
    LossImpl::fields(visitor);
    visitor.field("from_logits", options.from_logits);
    visitor.field("label_smoothing", options.label_smoothing);
    visitor.field("axis", options.axis);
    visitor.field("apply_class_balancing", options.apply_class_balancing);
    visitor.field("alpha", options.alpha);
    visitor.field("gamma", options.gamma);
    check_gamma(name, options.gamma);
  }

  Value values(GraphBuilder& b, Value y_true, Value y_pred, Value logits) const override {
    const SameShape same = same_shape(b, y_true, y_pred);
    const Value y = smoothed(b, same.y_true, options.label_smoothing, 2);
    Value p = same.y_pred;
    if (same.squeezed) logits = {};
    if (options.from_logits) {  // even those of predictions that went through a sigmoid: as in Keras
      logits = p;
      p = ops::sigmoid(b, p);
    }
    const Value entropy =
        logits ? ops::sigmoid_cross_entropy(b, logits, y) : binary_crossentropy_of_probabilities(b, y, p);
    // p_t = y p + (1 - y)(1 - p), the probability of what is right.
    const Value no = ops::scale(b, y, -1, 1);
    const Value right = ops::add(b, ops::multiply(b, y, p), ops::multiply(b, no, ops::scale(b, p, -1, 1)));
    Value focal = ops::multiply(b, power(b, ops::scale(b, right, -1, 1), options.gamma), entropy);
    if (options.apply_class_balancing) {
      const Value weight = ops::add(b, ops::scale(b, y, options.alpha), ops::scale(b, no, 1 - options.alpha));
      focal = ops::multiply(b, weight, focal);
    }
    return ops::reduce(b, ops::ReduceKind::mean, focal, {options.axis});
  }

  std::optional<LabelRule> label_rule(const Shape&) const override { return LabelRule{.low = 0, .high = 1}; }

  losses::BinaryFocalCrossentropyOptions options;
};

class CategoricalFocalCrossentropyLoss final : public LossImpl {
 public:
  CategoricalFocalCrossentropyLoss() { name = options.name; }
  std::string_view class_name() const override { return "CategoricalFocalCrossentropy"; }

  void fields(FieldVisitor& visitor) override {
    LossImpl::fields(visitor);
    visitor.field("from_logits", options.from_logits);
    visitor.field("label_smoothing", options.label_smoothing);
    visitor.field("axis", options.axis);
    std::optional<Numbers> alpha = options.alpha;
    visitor.field("alpha", alpha);
    if (visitor.reads()) options.alpha = alpha.value_or(Numbers{});
    visitor.field("gamma", options.gamma);
    check();
  }

  void check() const {
    check_gamma(name, options.gamma);
    if (options.alpha.empty()) fail("Loss {}: alpha must be a number or a list of numbers", name);
  }

  /// Probabilities are clipped even where the model has logits, unlike those of the other cross-entropies.
  Value values(GraphBuilder& b, Value y_true, Value y_pred, Value) const override {
    const SameShape same = same_shape(b, y_true, y_pred);
    const auto classes = static_cast<double>(b.spec(same.y_true).shape[-1]);
    const Value weights = weights_like(b, same.y_pred);
    const Value y = axis_last(b, smoothed(b, same.y_true, options.label_smoothing, classes), options.axis);
    Value p = axis_last(b, same.y_pred, options.axis);
    if (options.from_logits) p = ops::softmax(b, p);
    p = normalised_probabilities(b, p);
    const Value entropy = ops::multiply(b, ops::unary(b, "negative", y), ops::unary(b, "log", p));
    const Value factor = ops::multiply(b, power(b, ops::scale(b, p, -1, 1), options.gamma), weights);
    return ops::reduce(b, ops::ReduceKind::sum, ops::multiply(b, factor, entropy), {-1});
  }

  losses::CategoricalFocalCrossentropyOptions options;

 private:
  /// alpha beside the last axis of the predictions, as NumPy broadcasts it; then moved with `axis`.
  Value weights_like(GraphBuilder& b, Value predictions) const {
    const auto count = static_cast<std::int64_t>(options.alpha.size());
    if (count == 1) return scalar_like(b, predictions, options.alpha.values[0]);
    const TensorSpec spec = b.spec(predictions);
    if (spec.shape[-1] != count) {
      fail("Loss {}: alpha must hold one weight, or one for each of the {} classes. Received: {}", name,
           spec.shape[-1], count);
    }
    const Value list = b.constant(Tensor::of<double>({count}, options.alpha.values).astype(spec.dtype));
    return axis_last(b, ops::broadcast_to(b, list, spec.shape), options.axis);
  }
};

}  // namespace

std::shared_ptr<LossImpl> make_binary_focal_crossentropy() {
  return std::make_shared<BinaryFocalCrossentropyLoss>();
}
std::shared_ptr<LossImpl> make_categorical_focal_crossentropy() {
  return std::make_shared<CategoricalFocalCrossentropyLoss>();
}

Loss losses::BinaryFocalCrossentropy(const BinaryFocalCrossentropyOptions& options) {
  auto impl = std::make_shared<BinaryFocalCrossentropyLoss>();
  impl->options = options;
  check_gamma(options.name, options.gamma);
  return with_options(impl, options);
}

Loss losses::CategoricalFocalCrossentropy(const CategoricalFocalCrossentropyOptions& options) {
  auto impl = std::make_shared<CategoricalFocalCrossentropyLoss>();
  impl->options = options;
  impl->check();
  return with_options(impl, options);
}

}  // namespace fovea
