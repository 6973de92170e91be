#include "layers/layer_support.h"

// The start of a model: one sample's shape, the batch's size in front of it left open. It computes nothing.

namespace fovea {
namespace {

class InputLayer final : public LayerImpl {
 public:
  InputLayer() { dtype_policy = floatx(); }
  std::string_view class_name() const override { return "InputLayer"; }
  KerasTraits keras_traits() const override { return {.plain_config = true}; }
  void fields(FieldVisitor& visitor) override {
    visitor.field("batch_shape", batch_shape);
    fixed_option(visitor, *this, "sparse", false);
  }
  std::vector<Shape> output_shapes(std::span<const Shape>) const override { return {batch_shape}; }
  std::vector<Value> lower(const LoweringContext&, std::span<const Value>) const override {
    fail_rule("an input is fed, not computed");
  }

  Shape batch_shape;
};

}  // namespace

std::shared_ptr<LayerImpl> make_InputLayer() { return std::make_shared<InputLayer>(); }

Input::Input(const Shape& shape, const InputOptions& options) {
  auto impl = std::make_shared<InputLayer>();
  impl->name = options.name;
  impl->dtype_policy = options.dtype;
  impl->batch_shape = {Shape::unknown};
  for (const std::int64_t size : shape) impl->batch_shape.push_back(size);
  impl_ = impl;
}

Input::operator SymbolicTensor() const {
  // However often it is used, it is one tensor.
  for (const auto& entry : impl_->calls) {
    if (std::shared_ptr<LayerCall> made = entry.lock()) return {std::move(made), 0};
  }
  return call({})[0];
}

}  // namespace fovea
