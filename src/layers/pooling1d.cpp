#include "layers/rows.h"

// One number for each window of a row and channel, its largest or mean, or one for the whole row. No
// parameters. Sources: keras/src/layers/pooling/base_pooling.py, base_global_pooling.py.

namespace fovea {
namespace {

class Pooling1DLayer final : public RowLayer {
 public:
  Pooling1DLayer(std::string_view class_name, ops::PoolKind kind) : class_name_(class_name), kind_(kind) {}
  std::string_view class_name() const override { return class_name_; }
  WholeNumbers whole_numbers(DType, bool) const override {
    return kind_ == ops::PoolKind::average ? WholeNumbers::refused : WholeNumbers::kept;
  }

  void fields(FieldVisitor& visitor) override {
    one_number_field(visitor, "pool_size", pool_size);
    visitor.field("padding", padding);
    one_number_field(visitor, "strides", strides);
    data_format_field(visitor);
  }

  std::int64_t pool_size = 2, strides = 2;
  std::string padding = "valid";

 private:
  std::vector<Shape> image_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_images(*this, inputs);
    require_padding(*this, padding);
    require_at_least_one(*this, "pool_size", pool_size);
    require_at_least_one(*this, "strides", strides);
    return {window().output(*this, x, x[3])};
  }
  std::vector<Value> lower_images(const LoweringContext& context,
                                  std::span<const Value> inputs) const override {
    const Padding2 amounts = window().amounts(context.graph.spec(inputs[0]).shape);
    return {
        ops::pool2d(context.graph, inputs[0],
                    {.kind = kind_, .window = {1, pool_size}, .strides = {1, strides}, .padding = amounts})};
  }
  std::string explain_image_shape(std::span<const Shape> inputs) const override {
    return window().explain(inputs[0]);
  }
  Window2D window() const { return {{1, pool_size}, {1, strides}, 1, padding, true}; }

  std::string_view class_name_;
  ops::PoolKind kind_;
};

class GlobalPooling1DLayer final : public RowLayer {
 public:
  GlobalPooling1DLayer(std::string_view class_name, ops::ReduceKind kind, bool takes_mask)
      : class_name_(class_name), kind_(kind), takes_mask_(takes_mask) {}
  std::string_view class_name() const override { return class_name_; }
  KerasTraits keras_traits() const override { return {.takes_mask = takes_mask_}; }
  WholeNumbers whole_numbers(DType, bool) const override {
    return kind_ == ops::ReduceKind::mean ? WholeNumbers::floats : WholeNumbers::kept;
  }
  void fields(FieldVisitor& visitor) override {
    data_format_field(visitor);
    visitor.field("keepdims", keepdims);
  }

  bool keepdims = false;

 private:
  std::vector<Shape> image_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_images(*this, inputs);
    return {keepdims ? Shape{x[0], 1, 1, x[3]} : Shape{x[0], x[3]}};
  }
  std::vector<Value> lower_images(const LoweringContext& context,
                                  std::span<const Value> inputs) const override {
    return {ops::reduce(context.graph, kind_, inputs[0], {1, 2}, keepdims)};
  }

  std::string_view class_name_;
  ops::ReduceKind kind_;
  bool takes_mask_;
};

std::shared_ptr<Pooling1DLayer> make(std::string_view class_name, ops::PoolKind kind, std::int64_t pool_size,
                                     const Pooling1DOptions& options) {
  auto impl = std::make_shared<Pooling1DLayer>(class_name, kind);
  impl->name = options.name;
  if (options.dtype) set_policy(*impl, *options.dtype);
  impl->pool_size = pool_size;
  impl->strides = options.strides == 0 ? pool_size : options.strides;
  impl->padding = options.padding;
  return impl;
}

std::shared_ptr<GlobalPooling1DLayer> make_global(ops::ReduceKind kind,
                                                  const GlobalPooling1DOptions& options) {
  const bool mean = kind == ops::ReduceKind::mean;
  auto impl = std::make_shared<GlobalPooling1DLayer>(mean ? "GlobalAveragePooling1D" : "GlobalMaxPooling1D",
                                                     kind, mean);
  impl->name = options.name;
  if (options.dtype) set_policy(*impl, *options.dtype);
  impl->keepdims = options.keepdims;
  return impl;
}

}  // namespace

std::shared_ptr<LayerImpl> make_MaxPooling1D() { return make("MaxPooling1D", ops::PoolKind::max, 2, {}); }
std::shared_ptr<LayerImpl> make_AveragePooling1D() {
  return make("AveragePooling1D", ops::PoolKind::average, 2, {});
}
std::shared_ptr<LayerImpl> make_GlobalAveragePooling1D() { return make_global(ops::ReduceKind::mean, {}); }
std::shared_ptr<LayerImpl> make_GlobalMaxPooling1D() { return make_global(ops::ReduceKind::max, {}); }

MaxPooling1D::MaxPooling1D(std::int64_t pool_size, const Pooling1DOptions& options) {
  impl_ = make("MaxPooling1D", ops::PoolKind::max, pool_size, options);
}
AveragePooling1D::AveragePooling1D(std::int64_t pool_size, const Pooling1DOptions& options) {
  impl_ = make("AveragePooling1D", ops::PoolKind::average, pool_size, options);
}
GlobalAveragePooling1D::GlobalAveragePooling1D(const GlobalPooling1DOptions& options) {
  impl_ = make_global(ops::ReduceKind::mean, options);
}
GlobalMaxPooling1D::GlobalMaxPooling1D(const GlobalPooling1DOptions& options) {
  impl_ = make_global(ops::ReduceKind::max, options);
}

}  // namespace fovea
