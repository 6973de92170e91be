#include "layers/image_layer.h"
// One number for each window and channel: its largest, mean or smallest. No parameters.
// Sources: keras/src/layers/pooling/base_pooling.py; the minimum is fovea's own.
// Gradients follow from the formula. Where a window of averages is longer than the image and begins in its
// padding, those of TensorFlow without oneDNN do not: finite differences of its own outputs contradict them.

namespace fovea {
namespace {

class Pooling2DLayer final : public ImageLayer {
 public:
  Pooling2DLayer(std::string_view class_name, ops::PoolKind kind) : class_name_(class_name), kind_(kind) {}
  std::string_view class_name() const override { return class_name_; }
  WholeNumbers whole_numbers(DType, bool) const override {
    return kind_ == ops::PoolKind::average ? WholeNumbers::refused : WholeNumbers::kept;
  }

  void fields(FieldVisitor& visitor) override {
    visitor.field("pool_size", pool_size);
    visitor.field("padding", padding);
    visitor.field("strides", strides);
    data_format_field(visitor);
  }

  std::vector<Shape> image_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_images(*this, inputs);
    require_padding(*this, padding);
    if (pool_size.height < 1 || pool_size.width < 1) {
      fail_rule(
          fmt::format("pool_size must be at least 1. Received: ({}, {})", pool_size.height, pool_size.width));
    }
    if (strides.height < 1 || strides.width < 1) {
      fail_rule(fmt::format("strides must be at least 1. Received: ({}, {})", strides.height, strides.width));
    }
    return {window().output(*this, x, x[3])};
  }

  std::vector<Value> lower_images(const LoweringContext& context,
                                  std::span<const Value> inputs) const override {
    const Padding2 amounts = window().amounts(context.graph.spec(inputs[0]).shape);
    return {ops::pool2d(context.graph, inputs[0],
                        {.kind = kind_, .window = pool_size, .strides = strides, .padding = amounts})};
  }

  std::string explain_image_shape(std::span<const Shape> inputs) const override {
    return window().explain(inputs[0]);
  }

  Size2 pool_size = 2, strides = 2;
  std::string padding = "valid";

 private:
  Window2D window() const { return {pool_size, strides, 1, padding}; }

  std::string_view class_name_;
  ops::PoolKind kind_;
};

std::shared_ptr<Pooling2DLayer> make(std::string_view class_name, ops::PoolKind kind, Size2 pool_size,
                                     const Pooling2DOptions& options) {
  auto impl = std::make_shared<Pooling2DLayer>(class_name, kind);
  impl->name = options.name;
  if (options.dtype) set_policy(*impl, *options.dtype);
  impl->pool_size = pool_size;
  impl->strides = options.strides == Size2(0) ? pool_size : options.strides;
  impl->padding = options.padding;
  return impl;
}

}  // namespace

std::shared_ptr<LayerImpl> make_MaxPooling2D() { return make("MaxPooling2D", ops::PoolKind::max, 2, {}); }
std::shared_ptr<LayerImpl> make_AveragePooling2D() {
  return make("AveragePooling2D", ops::PoolKind::average, 2, {});
}
std::shared_ptr<LayerImpl> make_MinPooling2D() {
  return make("fovea>MinPooling2D", ops::PoolKind::min, 2, {});
}

MaxPooling2D::MaxPooling2D(Size2 pool_size, const Pooling2DOptions& options) {
  impl_ = make("MaxPooling2D", ops::PoolKind::max, pool_size, options);
}
AveragePooling2D::AveragePooling2D(Size2 pool_size, const Pooling2DOptions& options) {
  impl_ = make("AveragePooling2D", ops::PoolKind::average, pool_size, options);
}
MinPooling2D::MinPooling2D(Size2 pool_size, const Pooling2DOptions& options) {
  impl_ = make("fovea>MinPooling2D", ops::PoolKind::min, pool_size, options);
}

}  // namespace fovea
