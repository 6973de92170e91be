#include "layers/resizing.h"

#include <algorithm>

#include "layers/image_layer.h"
#include "layers/interpolation.h"

// Resizing: images of another size, distorted, or cut or bordered to the new shape first. CenterCrop: the
// middle of images, or, of smaller ones, what Resizing with crop_to_aspect_ratio gives. Sources:
// keras/src/layers/preprocessing/image_preprocessing/, keras/src/backend/tensorflow/image.py.

namespace fovea {
namespace {

/// `size` places from the middle of an axis.
Value middle(GraphBuilder& g, Value images, std::int64_t axis, std::int64_t size) {
  const std::int64_t n = g.spec(images).shape[axis];
  return ops::slice(g, images, axis, (n - size) / 2, size);
}

/// The height that goes with a width, or the other way round, in a target's proportions.
std::int64_t in_proportion(std::int64_t other, std::int64_t target, std::int64_t other_target) {
  return static_cast<std::int64_t>(static_cast<float>(other * target) / static_cast<float>(other_target));
}

/// The largest part of images with the proportions of a height and a width.
Shape proportions(const Shape& x, std::int64_t height, std::int64_t width) {
  return {x[0], std::max<std::int64_t>(1, std::min(x[1], in_proportion(x[2], height, width))),
          std::max<std::int64_t>(1, std::min(x[2], in_proportion(x[1], width, height))), x[3]};
}

Value cut_to_proportions(GraphBuilder& g, Value images, std::int64_t height, std::int64_t width) {
  const Shape part = proportions(g.spec(images).shape, height, width);
  return middle(g, middle(g, images, 1, part[1]), 2, part[2]);
}

/// Borders of one value, equal on both sides of an axis.
Value bordered(GraphBuilder& g, Value images, std::int64_t axis, std::int64_t size, double value) {
  TensorSpec spec = g.spec(images);
  const std::int64_t border = (size - spec.shape[axis]) / 2;
  if (border <= 0) return images;
  spec.shape.set(axis, border);
  const Tensor filled =
      Tensor::of(spec.shape, std::vector<double>(static_cast<std::size_t>(spec.shape.elements()), value));
  const Value side = g.constant(filled.astype(spec.dtype));
  const Value parts[] = {side, images, side};
  return ops::concatenate(g, parts, axis);
}

class ResizingLayer final : public ImageLayer {
 public:
  std::string_view class_name() const override { return "Resizing"; }
  KerasTraits keras_traits() const override { return {.builds = true}; }
  void fields(FieldVisitor& visitor) override {
    visitor.field("height", height);
    visitor.field("width", width);
    visitor.field("interpolation", options.interpolation);
    visitor.field("crop_to_aspect_ratio", options.crop_to_aspect_ratio);
    visitor.field("pad_to_aspect_ratio", options.pad_to_aspect_ratio);
    fixed_option(visitor, *this, "fill_mode", std::string("constant"));  // Keras knows no other
    visitor.field("fill_value", options.fill_value);
    visitor.field("antialias", options.antialias);
    data_format_field(visitor);
  }

  std::vector<Shape> image_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_images(*this, inputs);
    require_at_least_one(*this, "height and width", Size2(height, width));
    require_interpolation(*this, options.interpolation);
    if (options.crop_to_aspect_ratio && options.pad_to_aspect_ratio)
      fail_rule("only one of crop_to_aspect_ratio and pad_to_aspect_ratio may be set. Received: both");
    return {{x[0], height, width, x[3]}};
  }

  std::vector<Value> lower_images(const LoweringContext& context,
                                  std::span<const Value> inputs) const override {
    GraphBuilder& g = context.graph;
    Value images = inputs[0];
    const Shape x = g.spec(images).shape;
    if (options.crop_to_aspect_ratio) images = cut_to_proportions(g, images, height, width);
    if (options.pad_to_aspect_ratio) {
      const std::int64_t tall = std::max(x[1], in_proportion(x[2], height, width));
      const std::int64_t wide = std::max(x[2], in_proportion(x[1], width, height));
      images = bordered(g, bordered(g, images, 1, tall, options.fill_value), 2, wide, options.fill_value);
    }
    images = resampled(g, images, 1, height, options.interpolation, options.antialias);
    return {resampled(g, images, 2, width, options.interpolation, options.antialias)};
  }

  std::int64_t height = 1, width = 1;
  ResizingOptions options;
};

class CenterCropLayer final : public ImageLayer {
 public:
  std::string_view class_name() const override { return "CenterCrop"; }
  KerasTraits keras_traits() const override { return {.builds = true}; }
  void fields(FieldVisitor& visitor) override {
    visitor.field("height", height);
    visitor.field("width", width);
    data_format_field(visitor);
  }

  std::vector<Shape> image_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_images(*this, inputs);
    require_at_least_one(*this, "height and width", Size2(height, width));
    return {{x[0], height, width, x[3]}};
  }

  std::vector<Value> lower_images(const LoweringContext& context,
                                  std::span<const Value> inputs) const override {
    return {center_cropped(context.graph, inputs[0], height, width)};
  }

  std::int64_t height = 1, width = 1;
};

}  // namespace

Value center_cropped(GraphBuilder& g, Value images, std::int64_t height, std::int64_t width) {
  const Shape x = g.spec(images).shape;
  if (x[1] >= height && x[2] >= width) return middle(g, middle(g, images, 1, height), 2, width);
  const Value cut = cut_to_proportions(g, images, height, width);
  return resampled(g, resampled(g, cut, 1, height, "bilinear", false), 2, width, "bilinear", false);
}

Value cut_and_resized(GraphBuilder& g, Value images, std::int64_t height, std::int64_t width) {
  const Shape x = g.spec(images).shape, part = proportions(x, height, width);
  const auto cut = [&](Value from, std::int64_t axis, std::int64_t size) {
    const std::int64_t first = (x[axis] - part[axis]) / 2;
    return ops::slice(g, from, axis, first, std::min(size, x[axis] - first));
  };
  const Value left = cut(cut(images, 1, height), 2, width);
  return resampled(g, resampled(g, left, 1, height, "bilinear", false), 2, width, "bilinear", false);
}

std::shared_ptr<LayerImpl> make_Resizing() { return std::make_shared<ResizingLayer>(); }
std::shared_ptr<LayerImpl> make_CenterCrop() { return std::make_shared<CenterCropLayer>(); }

Resizing::Resizing(std::int64_t height, std::int64_t width, const ResizingOptions& options) {
  auto impl = make_impl<ResizingLayer>(options);
  impl->height = height;
  impl->width = width;
  impl->options = options;
  impl_ = impl;
}

CenterCrop::CenterCrop(std::int64_t height, std::int64_t width, const NameOption& options) {
  auto impl = make_impl<CenterCropLayer>(options);
  impl->height = height;
  impl->width = width;
  impl_ = impl;
}

}  // namespace fovea
