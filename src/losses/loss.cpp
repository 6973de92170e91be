#include <algorithm>
#include <cmath>

#include "losses/loss_support.h"
#include "ops/axes.h"

// The list of losses, and what they share. Source: keras/src/losses/loss.py.

namespace fovea {
namespace {

const std::vector<NamedClass<LossImpl>>& classes() {
  static const std::vector<NamedClass<LossImpl>> list{
      {"BinaryCrossentropy", make_binary_crossentropy, {"bce", "BCE"}},
      {"BinaryFocalCrossentropy", make_binary_focal_crossentropy},
      {"CategoricalCrossentropy", make_categorical_crossentropy},
      {"CategoricalFocalCrossentropy", make_categorical_focal_crossentropy},
      {"SparseCategoricalCrossentropy", make_sparse_categorical_crossentropy},
      {"MeanSquaredError", make_mean_squared_error, {"mse", "MSE"}},
      {"MeanAbsoluteError", make_mean_absolute_error, {"mae", "MAE"}},
      {"MeanAbsolutePercentageError", make_mean_absolute_percentage_error, {"mape", "MAPE"}},
      {"MeanSquaredLogarithmicError", make_mean_squared_logarithmic_error, {"msle", "MSLE"}},
      {"Huber", make_huber},
      {"LogCosh", make_log_cosh},
      {"Poisson", make_poisson},
      {"KLDivergence", make_kl_divergence, {"kld", "KLD"}},
      {"CosineSimilarity", make_cosine_similarity},
      {"Hinge", make_hinge},
      {"SquaredHinge", make_squared_hinge},
      {"CategoricalHinge", make_categorical_hinge},
  };
  return list;
}

class LossSlot final : public ObjectSlot {
 public:
  explicit LossSlot(Loss& value) : value_(value) {}
  Configurable* get() override { return value_.impl().get(); }
  std::string_view module() const override { return "keras.losses"; }
  Configurable& make(std::string_view class_name) override {
    value_ = Loss(make_named("loss", classes(), class_name));
    return *value_.impl();
  }
  void clear() override { value_ = {}; }

 private:
  Loss& value_;
};

}  // namespace

Loss::Loss(std::string_view name) : impl_(make_named("loss", classes(), name)), identifier_(name) {}

void field(FieldVisitor& visitor, std::string_view name, Loss& value) {
  LossSlot slot(value);
  visitor.field(name, slot);
}

Value LossImpl::mask(GraphBuilder&, Value, Value) const { return {}; }
std::optional<LabelRule> LossImpl::label_rule(const Shape&) const { return {}; }

void LossImpl::fields(FieldVisitor& visitor) {
  visitor.field("name", name);
  visitor.field("reduction", reduction);
}

Value axis_last(GraphBuilder& b, Value x, std::int64_t axis) {
  const auto rank = static_cast<std::int64_t>(b.spec(x).shape.rank());
  if (axis < -rank || axis >= rank) fail("Loss: axis {} is out of range for {}", axis, b.spec(x).str());
  return axis_to_last(b, x, axis);
}

SameShape same_shape(GraphBuilder& b, Value y_true, Value y_pred) {
  const Shape labels = b.spec(y_true).shape, predictions = b.spec(y_pred).shape;
  SameShape same{ops::cast(b, y_true, b.spec(y_pred).dtype), y_pred, false};
  const auto has_one_more = [](const Shape& longer, const Shape& shorter) {
    return longer.rank() == shorter.rank() + 1 && longer[-1] == 1;
  };
  if (has_one_more(predictions, labels)) {
    if (labels.rank() == 1) {
      same.y_true = ops::reshape(b, same.y_true, predictions);
    } else {
      same.y_pred = ops::reshape(b, y_pred, predictions.slice(0, -1));
      same.squeezed = true;
    }
  } else if (has_one_more(labels, predictions)) {
    if (predictions.rank() == 1) {
      same.y_pred = ops::reshape(b, y_pred, labels);
      same.squeezed = true;
    } else {
      same.y_true = ops::reshape(b, same.y_true, labels.slice(0, -1));
    }
  }
  if (!(b.spec(same.y_true).shape == b.spec(same.y_pred).shape)) {
    fail(
        "Loss: labels and predictions must have one shape. Received: labels of shape {}, predictions of "
        "shape {}",
        labels.str(), predictions.str());
  }
  return same;
}

Value power(GraphBuilder& b, Value x, double exponent) {
  // Whole powers by multiplication, which keeps the bits of squares and the slope at 0.
  const double whole = std::min(std::floor(exponent), 16.0), rest = exponent - whole;
  Value result;
  for (int i = 0; i < static_cast<int>(whole); ++i) result = result ? ops::multiply(b, result, x) : x;
  if (rest != 0) {
    const Value log = ops::unary(b, "log", ops::maximum(b, x, scalar_like(b, x, 1e-37)));
    const Value part = ops::unary(b, "exponential", ops::scale(b, log, rest));
    result = result ? ops::multiply(b, result, part) : part;
  }
  return result ? result : ops::scale(b, x, 0, 1);
}

Value smoothed(GraphBuilder& b, Value labels, double smoothing, double classes) {
  return smoothing == 0 ? labels : ops::scale(b, labels, 1 - smoothing, smoothing / classes);
}

Value binary_crossentropy_of_probabilities(GraphBuilder& b, Value labels, Value p) {
  const Value clipped = clip(b, p, kEpsilon, 1 - kEpsilon);
  const Value yes = ops::multiply(b, labels, ops::unary(b, "log", clipped));
  const Value no =
      ops::multiply(b, ops::scale(b, labels, -1, 1), ops::unary(b, "log", ops::scale(b, clipped, -1, 1)));
  return ops::unary(b, "negative", ops::add(b, yes, no));
}

Value normalised_probabilities(GraphBuilder& b, Value p) {
  const Value normalised = ops::divide(b, p, ops::reduce(b, ops::ReduceKind::sum, p, {-1}, true));
  return clip(b, normalised, kEpsilon, 1 - kEpsilon);
}

}  // namespace fovea
