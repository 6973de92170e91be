#include "core/format.h"
#include "fovea/initializers.h"

// Keras' L1, L2 and L1L2 as one struct of two factors. Source: keras/src/regularizers/regularizers.py.

namespace fovea {
namespace {

/// Visits the factors of a Regularizer under the class that has just those.
class RegularizerFields final : public Configurable {
 public:
  explicit RegularizerFields(Regularizer& value) : value_(value) {}
  std::string_view class_name() const override {
    if (value_.l2 == 0 && value_.l1 != 0) return "L1";
    return value_.l1 == 0 ? "L2" : "L1L2";
  }
  void fields(FieldVisitor& visitor) override {
    const std::string_view name = class_name();
    if (name != "L2") visitor.field("l1", value_.l1);
    if (name != "L1") visitor.field("l2", value_.l2);
  }

 private:
  Regularizer& value_;
};

class RegularizerSlot final : public ObjectSlot {
 public:
  explicit RegularizerSlot(Regularizer& value) : value_(value), fields_(value) {}
  Configurable* get() override { return value_.empty() ? nullptr : &fields_; }
  std::string_view module() const override { return "keras.regularizers"; }
  Configurable& make(std::string_view name) override {
    // Keras' defaults, which a config overrides.
    if (name == "L1" || name == "l1") {
      value_ = {0.01, 0};
    } else if (name == "L2" || name == "l2") {
      value_ = {0, 0.01};
    } else if (name == "L1L2" || name == "l1l2" || name == "l1_l2") {
      value_ = {0.01, 0.01};
    } else {
      fail("There is no regularizer '{}'. Known are: l1, l2, l1_l2", name);
    }
    return fields_;
  }
  void clear() override { value_ = {}; }

 private:
  Regularizer& value_;
  RegularizerFields fields_;
};

}  // namespace

void field(FieldVisitor& visitor, std::string_view name, Regularizer& value) {
  RegularizerSlot slot(value);
  visitor.field(name, slot);
}

}  // namespace fovea
