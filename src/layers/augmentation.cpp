#include <cmath>

#include "layers/image_layer.h"
#include "layers/interpolation.h"
#include "layers/noise.h"
#include "layers/resizing.h"
#include "ops/composites.h"
#include "ops/random.h"

// Images changed at random in training, each sample by itself. Numbers are drawn anew at each step, for each
// use of a layer. Keras 3.15's RandomCrop leaves images as they are outside of training, against its own
// output shape; ours crops the middle there. Sources: keras/src/layers/preprocessing/image_preprocessing/.

namespace fovea {
namespace {

/// {low, high} of a range given as a list, or as a number that stands for {-f, f}.
struct Range {
  double low = 0, high = 0;
};

Range range_of(const LayerImpl& layer, std::string_view option, const Numbers& factor, double least,
               double most) {
  Range range;
  bool fits = factor.size() == (factor.is_list ? 2U : 1U);
  if (fits && factor.is_list) {
    range = {std::min(factor.values[0], factor.values[1]), std::max(factor.values[0], factor.values[1])};
  } else if (fits) {
    range = {std::max(-std::abs(factor.values[0]), least), std::abs(factor.values[0])};
  }
  fits = fits && range.low >= least && range.high <= most;
  if (!fits) {
    layer.fail_rule(
        fmt::format("{} must be a number, or two, in [{}, {}]. Received: {} numbers, from {} to {}", option,
                    least, most, factor.size(), range.low, range.high));
  }
  return range;
}

/// An augmentation: images as they are unless this is training.
class AugmentationLayer : public ImageLayer {
 public:
  KerasTraits keras_traits() const override { return {.builds = true, .usual_training = true}; }

 protected:
  std::vector<Shape> image_shapes(std::span<const Shape> inputs) const override {
    check();
    return {require_images(*this, inputs)};
  }
  std::vector<Value> lower_images(const LoweringContext& context,
                                  std::span<const Value> inputs) const override {
    return {context.training ? changed(context, inputs[0]) : inputs[0]};
  }
  virtual void check() const = 0;
  virtual Value changed(const LoweringContext& context, Value images) const = 0;

  /// A number for each sample, uniform in the range, (N, 1, 1, 1) in the images' type.
  Value drawn(const LoweringContext& context, Value images, const Range& range) const {
    GraphBuilder& g = context.graph;
    const TensorSpec& spec = g.spec(images);
    const Value unit = emit_one(
        g, RandomOp(RandomKind::uniform, {spec.shape[0], 1, 1, 1}, spec.dtype, stream_of(context, seed)),
        {random_state(g)});
    return ops::scale(g, unit, range.high - range.low, range.low);
  }

  std::optional<std::int64_t> seed;
};

/// Images of `size` taken by the affine transforms that `op` draws.
Value transformed(const LoweringContext& context, Value images, RandomTransformOp op, AffineTransformOp how,
                  const std::optional<std::int64_t>& seed) {
  GraphBuilder& g = context.graph;
  const Shape& x = g.spec(images).shape;
  op.samples = x[0];
  op.image = {x[1], x[2]};
  op.stream = static_cast<std::int64_t>(stream_of(context, seed));
  const Value matrices = emit_one(g, std::move(op), {random_state(g)});
  return emit_one(g, std::move(how), {images, matrices});
}

class RandomFlipLayer final : public AugmentationLayer {
 public:
  std::string_view class_name() const override { return "RandomFlip"; }
  void fields(FieldVisitor& visitor) override {
    data_format_field(visitor);
    visitor.field("seed", seed);
    visitor.field("mode", mode);
  }
  void set(const RandomFlipOptions& options) {
    mode = options.mode;
    seed = options.seed;
  }

 private:
  void check() const override {
    if (mode != "horizontal" && mode != "vertical" && mode != "horizontal_and_vertical") {
      fail_rule(fmt::format(
          "mode must be 'horizontal', 'vertical' or 'horizontal_and_vertical'. Received: '{}'", mode));
    }
  }
  Value changed(const LoweringContext& context, Value images) const override {
    const Shape& x = context.graph.spec(images).shape;
    RandomTransformOp op;
    op.kind = TransformKind::flip;
    op.high = mode != "horizontal" ? 1 : 0;
    op.width_high = mode != "vertical" ? 1 : 0;
    op.tied = true;  // as in Keras, both or none
    AffineTransformOp how;
    how.size = {x[1], x[2]};
    how.bilinear = false;
    return transformed(context, images, op, how, seed);
  }

  std::string mode = "horizontal_and_vertical";
};

/// One that moves places: rotation, translation, zoom.
class RandomTransformLayer : public AugmentationLayer {
 public:
  void set(const RandomTransformOptions& options) {
    how = options;
    seed = options.seed;
  }

