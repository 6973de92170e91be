#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "layers/layer_support.h"
#include "ops/composites.h"

// Normalization: (x - mean) / max(sqrt(variance), 1e-7), or the way back, with numbers that are given or
// learned from data beforehand. UnitNormalization: x / max(sqrt(sum x^2), 1e-12). Sources:
// keras/src/layers/preprocessing/normalization.py, keras/src/layers/normalization/unit_normalization.py.

namespace fovea {
namespace {

constexpr double kEpsilon = 1e-7;  // Keras' backend.epsilon()

/// Axes from the front, in ascending order; Error for one that is not there or stands twice.
std::vector<std::int64_t> resolved_axes(const LayerImpl& layer, const Axes& axes, const Shape& x) {
  const auto result = distinct_axes(axes, x.rank());
  if (!result) {
    layer.fail_rule(fmt::format("axis must name axes of the input, each once. Received: ({}) for shape {}",
                                fmt::join(axes, ", "), x.str()));
  }
  return *result;
}

class NormalizationLayer final : public LayerImpl {
 public:
  std::string_view class_name() const override { return "Normalization"; }
  KerasTraits keras_traits() const override { return {.builds = true}; }

  void fields(FieldVisitor& visitor) override {
    one_or_many_field(visitor, "axis", options.axis);
    visitor.field("invert", options.invert);
    visitor.field("mean", options.mean);
    visitor.field("variance", options.variance);
  }

  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_one(*this, inputs);
    for (const std::int64_t axis : resolved_axes(*this, options.axis, x)) {
      if (x[axis] == Shape::unknown)
        fail_rule(fmt::format("axis {} must have a known size. Received: shape {}", axis, x.str()));
    }
    if (options.mean.has_value() != options.variance.has_value())
      fail_rule("mean and variance are given together, or learned together. Received: one of them");
    if (options.mean) {
      const std::int64_t last = options.axis.empty() ? 1 : kept(x)[-1];
      for (const Numbers* numbers : {&*options.mean, &*options.variance}) {
        const auto count = static_cast<std::int64_t>(numbers->size());
        if (count != 1 && count != last) {
          fail_rule(
              fmt::format("mean and variance are numbers, or lists with one for each of the {} places "
                          "of the last axis. Received: {} numbers",
                          last, count));
        }
      }
    }
    return {x};
  }

  std::vector<ParameterSpec> parameters(std::span<const Shape> inputs) const override {
    if (options.mean) return {};
    const Shape shape = kept(inputs[0]);
    ParameterSpec count{"count", {}, "zeros", false};
    count.dtype = DType::int64;
    return {{"mean", shape, "zeros", false}, {"variance", shape, "ones", false}, count};
  }

  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    GraphBuilder& g = context.graph;
    const TensorSpec spec = g.spec(inputs[0]);
    const Value mean = statistic(context, options.mean, 0, spec);
    const Value variance = statistic(context, options.variance, 1, spec);
    const Value deviation =
        ops::maximum(g, ops::unary(g, "sqrt", variance), scalar_like(g, variance, kEpsilon));
    if (options.invert) return {ops::add(g, mean, ops::multiply(g, inputs[0], deviation))};
    return {ops::divide(g, ops::subtract(g, inputs[0], mean), deviation)};
  }

  std::string explain_parameters(std::span<const Shape> inputs) const override {
    if (options.mean) return {};
    const std::int64_t size = kept(inputs[0]).elements();
    return fmt::format("2*{} + 1 = {}: a mean and a variance for each place along axis {}, and a count", size,
                       2 * size + 1, fmt::join(options.axis, ", "));
  }

  void adapt(const Tensor& data);

  NormalizationOptions options;

 private:
  /// The sizes of the axes that have statistics of their own.
  Shape kept(const Shape& x) const {
    Shape shape;
    for (const std::int64_t axis : resolved_axes(*this, options.axis, x)) shape.push_back(x[axis]);
    return shape;
  }

