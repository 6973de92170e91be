#include <algorithm>
#include <cmath>

#include "layers/layer_support.h"
#include "layers/spatial.h"

// Cropping2D: the image without some rows and columns at its sides. UpSampling2D: each pixel several times in
// both directions, or bilinear between them: result i lies at (i + 1/2) / factor - 1/2, at the border the
// last pixel holds. Sources: keras/src/layers/reshaping/.

namespace fovea {
namespace {

class Cropping2DLayer final : public LayerImpl {
 public:
  std::string_view class_name() const override { return "Cropping2D"; }
  KerasTraits keras_traits() const override { return {.builds = true}; }
  void fields(FieldVisitor& visitor) override {
    visitor.field("cropping", cropping);
    data_format_option(visitor, *this);
  }

  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
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

  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    GraphBuilder& g = context.graph;
    const Shape x = g.spec(inputs[0]).shape;
    const Value rows = ops::slice(g, inputs[0], 1, cropping.top, x[1] - cropping.top - cropping.bottom);
    return {ops::slice(g, rows, 2, cropping.left, x[2] - cropping.left - cropping.right)};
  }

  std::string explain_shape(std::span<const Shape> inputs) const override {
    return fmt::format("height {} - {} - {}; width {} - {} - {}", inputs[0][1], cropping.top, cropping.bottom,
                       inputs[0][2], cropping.left, cropping.right);
  }

  Padding2 cropping = 0;
};

class UpSampling2DLayer final : public LayerImpl {
 public:
  std::string_view class_name() const override { return "UpSampling2D"; }
  void fields(FieldVisitor& visitor) override {
    visitor.field("size", size);
    data_format_option(visitor, *this);
    visitor.field("interpolation", interpolation);
  }

  KerasTraits keras_traits() const override { return {.builds = true}; }

  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_images(*this, inputs);
    require_at_least_one(*this, "size", size);
    if (interpolation != "nearest" && interpolation != "bilinear") {
      fail_rule(fmt::format("interpolation must be 'nearest' or 'bilinear'. Received: '{}'", interpolation));
    }
    const auto times = [](std::int64_t n, std::int64_t factor) {
      return n == Shape::unknown ? n : n * factor;
    };
    return {{x[0], times(x[1], size.height), times(x[2], size.width), x[3]}};
  }

  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    GraphBuilder& g = context.graph;
    const Shape x = g.spec(inputs[0]).shape;
    if (interpolation == "bilinear") {
      const Value tall = interpolated(g, inputs[0], 1, size.height);
      return {interpolated(g, tall, 2, size.width)};
    }
    const Value apart = ops::reshape(g, inputs[0], {x[0], x[1], 1, x[2], 1, x[3]});
    const Value repeated = ops::broadcast_to(g, apart, {x[0], x[1], size.height, x[2], size.width, x[3]});
    return {ops::reshape(g, repeated, {x[0], x[1] * size.height, x[2] * size.width, x[3]})};
  }

  std::string explain_shape(std::span<const Shape> inputs) const override {
    return fmt::format("height {} * {}; width {} * {}", inputs[0][1], size.height, inputs[0][2], size.width);
  }

  /// Bilinear along one axis: a product with the matrix of weights.
  static Value interpolated(GraphBuilder& g, Value images, std::int64_t axis, std::int64_t factor) {
    const TensorSpec spec = g.spec(images);
    const std::int64_t n = spec.shape[axis];
    std::vector<double> weights(static_cast<std::size_t>(n * n * factor));
    for (std::int64_t i = 0; i < n * factor; ++i) {
      const double at = (static_cast<double>(i) + 0.5) / static_cast<double>(factor) - 0.5;
      const auto below = static_cast<std::int64_t>(std::floor(at));
      const double rest = at - static_cast<double>(below);
      const auto add = [&](std::int64_t from, double weight) {
        weights[static_cast<std::size_t>(std::clamp<std::int64_t>(from, 0, n - 1) * n * factor + i)] +=
            weight;
      };
      add(below, 1 - rest);
      add(below + 1, rest);
    }
    const Value last = swap_with_last(g, images, axis);
    const Shape shape = g.spec(last).shape;
    const Value rows = ops::reshape(g, last, {shape.elements() / std::max<std::int64_t>(1, n), n});
    const Value matrix = g.constant(Tensor::of({n, n * factor}, weights).astype(spec.dtype));
    const Value product = ops::matmul(g, rows, matrix);
    return swap_with_last(g, ops::reshape(g, product, {shape[0], shape[1], shape[2], n * factor}), axis);
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
