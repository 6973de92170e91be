#include "layers/layer_support.h"

// y = gamma (x - mean) / sqrt(variance + epsilon) + beta, mean and population variance of each sample over
// all places of a group of neighbouring channels. An input of bfloat16 is normalised in float32. Source: Wu &
// He 2018; keras/src/layers/normalization/group_normalization.py.

namespace fovea {
namespace {

class GroupNormalizationLayer final : public LayerImpl {
 public:
  std::string_view class_name() const override { return "GroupNormalization"; }
  KerasTraits keras_traits() const override { return {.builds = true}; }
  /// Keras cuts what is normalized to whole numbers again, of which nothing is left.
  WholeNumbers whole_numbers(DType, bool) const override { return WholeNumbers::refused; }

  void fields(FieldVisitor& visitor) override {
    visitor.field("groups", options.groups);
    visitor.field("axis", options.axis);
    visitor.field("epsilon", options.epsilon);
    visitor.field("center", options.center);
    visitor.field("scale", options.scale);
    gamma_and_beta_starts(visitor, options);
    gamma_and_beta_rules(visitor, options);
  }

  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_one(*this, inputs);
    const auto rank = static_cast<std::int64_t>(x.rank());
    const std::int64_t axis = options.axis < 0 ? options.axis + rank : options.axis;
    if (axis < 1 || axis >= rank || x[axis] == Shape::unknown) {
      fail_rule(
          fmt::format("axis must be one behind the batch's, of known size. Received: axis={} for "
                      "shape {}",
                      options.axis, x.str()));
    }
    const std::int64_t groups = groups_of(x);
    if (groups < 1 || groups > x[axis] || x[axis] % groups != 0) {
      fail_rule(
          fmt::format("groups must divide the {} channels. Received: groups={}", x[axis], options.groups));
    }
    return {x};
  }

  std::vector<ParameterSpec> parameters(std::span<const Shape> inputs) const override {
    const Shape channels{inputs[0][options.axis]};
    return gamma_and_beta(options, channels);
  }

  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    GraphBuilder& g = context.graph;
    const TensorSpec given = g.spec(inputs[0]);
    const Value last = axis_to_last(g, inputs[0], options.axis);
    const Shape shape = g.spec(last).shape;
    const std::int64_t groups = groups_of(given.shape), channels = shape[-1];
    // Samples, places, groups, channels of a group.
    const std::int64_t places = shape.slice(1, -1).elements();
    const Value x = ops::cast(g, ops::reshape(g, last, {shape[0], places, groups, channels / groups}),
                              ops::statistics_dtype(given.dtype));
    const auto mean = [&](Value v) { return ops::reduce(g, ops::ReduceKind::mean, v, {1, 3}, true); };
    const Value distance = ops::subtract(g, x, mean(x));
    const Value variance = mean(ops::unary(g, "square", distance));
    const Value inverse = ops::unary(g, "rsqrt", ops::scale(g, variance, 1, options.epsilon));
    Value y = ops::multiply(g, distance, inverse);
    std::size_t next = 0;
    const Shape of_channels{groups, channels / groups};
    if (options.scale) y = ops::multiply(g, y, ops::reshape(g, context.variable(next++), of_channels));
    if (options.center) y = ops::add(g, y, ops::reshape(g, context.variable(next++), of_channels));
    return {axis_from_last(g, ops::reshape(g, ops::cast(g, y, given.dtype), shape), options.axis)};
  }

  std::string explain_parameters(std::span<const Shape> inputs) const override {
    const std::int64_t channels = inputs[0][options.axis];
    const int kinds = (options.scale ? 1 : 0) + (options.center ? 1 : 0);
    return fmt::format("{}*{} = {}: {}{}for each of {} channels", kinds, channels, kinds * channels,
                       options.scale ? "a gamma " : "", options.center ? "a beta " : "", channels);
  }

  GroupNormalizationOptions options;

 private:
  std::int64_t groups_of(const Shape& x) const {
    return options.groups == -1 ? x[options.axis] : options.groups;
  }
};

}  // namespace

std::shared_ptr<LayerImpl> make_GroupNormalization() { return std::make_shared<GroupNormalizationLayer>(); }

GroupNormalization::GroupNormalization(const GroupNormalizationOptions& options) {
  auto impl = make_impl<GroupNormalizationLayer>(options);
  impl->options = options;
  impl_ = impl;
}

}  // namespace fovea
