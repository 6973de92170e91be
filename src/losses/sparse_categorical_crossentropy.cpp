#include "losses/loss_support.h"

// -log p[label]: probabilities are clipped to [1e-7, 1 - 1e-7] and their logarithms taken as logits, which
// normalises them. Labels may have a last axis of size 1. Source: keras/src/losses/losses.py and
// backend/tensorflow/nn.py.

namespace fovea {
namespace {

class SparseCategoricalCrossentropyLoss final : public LossImpl {
 public:
  SparseCategoricalCrossentropyLoss() { name = options.name; }
  std::string_view class_name() const override { return "SparseCategoricalCrossentropy"; }

  void fields(FieldVisitor& visitor) override {
    LossImpl::fields(visitor);
    visitor.field("from_logits", options.from_logits);
    visitor.field("ignore_class", options.ignore_class);
  }

  Value values(GraphBuilder& b, Value y_true, Value y_pred, Value logits) const override {
    const Value classes_last = axis_last(b, y_pred, options.axis);
    const Shape predictions = b.spec(classes_last).shape;
    const Value indices = labels_of(b, y_true, predictions);
    const Value one_hot = ops::one_hot(b, indices, predictions[-1], b.spec(y_pred).dtype);
    // Keras puts zeros in place of what is ignored, and so sees predictions without logits.
    if (logits && !options.ignore_class) {
      logits = axis_last(b, logits, options.axis);
    } else if (options.from_logits) {
      logits = classes_last;
    } else {
      logits = ops::unary(b, "log", clip(b, classes_last, kEpsilon, 1 - kEpsilon));
    }
    // An ignored class has no place in the one-hot labels or none in the sum.
    Value values = ops::softmax_cross_entropy(b, logits, one_hot);
    if (options.ignore_class) values = ops::multiply(b, values, counted(b, indices, b.spec(y_pred).dtype));
    return values;
  }

  Value mask(GraphBuilder& b, Value y_true, Value y_pred) const override {
    if (!options.ignore_class) return {};
    const Value classes_last = axis_last(b, y_pred, options.axis);
    return counted(b, labels_of(b, y_true, b.spec(classes_last).shape), b.spec(y_pred).dtype);
  }

  std::optional<LabelRule> label_rule(const Shape& y_pred) const override {
    const auto classes = static_cast<double>(y_pred[static_cast<std::ptrdiff_t>(options.axis)]);
    return LabelRule{.low = 0, .high = classes - 1, .whole = true, .except = options.ignore_class};
  }

  losses::SparseCategoricalCrossentropyOptions options;

 private:
  static Value labels_of(GraphBuilder& b, Value y_true, const Shape& predictions) {
    const TensorSpec labels = b.spec(y_true);
    const Shape wanted = predictions.slice(0, -1);
    const bool column = labels.shape.rank() == predictions.rank() && labels.shape[-1] == 1;
    if (!(labels.shape == wanted) && !(column && labels.shape.slice(0, -1) == wanted)) {
      fail(
          "Loss sparse_categorical_crossentropy: labels are integers of shape {}. Received: shape {}. "
          "One-hot labels "
          "want categorical_crossentropy",
          wanted.str(), labels.shape.str());
    }
    return ops::reshape(b, ops::cast(b, y_true, DType::int32), wanted);
  }

  /// 1 where the label is not the ignored class.
  Value counted(GraphBuilder& b, Value indices, DType dtype) const {
    const Shape shape = b.spec(indices).shape;
    const Value difference =
        ops::scale(b, ops::cast(b, indices, dtype), 1, -static_cast<double>(*options.ignore_class));
    const Value is_ignored = ops::one_hot(b, difference, 1, dtype);
    return ops::scale(b, ops::reshape(b, is_ignored, shape), -1, 1);
  }
};

}  // namespace

std::shared_ptr<LossImpl> make_sparse_categorical_crossentropy() {
  return std::make_shared<SparseCategoricalCrossentropyLoss>();
}

Loss losses::SparseCategoricalCrossentropy(const SparseCategoricalCrossentropyOptions& options) {
  auto impl = std::make_shared<SparseCategoricalCrossentropyLoss>();
  impl->options = options;
  impl->name = options.name;
  impl->reduction = options.reduction;
  return Loss(impl);
}

}  // namespace fovea