  /// A mean or variance as it meets x, in x's type.
  Value statistic(const LoweringContext& context, const std::optional<Numbers>& given, std::size_t weight,
                  const TensorSpec& x) const {
    GraphBuilder& g = context.graph;
    Shape shape;
    for (std::size_t i = 0; i < x.shape.rank(); ++i) shape.push_back(1);
    const std::vector<std::int64_t> axes = resolved_axes(*this, options.axis, x.shape);
    if (given) {
      if (given->size() > 1) shape.set(axes.back(), static_cast<std::int64_t>(given->size()));
      return g.constant(Tensor::of(shape, given->values).astype(x.dtype));
    }
    for (const std::int64_t axis : axes) shape.set(axis, x.shape[axis]);
    return ops::reshape(g, context.weight(weight), shape);
  }
};

void NormalizationLayer::adapt(const Tensor& data) {
  if (options.mean) fail_rule("its mean and variance were given; there is nothing to adapt");
  const Shape& shape = data.shape();
  if (data.dtype() != DType::float32)
    fail_rule(fmt::format("adapt takes float32. Received: {}", data.spec().str()));
  if (shape.rank() == 0 || shape[0] == 0) fail_rule("adapt takes at least one sample. Received: none");
  output_shapes({&shape, 1});
  build({&shape, 1});
  const Shape places = kept(shape);
  const std::vector<std::int64_t> axes = resolved_axes(*this, options.axis, shape);
  std::vector<double> sums(static_cast<std::size_t>(places.elements())), squares(sums.size());
  const float* values = data.data<float>();
  // The place that an element counts for, from its index.
  const auto place_of = [&](std::int64_t element) {
    std::int64_t place = 0, scale = 1;
    std::int64_t rest = element;
    std::size_t next = axes.size();
    for (auto axis = static_cast<std::int64_t>(shape.rank()) - 1; axis >= 0; --axis) {
      if (next > 0 && axes[next - 1] == axis) {
        place += rest % shape[axis] * scale;
        scale *= shape[axis];
        --next;
      }
      rest /= shape[axis];
    }
    return static_cast<std::size_t>(place);
  };
  for (std::int64_t i = 0; i < data.size(); ++i) {
    if (!std::isfinite(values[i]))
      fail_rule(fmt::format("adapt takes finite numbers. Received: {} at element {}", values[i], i));
    sums[place_of(i)] += values[i];
  }
  const double count = static_cast<double>(data.size()) / static_cast<double>(sums.size());
  for (double& sum : sums) sum /= count;
  for (std::int64_t i = 0; i < data.size(); ++i) {
    const double distance = values[i] - sums[place_of(i)];
    squares[place_of(i)] += distance * distance;
  }
  for (double& square : squares) square /= count;
  const auto assign = [&](std::size_t index, const std::vector<double>& numbers) {
    weights[index].assign(Tensor::of(places, numbers).astype(weights[index].spec().dtype));
  };
  assign(0, sums);
  assign(1, squares);
  weights[2].assign(Tensor::of<std::int64_t>({}, {0}));
  initialized = true;
}

class UnitNormalizationLayer final : public LayerImpl {
 public:
  std::string_view class_name() const override { return "UnitNormalization"; }
  WholeNumbers whole_numbers(DType, bool) const override { return WholeNumbers::refused; }
  void fields(FieldVisitor& visitor) override { one_or_many_field(visitor, "axis", axis); }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_one(*this, inputs);
    if (resolved_axes(*this, axis, x).empty()) fail_rule("axis must name one axis or more. Received: none");
    return {x};
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    GraphBuilder& g = context.graph;
    const std::vector<std::int64_t> along = resolved_axes(*this, axis, g.spec(inputs[0]).shape);
    return {of_length_one(g, inputs[0], along, 1e-12)};
  }

  Axes axis = -1;
};

}  // namespace

std::shared_ptr<LayerImpl> make_Normalization() { return std::make_shared<NormalizationLayer>(); }
std::shared_ptr<LayerImpl> make_UnitNormalization() { return std::make_shared<UnitNormalizationLayer>(); }

Normalization::Normalization(const NormalizationOptions& options) {
  auto impl = make_impl<NormalizationLayer>(options);
  impl->options = options;
  impl_ = impl;
}

void Normalization::adapt(const Tensor& data) const { static_cast<NormalizationLayer&>(*impl_).adapt(data); }

UnitNormalization::UnitNormalization(const UnitNormalizationOptions& options) {
  auto impl = make_impl<UnitNormalizationLayer>(options);
  impl->axis = options.axis;
  impl_ = impl;
}

}  // namespace fovea
