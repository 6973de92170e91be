#include "layers/image_layer.h"
#include "layers/interpolation.h"

// Cropping2D: the image without some rows and columns at its sides. UpSampling2D: each pixel several times in
// both directions, or what lies between them. Sources: keras/src/layers/reshaping/.

namespace fovea {
namespace {

class Cropping2DLayer final : public ImageLayer {
 public:
  std::string_view class_name() const override { return "Cropping2D"; }
  KerasTraits keras_traits() const override { return {.builds = true}; }
  WholeNumbers whole_numbers(DType, bool) const override { return WholeNumbers::kept; }
  void fields(FieldVisitor& visitor) override {
    visitor.field("cropping", cropping);
    data_format_field(visitor);
  }

  std::vector<Shape> image_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_images(*this, inputs);
    if (cropping.top < 0 || cropping.bottom < 0 || cropping.left < 0 || cropping.right < 0)
      fail_rule("cropping must be at least 0 on every side");
    const auto rest = [&](std::int64_t size, std::int64_t before, std::int64_t after) {
      if (size == Shape::unknown) return size;
      if (before + after >= size) {
        fail_rule(fmt::format("nothing is left of {} when {} and {} are cut off. Received: shape {}", size,
                              before, after, x.str()));
      }
      return size - before - after;
    };
    return {
        {x[0], rest(x[1], cropping.top, cropping.bottom), rest(x[2], cropping.left, cropping.right), x[3]}};
  }

  std::vector<Value> lower_images(const LoweringContext& context,
                                  std::span<const Value> inputs) const override {
    GraphBuilder& g = context.graph;
    const Shape x = g.spec(inputs[0]).shape;
    const Value rows = ops::slice(g, inputs[0], 1, cropping.top, x[1] - cropping.top - cropping.bottom);
    return {ops::slice(g, rows, 2, cropping.left, x[2] - cropping.left - cropping.right)};
  }

  std::string explain_image_shape(std::span<const Shape> inputs) const override {
    return fmt::format("height {} - {} - {}; width {} - {} - {}", inputs[0][1], cropping.top, cropping.bottom,
                       inputs[0][2], cropping.left, cropping.right);
  }

  Padding2 cropping = 0;
};

class UpSampling2DLayer final : public ImageLayer {
 public:
  std::string_view class_name() const override { return "UpSampling2D"; }
  void fields(FieldVisitor& visitor) override {
    visitor.field("size", size);
    data_format_field(visitor);
    visitor.field("interpolation", interpolation);
  }

  KerasTraits keras_traits() const override { return {.builds = true}; }
  WholeNumbers whole_numbers(DType, bool) const override { return WholeNumbers::kept; }

  std::vector<Shape> image_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_images(*this, inputs);
    require_at_least_one(*this, "size", size);
    require_interpolation(*this, interpolation);
    const auto times = [](std::int64_t n, std::int64_t factor) {
      return n == Shape::unknown ? n : n * factor;
    };
    return {{x[0], times(x[1], size.height), times(x[2], size.width), x[3]}};
  }

  std::vector<Value> lower_images(const LoweringContext& context,
                                  std::span<const Value> inputs) const override {
    GraphBuilder& g = context.graph;
    const Shape x = g.spec(inputs[0]).shape;
    if (interpolation != "nearest" && context.whole_dtype) {
      return {resampled_whole(g, inputs[0], {x[1] * size.height, x[2] * size.width}, interpolation,
                              *context.whole_dtype)};
    }
    if (interpolation != "nearest") {
      const Value tall = resampled(g, inputs[0], 1, x[1] * size.height, interpolation, false);
      return {resampled(g, tall, 2, x[2] * size.width, interpolation, false)};
    }
    const Value apart = ops::reshape(g, inputs[0], {x[0], x[1], 1, x[2], 1, x[3]});
    const Value repeated = ops::broadcast_to(g, apart, {x[0], x[1], size.height, x[2], size.width, x[3]});
    return {ops::reshape(g, repeated, {x[0], x[1] * size.height, x[2] * size.width, x[3]})};
  }

  std::string explain_image_shape(std::span<const Shape> inputs) const override {
    return fmt::format("height {} * {}; width {} * {}", inputs[0][1], size.height, inputs[0][2], size.width);
  }

  Size2 size = 2;
  std::string interpolation = "nearest";
};

}  // namespace

std::shared_ptr<LayerImpl> make_Cropping2D() { return std::make_shared<Cropping2DLayer>(); }
std::shared_ptr<LayerImpl> make_UpSampling2D() { return std::make_shared<UpSampling2DLayer>(); }

Cropping2D::Cropping2D(const Padding2& cropping, const NameOption& options) {
  auto impl = make_impl<Cropping2DLayer>(options);
  impl->cropping = cropping;
  impl_ = impl;
}

UpSampling2D::UpSampling2D(Size2 size, const UpSampling2DOptions& options) {
  auto impl = make_impl<UpSampling2DLayer>(options);
  impl->size = size;
  impl->interpolation = options.interpolation;
  impl_ = impl;
}

}  // namespace fovea
