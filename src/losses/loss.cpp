#include "losses/loss_support.h"

// The list of losses, and what they share. Source: keras/src/losses/loss.py.

namespace fovea {
namespace {

const std::vector<NamedClass<LossImpl>>& classes() {
  static const std::vector<NamedClass<LossImpl>> list{
      {"BinaryCrossentropy", make_binary_crossentropy, {"bce", "BCE"}},
      {"CategoricalCrossentropy", make_categorical_crossentropy},
      {"SparseCategoricalCrossentropy", make_sparse_categorical_crossentropy},
      {"MeanSquaredError", make_mean_squared_error, {"mse", "MSE"}},
      {"MeanAbsoluteError", make_mean_absolute_error, {"mae", "MAE"}},
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

Value scalar(GraphBuilder& b, Value x, double number) {
  return b.constant(Tensor::of<double>({}, {number}).astype(b.spec(x).dtype));
}

Value clip(GraphBuilder& b, Value x, double low, double high) {
  return ops::minimum(b, ops::maximum(b, x, scalar(b, x, low)), scalar(b, x, high));
}

Value axis_last(GraphBuilder& b, Value x, std::int64_t axis) {
  const auto rank = static_cast<std::int64_t>(b.spec(x).shape.rank());
  if (axis < -rank || axis >= rank) fail("Loss: axis {} is out of range for {}", axis, b.spec(x).str());
  if (axis < 0) axis += rank;
  if (axis == rank - 1) return x;
  std::vector<std::int64_t> order;
  for (std::int64_t i = 0; i < rank; ++i) {
    if (i != axis) order.push_back(i);
  }
  order.push_back(axis);
  return ops::transpose(b, x, order);
}

Value like_predictions(GraphBuilder& b, Value y_true, Value y_pred) {
  const Shape& labels = b.spec(y_true).shape;
  const Shape& predictions = b.spec(y_pred).shape;
  Value same = ops::cast(b, y_true, b.spec(y_pred).dtype);
  if (labels.rank() + 1 == predictions.rank() && predictions[-1] == 1)
    same = ops::reshape(b, same, predictions);
  if (!(b.spec(same).shape == predictions)) {
    fail(
        "Loss: labels and predictions must have one shape. Received: labels of shape {}, predictions of "
        "shape {}",
        labels.str(), predictions.str());
  }
  return same;
}

}  // namespace fovea
