#include "losses/loss_support.h"

// -sum(y log p) over the classes. Probabilities are divided by their sum and clipped to [1e-7, 1 - 1e-7];
// logits go through a softmax. Smoothed labels are y (1 - s) + s / C. Source: keras/src/losses/losses.py and
// backend/tensorflow/nn.py.

namespace fovea {
namespace {

class CategoricalCrossentropyLoss final : public LossImpl {
 public:
  CategoricalCrossentropyLoss() { name = options.name; }
  std::string_view class_name() const override { return "CategoricalCrossentropy"; }

  void fields(FieldVisitor& visitor) override {
    LossImpl::fields(visitor);
    visitor.field("from_logits", options.from_logits);
    visitor.field("label_smoothing", options.label_smoothing);
    visitor.field("axis", options.axis);
  }

  Value values(GraphBuilder& b, Value y_true, Value y_pred, Value logits) const override {
    const SameShape same = same_shape(b, y_true, y_pred);
    // Classes are counted along the last axis, whatever `axis` is, as in Keras.
    const auto classes = static_cast<double>(b.spec(same.y_true).shape[-1]);
    const Value labels =
        axis_last(b, smoothed(b, same.y_true, options.label_smoothing, classes), options.axis);
    if (same.squeezed) logits = {};
    if (options.from_logits && !logits) logits = same.y_pred;
    if (logits) return ops::softmax_cross_entropy(b, axis_last(b, logits, options.axis), labels);
    const Value log =
        ops::unary(b, "log", normalised_probabilities(b, axis_last(b, same.y_pred, options.axis)));
    return ops::unary(b, "negative",
                      ops::reduce(b, ops::ReduceKind::sum, ops::multiply(b, labels, log), {-1}));
  }

  losses::CategoricalCrossentropyOptions options;
};

}  // namespace

std::shared_ptr<LossImpl> make_categorical_crossentropy() {
  return std::make_shared<CategoricalCrossentropyLoss>();
}

Loss losses::CategoricalCrossentropy(const CategoricalCrossentropyOptions& options) {
  auto impl = std::make_shared<CategoricalCrossentropyLoss>();
  impl->options = options;
  impl->name = options.name;
  impl->reduction = options.reduction;
  return Loss(impl);
}

}  // namespace fovea
