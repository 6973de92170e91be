#include "losses/loss_support.h"

// mean over the last axis of -(y log p + (1 - y) log(1 - p)), p clipped to [1e-7, 1 - 1e-7]; from logits
// without clipping. Smoothed labels are y (1 - s) + s / 2. Source: keras/src/losses/losses.py.

namespace fovea {
namespace {

class BinaryCrossentropyLoss final : public LossImpl {
 public:
  BinaryCrossentropyLoss() { name = options.name; }
  std::string_view class_name() const override { return "BinaryCrossentropy"; }

  void fields(FieldVisitor& visitor) override {
    LossImpl::fields(visitor);
    visitor.field("from_logits", options.from_logits);
    visitor.field("label_smoothing", options.label_smoothing);
    visitor.field("axis", options.axis);
  }

  Value values(GraphBuilder& b, Value y_true, Value y_pred, Value logits) const override {
    const SameShape same = same_shape(b, y_true, y_pred);
    const Value labels = smoothed(b, same.y_true, options.label_smoothing, 2);
    if (same.squeezed) logits = {};
    if (options.from_logits && !logits) logits = same.y_pred;
    const Value each = logits ? ops::sigmoid_cross_entropy(b, logits, labels)
                              : binary_crossentropy_of_probabilities(b, labels, same.y_pred);
    return ops::reduce(b, ops::ReduceKind::mean, each, {options.axis});
  }

  std::optional<LabelRule> label_rule(const Shape&) const override { return LabelRule{.low = 0, .high = 1}; }

  losses::BinaryCrossentropyOptions options;
};

}  // namespace

std::shared_ptr<LossImpl> make_binary_crossentropy() { return std::make_shared<BinaryCrossentropyLoss>(); }

Loss losses::BinaryCrossentropy(const BinaryCrossentropyOptions& options) {
  auto impl = std::make_shared<BinaryCrossentropyLoss>();
  impl->options = options;
  impl->name = options.name;
  impl->reduction = options.reduction;
  return Loss(impl);
}

}  // namespace fovea
