#pragma once

#include <memory>
#include <string_view>

#include "fovea/fields.h"
#include "fovea/graph.h"

namespace fovea {

/// A rule that a weight keeps: after each step of the optimizer it is put back to where the rule holds.
/// Derive from it to bring your own, made of fovea/ops.h.
class ConstraintImpl : public Configurable {
 public:
  /// The weight put back, of its shape and type.
  virtual Value project(GraphBuilder& b, Value weight) const = 0;
};

/// A handle; built from Keras' names: "non_neg", "NonNeg", "max_norm", "unit_norm", "min_max_norm". Those
/// that take options are in namespace fovea::constraints.
class Constraint {
 public:
  Constraint() = default;
  /// Throws Error for an unknown name.
  Constraint(std::string_view name);
  Constraint(const char* name) : Constraint(std::string_view(name)) {}
  explicit Constraint(std::shared_ptr<ConstraintImpl> impl) : impl_(std::move(impl)) {}

  ConstraintImpl* get() const { return impl_.get(); }
  explicit operator bool() const { return impl_ != nullptr; }

 private:
  std::shared_ptr<ConstraintImpl> impl_;
};

/// Visits a constraint as a nested object, as Keras' configs hold it.
void field(FieldVisitor& visitor, std::string_view name, Constraint& value);

namespace constraints {

/// No element below 0.
Constraint NonNeg();

struct MaxNormOptions {
  double max_value = 2;
  Axes axis = 0;  ///< along which a norm is taken: of a Conv2D's kernel {0, 1, 2}
};
/// No norm along `axis` above max_value; longer ones are scaled down.
Constraint MaxNorm(const MaxNormOptions& options = {});

/// Every norm along `axis` is 1.
Constraint UnitNorm(const Axes& axis = 0);

struct MinMaxNormOptions {
  double min_value = 0, max_value = 1;
  double rate = 1;  ///< of the way there that a step goes
  Axes axis = 0;
};
/// Every norm along `axis` lies between both values.
Constraint MinMaxNorm(const MinMaxNormOptions& options = {});

}  // namespace constraints
}  // namespace fovea
