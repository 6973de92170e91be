#include <fmt/ranges.h>

#include "layers/layer_support.h"

// y = gamma (x - mean) / sqrt(variance + epsilon) + beta, mean and population variance of each sample along
// some axes. An input of bfloat16 is normalised in float32. Source: Ba et al. 2016;
// keras/src/layers/normalization/layer_normalization.py.

namespace fovea {
namespace {

class LayerNormalizationLayer final : public LayerImpl {
 public:
  std::string_view class_name() const override { return "LayerNormalization"; }
  KerasTraits keras_traits() const override { return {.builds = true}; }
  /// Keras cuts what is normalized to whole numbers again, of which nothing is left.
  WholeNumbers whole_numbers(DType, bool) const override { return WholeNumbers::refused; }

  void fields(FieldVisitor& visitor) override {
    one_or_many_field(visitor, "axis", options.axis);
    visitor.field("epsilon", options.epsilon);
    visitor.field("center", options.center);
    visitor.field("scale", options.scale);
    fixed_option(visitor, *this, "rms_scaling", false);
    gamma_and_beta_starts(visitor, options);
    gamma_and_beta_rules(visitor, options);
  }

  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_one(*this, inputs);
    const auto along = distinct_axes(options.axis, x.rank());
    bool fits = along && !along->empty();
    for (const std::int64_t axis : along.value_or(std::vector<std::int64_t>{}))
      fits = fits && axis >= 1 && x[axis] != Shape::unknown;
    if (!fits) {
      fail_rule(fmt::format(
          "axis must be one or more axes behind the batch's, of known size. Received: ({}) for shape {}",
          fmt::join(options.axis, ", "), x.str()));
    }
    return {x};
  }

  std::vector<ParameterSpec> parameters(std::span<const Shape> inputs) const override {
    Shape size;
    for (const std::int64_t axis : options.axis) size.push_back(inputs[0][axis]);
    return gamma_and_beta(options, size);
  }

  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    GraphBuilder& g = context.graph;
    const TensorSpec spec = g.spec(inputs[0]);
    const Value x = ops::cast(g, inputs[0], ops::statistics_dtype(spec.dtype));
    const std::vector<std::int64_t> along = resolved(spec.shape);
    const auto mean = [&](Value v) { return ops::reduce(g, ops::ReduceKind::mean, v, along, true); };
    const Value distance = ops::subtract(g, x, mean(x));
    const Value variance = mean(ops::unary(g, "square", distance));
    const Value inverse = ops::unary(g, "rsqrt", ops::scale(g, variance, 1, options.epsilon));
    Value y = ops::multiply(g, distance, inverse);
    std::size_t next = 0;
    if (options.scale) y = ops::multiply(g, y, parameter(context, next++, spec.shape));
    if (options.center) y = ops::add(g, y, parameter(context, next++, spec.shape));
    return {ops::cast(g, y, spec.dtype)};
  }

  std::string explain_parameters(std::span<const Shape> inputs) const override {
    std::int64_t size = 1;
    for (const std::int64_t axis : options.axis) size *= inputs[0][axis];
    const int kinds = (options.scale ? 1 : 0) + (options.center ? 1 : 0);
    return fmt::format("{}*{} = {}: {}{}for each place along axis {}", kinds, size, kinds * size,
                       options.scale ? "a gamma " : "", options.center ? "a beta " : "",
                       fmt::join(options.axis, ", "));
  }

  LayerNormalizationOptions options;

 private:
  /// The axes from the front, once they were found to fit.
  std::vector<std::int64_t> resolved(const Shape& x) const {
    return distinct_axes(options.axis, x.rank()).value();
  }

  /// Along the axes, with 1 elsewhere.
  Value parameter(const LoweringContext& context, std::size_t index, const Shape& x) const {
    Shape shape;
    for (std::size_t i = 0; i < x.rank(); ++i) shape.push_back(1);
    for (const std::int64_t axis : resolved(x)) shape.set(axis, x[axis]);
    return ops::reshape(context.graph, context.variable(index), shape);
  }
};

}  // namespace

std::shared_ptr<LayerImpl> make_LayerNormalization() { return std::make_shared<LayerNormalizationLayer>(); }

LayerNormalization::LayerNormalization(const LayerNormalizationOptions& options) {
  auto impl = make_impl<LayerNormalizationLayer>(options);
  impl->options = options;
  impl_ = impl;
}

}  // namespace fovea