 protected:
  void transform_fields(FieldVisitor& visitor) {
    visitor.field("fill_mode", how.fill_mode);
    visitor.field("fill_value", how.fill_value);
    visitor.field("interpolation", how.interpolation);
    visitor.field("seed", seed);
    data_format_field(visitor);
  }
  void check() const override {
    fill_mode();
    if (how.interpolation != "bilinear" && how.interpolation != "nearest") {
      fail_rule(
          fmt::format("interpolation must be 'bilinear' or 'nearest'. Received: '{}'", how.interpolation));
    }
  }
  FillMode fill_mode() const {
    if (how.fill_mode == "reflect") return FillMode::reflect;
    if (how.fill_mode == "wrap") return FillMode::wrap;
    if (how.fill_mode == "constant") return FillMode::constant;
    if (how.fill_mode == "nearest") return FillMode::nearest;
    fail_rule(fmt::format("fill_mode must be 'reflect', 'wrap', 'constant' or 'nearest'. Received: '{}'",
                          how.fill_mode));
  }
  Value changed(const LoweringContext& context, Value images) const override {
    const Shape& x = context.graph.spec(images).shape;
    AffineTransformOp op;
    op.size = {x[1], x[2]};
    op.bilinear = how.interpolation == "bilinear";
    op.fill_mode = fill_mode();
    op.fill_value = how.fill_value;
    return transformed(context, images, transform(), op, seed);
  }
  virtual RandomTransformOp transform() const = 0;

  RandomTransformOptions how;
};

class RandomRotationLayer final : public RandomTransformLayer {
 public:
  std::string_view class_name() const override { return "RandomRotation"; }
  void fields(FieldVisitor& visitor) override {
    one_or_many_field(visitor, "factor", factor);
    transform_fields(visitor);
    if (!factor.is_list) factor = {-std::abs(factor.values[0]), std::abs(factor.values[0])};
  }

  Numbers factor = {-0.5, 0.5};

 private:
  void check() const override {
    RandomTransformLayer::check();
    transform();
  }
  RandomTransformOp transform() const override {
    const Range range = range_of(*this, "factor", factor, -1, 1);
    RandomTransformOp op;
    op.kind = TransformKind::rotate;
    op.low = range.low;
    op.high = range.high;
    return op;
  }
};

/// One with a factor for the height and one for the width.
class TwoFactorLayer : public RandomTransformLayer {
 public:
  void fields(FieldVisitor& visitor) override {
    one_or_many_field(visitor, "height_factor", height_factor);
    visitor.field("width_factor", width_factor);
    transform_fields(visitor);
  }

  Numbers height_factor = 0.5;
  std::optional<Numbers> width_factor;

 protected:
  RandomTransformOp with_ranges(TransformKind kind) const {
    const Range height = range_of(*this, "height_factor", height_factor, -1, 1);
    RandomTransformOp op;
    op.kind = kind;
    op.low = height.low;
    op.high = height.high;
    op.tied = !width_factor;
    const Range width = width_factor ? range_of(*this, "width_factor", *width_factor, -1, 1) : height;
    op.width_low = width.low;
    op.width_high = width.high;
    return op;
  }

 private:
  void check() const override {
    RandomTransformLayer::check();
    transform();
  }
};

class RandomTranslationLayer final : public TwoFactorLayer {
 public:
  RandomTranslationLayer() { width_factor = 0.5; }
  std::string_view class_name() const override { return "RandomTranslation"; }

 private:
  RandomTransformOp transform() const override {
    if (!width_factor) fail_rule("width_factor must be a number, or two. Received: None");
    return with_ranges(TransformKind::translate);
  }
};

class RandomZoomLayer final : public TwoFactorLayer {
 public:
  std::string_view class_name() const override { return "RandomZoom"; }

 private:
  RandomTransformOp transform() const override { return with_ranges(TransformKind::zoom); }
};

/// One that changes values, within a range that they keep.
class RandomColorLayer : public AugmentationLayer {
 public:
  void fields(FieldVisitor& visitor) override {
    one_or_many_field(visitor, "factor", factor);
    visitor.field("value_range", value_range);
    visitor.field("seed", seed);
    data_format_field(visitor);
    if (!factor.is_list)
      factor = {std::max(-std::abs(factor.values[0]), least()), std::abs(factor.values[0])};
  }
  void set(const RandomColorOptions& options) {
    value_range = options.value_range;
    seed = options.seed;
  }

  Numbers factor = {0.5, 0.5};

 protected:
  virtual double least() const = 0;
  Range range() const { return range_of(*this, "factor", factor, least(), 1); }
  void check() const override {
    range();
    if (value_range.size() != 2 || !(value_range[0] < value_range[1]))
      fail_rule("value_range must be two numbers, the lower one first");
  }
  Value cut_off(GraphBuilder& g, Value x) const { return clip(g, x, value_range[0], value_range[1]); }

  std::vector<double> value_range = {0, 255};
};

class RandomContrastLayer final : public RandomColorLayer {
 public:
  std::string_view class_name() const override { return "RandomContrast"; }

