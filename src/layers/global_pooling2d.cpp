#include "layers/image_layer.h"
// y[n,c] = mean, or largest, of x[n,:,:,c]. Source: keras/src/layers/pooling/global_average_pooling2d.py.

namespace fovea {
namespace {

class GlobalPooling2DLayer final : public ImageLayer {
 public:
  GlobalPooling2DLayer(std::string_view class_name, ops::ReduceKind kind)
      : class_name_(class_name), kind_(kind) {}
  std::string_view class_name() const override { return class_name_; }
  WholeNumbers whole_numbers(DType, bool) const override {
    return kind_ == ops::ReduceKind::mean ? WholeNumbers::floats : WholeNumbers::kept;
  }
  void fields(FieldVisitor& visitor) override {
    data_format_field(visitor);
    visitor.field("keepdims", keepdims);
  }

  std::vector<Shape> image_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_images(*this, inputs);
    return {keepdims ? Shape{x[0], 1, 1, x[3]} : Shape{x[0], x[3]}};
  }

  std::vector<Value> lower_images(const LoweringContext& context,
                                  std::span<const Value> inputs) const override {
    return {ops::reduce(context.graph, kind_, inputs[0], {1, 2}, keepdims)};
  }

  bool keepdims = false;

 private:
  std::string_view class_name_;
  ops::ReduceKind kind_;
};

std::shared_ptr<GlobalPooling2DLayer> make(std::string_view class_name, ops::ReduceKind kind,
                                           const GlobalPooling2DOptions& options) {
  auto impl = std::make_shared<GlobalPooling2DLayer>(class_name, kind);
  impl->name = options.name;
  if (options.dtype) set_policy(*impl, *options.dtype);
  impl->keepdims = options.keepdims;
  return impl;
}

}  // namespace

std::shared_ptr<LayerImpl> make_GlobalAveragePooling2D() {
  return make("GlobalAveragePooling2D", ops::ReduceKind::mean, {});
}
std::shared_ptr<LayerImpl> make_GlobalMaxPooling2D() {
  return make("GlobalMaxPooling2D", ops::ReduceKind::max, {});
}

GlobalAveragePooling2D::GlobalAveragePooling2D(const GlobalPooling2DOptions& options) {
  impl_ = make("GlobalAveragePooling2D", ops::ReduceKind::mean, options);
}
GlobalMaxPooling2D::GlobalMaxPooling2D(const GlobalPooling2DOptions& options) {
  impl_ = make("GlobalMaxPooling2D", ops::ReduceKind::max, options);
}

}  // namespace fovea
