#include "layers/layer_support.h"

// Identity gives what it is given; ActivityRegularization too, and puts a penalty on it. Sources:
// keras/src/layers/core/identity.py, keras/src/layers/regularization/activity_regularization.py.

namespace fovea {
namespace {

class PassThrough : public LayerImpl {
 public:
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    return {require_one(*this, inputs)};
  }
  std::vector<Value> lower(const LoweringContext&, std::span<const Value> inputs) const override {
    return {inputs[0]};
  }
};

class IdentityLayer final : public PassThrough {
 public:
  std::string_view class_name() const override { return "Identity"; }
  KerasTraits keras_traits() const override { return {.shows_dtype = true}; }
  WholeNumbers whole_numbers(DType, bool) const override { return WholeNumbers::kept; }
  void fields(FieldVisitor&) override {}
};

class ActivityRegularizationLayer final : public PassThrough {
 public:
  std::string_view class_name() const override { return "ActivityRegularization"; }
  /// Of bytes Keras' sum has another type, with which it fails.
  WholeNumbers whole_numbers(DType dtype, bool) const override {
    return dtype == DType::uint8 ? WholeNumbers::refused : WholeNumbers::kept;
  }
  void fields(FieldVisitor& visitor) override {
    visitor.field("l1", activity_regularizer.l1);
    visitor.field("l2", activity_regularizer.l2);
  }
};

}  // namespace

std::shared_ptr<LayerImpl> make_Identity() { return std::make_shared<IdentityLayer>(); }
std::shared_ptr<LayerImpl> make_ActivityRegularization() {
  return std::make_shared<ActivityRegularizationLayer>();
}

Identity::Identity(const NameOption& options) { impl_ = make_impl<IdentityLayer>(options); }

ActivityRegularization::ActivityRegularization(const ActivityRegularizationOptions& options) {
  auto impl = make_impl<ActivityRegularizationLayer>(options);
  impl->activity_regularizer = {options.l1, options.l2};
  impl_ = impl;
}

}  // namespace fovea