 private:
  double least() const override { return 0; }
  Value changed(const LoweringContext& context, Value images) const override {
    GraphBuilder& g = context.graph;
    const Value contrast = drawn(context, images, {1 - range().low, 1 + range().high});
    const Value mean = ops::reduce(g, ops::ReduceKind::mean, images, {1, 2}, true);
    const Value distance = ops::multiply(g, ops::subtract(g, images, mean), contrast);
    return cut_off(g, ops::add(g, distance, mean));
  }
};

class RandomBrightnessLayer final : public RandomColorLayer {
 public:
  std::string_view class_name() const override { return "RandomBrightness"; }

 private:
  double least() const override { return -1; }
  Value changed(const LoweringContext& context, Value images) const override {
    GraphBuilder& g = context.graph;
    const double width = value_range[1] - value_range[0];
    const Value delta = drawn(context, images, {range().low * width, range().high * width});
    return cut_off(g, ops::add(g, images, delta));
  }
};

class RandomCropLayer final : public ImageLayer {
 public:
  std::string_view class_name() const override { return "RandomCrop"; }
  KerasTraits keras_traits() const override { return {.builds = true, .usual_training = true}; }
  void fields(FieldVisitor& visitor) override {
    data_format_field(visitor);
    visitor.field("height", height);
    visitor.field("width", width);
    visitor.field("seed", seed);
  }

  std::int64_t height = 1, width = 1;
  std::optional<std::int64_t> seed;

 private:
  std::vector<Shape> image_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_images(*this, inputs);
    require_at_least_one(*this, "height and width", Size2(height, width));
    return {{x[0], height, width, x[3]}};
  }
  std::vector<Value> lower_images(const LoweringContext& context,
                                  std::span<const Value> inputs) const override {
    const Shape x = context.graph.spec(inputs[0]).shape;
    if (!context.training) return {center_cropped(context.graph, inputs[0], height, width)};
    if (x[1] <= height || x[2] <= width) return {cut_and_resized(context.graph, inputs[0], height, width)};
    RandomTransformOp op;
    op.kind = TransformKind::crop;
    op.high = static_cast<double>(x[1] - height + 1);
    op.width_high = static_cast<double>(x[2] - width + 1);
    AffineTransformOp how;
    how.size = {height, width};
    how.bilinear = false;
    return {transformed(context, inputs[0], op, how, seed)};
  }
};

}  // namespace

std::shared_ptr<LayerImpl> make_RandomFlip() { return std::make_shared<RandomFlipLayer>(); }
std::shared_ptr<LayerImpl> make_RandomRotation() { return std::make_shared<RandomRotationLayer>(); }
std::shared_ptr<LayerImpl> make_RandomTranslation() { return std::make_shared<RandomTranslationLayer>(); }
std::shared_ptr<LayerImpl> make_RandomZoom() { return std::make_shared<RandomZoomLayer>(); }
std::shared_ptr<LayerImpl> make_RandomContrast() { return std::make_shared<RandomContrastLayer>(); }
std::shared_ptr<LayerImpl> make_RandomBrightness() { return std::make_shared<RandomBrightnessLayer>(); }
std::shared_ptr<LayerImpl> make_RandomCrop() { return std::make_shared<RandomCropLayer>(); }

RandomFlip::RandomFlip(const RandomFlipOptions& options) {
  auto impl = make_impl<RandomFlipLayer>(options);
  impl->set(options);
  impl_ = impl;
}

RandomRotation::RandomRotation(const Numbers& factor, const RandomTransformOptions& options) {
  auto impl = make_impl<RandomRotationLayer>(options);
  impl->factor = factor;
  impl->set(options);
  impl_ = impl;
}

RandomTranslation::RandomTranslation(const Numbers& height_factor, const Numbers& width_factor,
                                     const RandomTransformOptions& options) {
  auto impl = make_impl<RandomTranslationLayer>(options);
  impl->height_factor = height_factor;
  impl->width_factor = width_factor;
  impl->set(options);
  impl_ = impl;
}

RandomZoom::RandomZoom(const Numbers& height_factor, const std::optional<Numbers>& width_factor,
                       const RandomTransformOptions& options) {
  auto impl = make_impl<RandomZoomLayer>(options);
  impl->height_factor = height_factor;
  impl->width_factor = width_factor;
  impl->set(options);
  impl_ = impl;
}

RandomContrast::RandomContrast(const Numbers& factor, const RandomColorOptions& options) {
  auto impl = make_impl<RandomContrastLayer>(options);
  impl->factor = factor;
  impl->set(options);
  impl_ = impl;
}

RandomBrightness::RandomBrightness(const Numbers& factor, const RandomColorOptions& options) {
  auto impl = make_impl<RandomBrightnessLayer>(options);
  impl->factor = factor;
  impl->set(options);
  impl_ = impl;
}

RandomCrop::RandomCrop(std::int64_t height, std::int64_t width, const NoiseOptions& options) {
  auto impl = make_impl<RandomCropLayer>(options);
  impl->height = height;
  impl->width = width;
  impl->seed = options.seed;
  impl_ = impl;
}

}  // namespace fovea
