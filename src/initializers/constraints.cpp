#include "fovea/constraints.h"

#include "core/names.h"
#include "fovea/dtype_policy.h"
#include "fovea/ops.h"
#include "ops/composites.h"

// Norms are sqrt(sum w^2) along some axes; Keras divides by norm + 1e-7. Source:
// keras/src/constraints/constraints.py.

namespace fovea {
namespace {

constexpr double kEpsilon = 1e-7;  // Keras' backend.epsilon()

void axis_field(FieldVisitor& visitor, Axes& axis) {
  std::optional<Axes> given = axis;
  visitor.field("axis", given);
  if (visitor.reads()) axis = given.value_or(Axes(0));
}

Value norms(GraphBuilder& b, Value weight, const Axes& axis) {
  const Value squares = ops::unary(b, "square", weight);
  return ops::unary(b, "sqrt", ops::reduce(b, ops::ReduceKind::sum, squares, axis.values, true));
}

/// The weight with norms that are `wanted` where they were `norm`.
Value with_norms(GraphBuilder& b, Value weight, Value norm, Value wanted) {
  return ops::multiply(b, weight, ops::divide(b, wanted, ops::scale(b, norm, 1, kEpsilon)));
}

class NonNegConstraint final : public ConstraintImpl {
 public:
  std::string_view class_name() const override { return "NonNeg"; }
  void fields(FieldVisitor&) override {}
  Value project(GraphBuilder& b, Value weight) const override { return ops::relu(b, weight); }
};

class MaxNormConstraint final : public ConstraintImpl {
 public:
  std::string_view class_name() const override { return "MaxNorm"; }
  void fields(FieldVisitor& visitor) override {
    visitor.field("max_value", options.max_value);
    axis_field(visitor, options.axis);
  }
  Value project(GraphBuilder& b, Value weight) const override {
    const Value norm = norms(b, weight, options.axis);
    return with_norms(b, weight, norm, clip(b, norm, 0, options.max_value));
  }

  constraints::MaxNormOptions options;
};

class UnitNormConstraint final : public ConstraintImpl {
 public:
  std::string_view class_name() const override { return "UnitNorm"; }
  void fields(FieldVisitor& visitor) override { axis_field(visitor, axis); }
  Value project(GraphBuilder& b, Value weight) const override {
    return ops::divide(b, weight, ops::scale(b, norms(b, weight, axis), 1, kEpsilon));
  }

  Axes axis = 0;
};

class MinMaxNormConstraint final : public ConstraintImpl {
 public:
  std::string_view class_name() const override { return "MinMaxNorm"; }
  void fields(FieldVisitor& visitor) override {
    visitor.field("min_value", options.min_value);
    visitor.field("max_value", options.max_value);
    visitor.field("rate", options.rate);
    axis_field(visitor, options.axis);
  }
  Value project(GraphBuilder& b, Value weight) const override {
    const Value norm = norms(b, weight, options.axis);
    const Value inside = clip(b, norm, options.min_value, options.max_value);
    const Value wanted =
        ops::add(b, ops::scale(b, inside, options.rate), ops::scale(b, norm, 1 - options.rate));
    return with_norms(b, weight, norm, wanted);
  }

  constraints::MinMaxNormOptions options;
};

template <class Impl>
std::shared_ptr<ConstraintImpl> make() {
  return std::make_shared<Impl>();
}

const std::vector<NamedClass<ConstraintImpl>>& classes() {
  static const std::vector<NamedClass<ConstraintImpl>> list{
      {"NonNeg", make<NonNegConstraint>, {"nonneg"}},
      {"MaxNorm", make<MaxNormConstraint>, {"maxnorm"}},
      {"UnitNorm", make<UnitNormConstraint>, {"unitnorm"}},
      {"MinMaxNorm", make<MinMaxNormConstraint>, {"minmaxnorm"}},
  };
  return list;
}

class ConstraintSlot final : public ObjectSlot {
 public:
  explicit ConstraintSlot(Constraint& value) : value_(value) {}
  Configurable* get() override { return value_.get(); }
  std::string_view module() const override { return "keras.constraints"; }
  Configurable& make(std::string_view class_name) override {
    value_ = Constraint(class_name);
    return *value_.get();
  }
  void clear() override { value_ = {}; }

 private:
  Constraint& value_;
};

}  // namespace

Constraint::Constraint(std::string_view name) : impl_(make_named("constraint", classes(), name)) {}

void field(FieldVisitor& visitor, std::string_view name, Constraint& value) {
  ConstraintSlot slot(value);
  visitor.field(name, slot);
}

Constraint constraints::NonNeg() { return Constraint(std::make_shared<NonNegConstraint>()); }
Constraint constraints::MaxNorm(const MaxNormOptions& options) {
  auto impl = std::make_shared<MaxNormConstraint>();
  impl->options = options;
  return Constraint(impl);
}
Constraint constraints::UnitNorm(const Axes& axis) {
  auto impl = std::make_shared<UnitNormConstraint>();
  impl->axis = axis;
  return Constraint(impl);
}
Constraint constraints::MinMaxNorm(const MinMaxNormOptions& options) {
  auto impl = std::make_shared<MinMaxNormConstraint>();
  impl->options = options;
  return Constraint(impl);
}

}  // namespace fovea
