#include <cmath>

#include "layers/convolution_sizes.h"
#include "layers/noise.h"

// In training y = x / (1 - rate) with probability 1 - rate, else 0; otherwise y = x. A frozen layer still
// drops. Places that share their fate have one mask, which the others' factors are broadcast from. Sources:
// Srivastava et al., JMLR 2014; keras/src/layers/regularization/; keras/src/applications/convnext.py.

namespace fovea {

Value dropout_factors(const LoweringContext& context, Value like, const Shape& shape, double rate,
                      std::uint64_t stream) {
  const std::vector<double> ones(static_cast<std::size_t>(shape.elements()), 1.0);
  const Value all = context.graph.constant(Tensor::of(shape, ones).astype(context.graph.spec(like).dtype));
  return ops::dropout(context.graph, all, rate, stream);
}

Shape mask_shape(const LayerImpl& layer, const Shape& x, const std::optional<Shape>& noise_shape) {
  if (!noise_shape) return x;
  bool fits = noise_shape->rank() == x.rank();
  Shape result = x;
  for (std::size_t i = 0; fits && i < x.rank(); ++i) {
    const auto axis = static_cast<std::ptrdiff_t>(i);
    const std::int64_t wanted = (*noise_shape)[axis];
    fits = wanted == Shape::unknown || wanted == 1 || wanted == x[axis] || x[axis] == Shape::unknown;
    if (wanted != Shape::unknown) result.set(axis, wanted);
  }
  if (!fits) {
    layer.fail_rule(fmt::format(
        "noise_shape must have a size for each axis: 1, None or the input's. Received: {} for shape {}",
        noise_shape->str(), x.str()));
  }
  return result;
}

void require_rate(const LayerImpl& layer, std::string_view option, double rate) {
  if (!(rate >= 0 && rate <= 1))
    layer.fail_rule(fmt::format("{} must be in [0, 1]. Received: {}={}", option, option, rate));
}

namespace {

/// x times factors that are 0 or 1 / (1 - rate), drawn for a mask of that shape.
Value dropped(const LoweringContext& context, Value x, const Shape& mask, double rate, std::uint64_t stream) {
  GraphBuilder& g = context.graph;
  if (rate == 0) return x;
  if (rate == 1) return ops::scale(g, x, 0);
  if (mask == g.spec(x).shape) return ops::dropout(g, x, rate, stream);
  return ops::multiply(g, x, dropout_factors(context, x, mask, rate, stream));
}

class DropoutLayer final : public LayerImpl {
 public:
  std::string_view class_name() const override { return "Dropout"; }
  KerasTraits keras_traits() const override { return {.usual_training = false}; }
  WholeNumbers whole_numbers(DType, bool training) const override {
    return training && rate != 0 ? WholeNumbers::refused : WholeNumbers::kept;
  }
  void fields(FieldVisitor& visitor) override {
    visitor.field("rate", rate);
    visitor.field("seed", seed);
    visitor.field("noise_shape", noise_shape);
  }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    require_rate(*this, "rate", rate);
    const Shape& x = require_one(*this, inputs);
    mask_shape(*this, x, noise_shape);
    return {x};
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    if (!context.training) return {inputs[0]};
    const Shape mask = mask_shape(*this, context.graph.spec(inputs[0]).shape, noise_shape);
    return {dropped(context, inputs[0], mask, rate, stream_of(context, seed))};
  }

  double rate = 0.5;
  std::optional<std::int64_t> seed;
  std::optional<Shape> noise_shape;
};

template <class Size>
class SpatialDropoutLayer final : public ConvolutionBase<Size> {
 public:
  std::string_view class_name() const override {
    return is_of_rows<Size> ? "SpatialDropout1D" : "SpatialDropout2D";
  }
  KerasTraits keras_traits() const override { return {.usual_training = false, .plain_config = true}; }
  WholeNumbers whole_numbers(DType, bool training) const override {
    return training && rate != 0 ? WholeNumbers::refused : WholeNumbers::kept;
  }
  void fields(FieldVisitor& visitor) override {
    visitor.field("rate", rate);
    visitor.field("seed", seed);
    if constexpr (!is_of_rows<Size>) this->data_format_field(visitor);
  }
  std::vector<Shape> image_shapes(std::span<const Shape> inputs) const override {
    require_rate(*this, "rate", rate);
    return {require_images(*this, inputs)};
  }
  std::vector<Value> lower_images(const LoweringContext& context,
                                  std::span<const Value> inputs) const override {
    if (!context.training) return {inputs[0]};
    const Shape& x = context.graph.spec(inputs[0]).shape;
    return {dropped(context, inputs[0], {x[0], 1, 1, x[3]}, rate, stream_of(context, seed))};
  }

  double rate = 0.5;
  std::optional<std::int64_t> seed;
};

template <class Size>
std::shared_ptr<LayerImpl> spatial_dropout(double rate, const NoiseOptions& options) {
  auto impl = make_impl<SpatialDropoutLayer<Size>>(options);
  impl->rate = rate;
  impl->seed = options.seed;
  return impl;
}

class StochasticDepthLayer final : public LayerImpl {
 public:
  std::string_view class_name() const override { return "StochasticDepth"; }
  KerasTraits keras_traits() const override {
    return {.builds = true, .shows_dtype = true, .module = "keras.src.applications.convnext"};
  }
  WholeNumbers whole_numbers(DType, bool training) const override {
    return training && drop_path_rate != 0 ? WholeNumbers::refused : WholeNumbers::kept;
  }
  void fields(FieldVisitor& visitor) override { visitor.field("drop_path_rate", drop_path_rate); }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    require_rate(*this, "drop_path_rate", drop_path_rate);
    return {require_one(*this, inputs)};
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    if (!context.training) return {inputs[0]};
    Shape mask = context.graph.spec(inputs[0]).shape;
    for (std::size_t i = 1; i < mask.rank(); ++i) mask.set(static_cast<std::ptrdiff_t>(i), 1);
    return {dropped(context, inputs[0], mask, drop_path_rate, context.stream)};
  }

  double drop_path_rate = 0.5;
};

}  // namespace

std::shared_ptr<LayerImpl> make_Dropout() { return std::make_shared<DropoutLayer>(); }
std::shared_ptr<LayerImpl> make_SpatialDropout2D() { return std::make_shared<SpatialDropoutLayer<Size2>>(); }
std::shared_ptr<LayerImpl> make_SpatialDropout1D() {
  return std::make_shared<SpatialDropoutLayer<std::int64_t>>();
}
std::shared_ptr<LayerImpl> make_StochasticDepth() { return std::make_shared<StochasticDepthLayer>(); }

Dropout::Dropout(double rate, const DropoutOptions& options) {
  auto impl = make_impl<DropoutLayer>(options);
  impl->rate = rate;
  impl->seed = options.seed;
  impl->noise_shape = options.noise_shape;
  impl_ = impl;
}

SpatialDropout2D::SpatialDropout2D(double rate, const NoiseOptions& options) {
  impl_ = spatial_dropout<Size2>(rate, options);
}

SpatialDropout1D::SpatialDropout1D(double rate, const NoiseOptions& options) {
  impl_ = spatial_dropout<std::int64_t>(rate, options);
}

StochasticDepth::StochasticDepth(double drop_path_rate, const NameOption& options) {
  auto impl = make_impl<StochasticDepthLayer>(options);
  impl->drop_path_rate = drop_path_rate;
  impl_ = impl;
}

}  // namespace fovea
