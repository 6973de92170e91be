#include "layers/layer_support.h"

// y = gamma (x - mean) / sqrt(variance + epsilon) + beta, per channel. In training the batch's own mean and
// population variance, which also move the averages: moving = moving * momentum + batch * (1 - momentum).
// Otherwise, or when frozen, the averages. An input of bfloat16 is normalised in float32. Source: Ioffe &
// Szegedy 2015; keras/src/layers/normalization/batch_normalization.py.

namespace fovea {
namespace {

class BatchNormalizationLayer final : public LayerImpl {
 public:
  std::string_view class_name() const override { return "BatchNormalization"; }
  KerasTraits keras_traits() const override { return {.takes_mask = true}; }

  void fields(FieldVisitor& visitor) override {
    visitor.field("axis", options.axis);
    visitor.field("momentum", options.momentum);
    visitor.field("epsilon", options.epsilon);
    visitor.field("center", options.center);
    visitor.field("scale", options.scale);
    gamma_and_beta_starts(visitor, options);
    field(visitor, "moving_mean_initializer", options.moving_mean_initializer);
    field(visitor, "moving_variance_initializer", options.moving_variance_initializer);
    gamma_and_beta_rules(visitor, options);
    fixed_option(visitor, *this, "synchronized", false);
  }

  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_one(*this, inputs);
    const auto rank = static_cast<std::int64_t>(x.rank());
    if (rank < 2 || options.axis < -rank || options.axis >= rank || x[options.axis] == Shape::unknown) {
      fail_rule(fmt::format("expected rank 2 or more and a known size of axis {}. Received: shape {}",
                            options.axis, x.str()));
    }
    return {x};
  }

  std::vector<ParameterSpec> parameters(std::span<const Shape> inputs) const override {
    const Shape channels{inputs[0][options.axis]};
    std::vector<ParameterSpec> result = gamma_and_beta(options, channels);
    result.push_back({"moving_mean", channels, options.moving_mean_initializer, false, {}});
    result.push_back({"moving_variance", channels, options.moving_variance_initializer, false, {}});
    return result;
  }

  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    GraphBuilder& g = context.graph;
    const Value x = axis_to_last(g, inputs[0], options.axis);
    const TensorSpec spec = g.spec(x);
    const DType precise = ops::statistics_dtype(spec.dtype);
    const TensorSpec channels{{spec.shape[-1]}, precise};
    std::size_t next = 0;
    const Value gamma = options.scale ? context.variable(next++) : constant(g, channels, 1);
    const Value beta = options.center ? context.variable(next++) : constant(g, channels, 0);
    const Variable& mean = context.weights[next];
    const Variable& variance = context.weights[next + 1];

    if (context.training && context.trainable) {
      const ops::BatchNormResult result = ops::batch_norm_training(g, x, gamma, beta, options.epsilon);
      move(g, mean, result.mean);
      move(g, variance, result.variance);
      return {axis_from_last(g, result.y, options.axis)};
    }
    const Value shifted = ops::scale(g, g.variable(variance), 1, options.epsilon);
    const Value factor = ops::multiply(g, gamma, ops::unary(g, "rsqrt", shifted));
    const Value offset = ops::subtract(g, beta, ops::multiply(g, g.variable(mean), factor));
    const Value y = ops::add(g, ops::multiply(g, ops::cast(g, x, precise), factor), offset);
    return {axis_from_last(g, ops::cast(g, y, spec.dtype), options.axis)};
  }

  std::string explain_parameters(std::span<const Shape> inputs) const override {
    const std::int64_t channels = inputs[0][options.axis];
    const int kinds = 2 + (options.scale ? 1 : 0) + (options.center ? 1 : 0);
    return fmt::format("{}*{} = {}: {}{}a moving mean and a moving variance for each of {} channels", kinds,
                       channels, kinds * channels, options.scale ? "a gamma, " : "",
                       options.center ? "a beta, " : "", channels);
  }

  BatchNormalizationOptions options;

 private:
  static Value constant(GraphBuilder& g, const TensorSpec& spec, double value) {
    const Tensor filled =
        Tensor::of(spec.shape, std::vector<double>(static_cast<std::size_t>(spec.shape.elements()), value));
    return g.constant(filled.astype(spec.dtype));
  }

  void move(GraphBuilder& g, const Variable& average, Value batch) const {
    const Value kept = ops::scale(g, g.variable(average), options.momentum);
    g.assign(average, ops::add(g, kept, ops::scale(g, batch, 1 - options.momentum)));
  }
};

}  // namespace

std::shared_ptr<LayerImpl> make_BatchNormalization() { return std::make_shared<BatchNormalizationLayer>(); }

BatchNormalization::BatchNormalization(const BatchNormalizationOptions& options) {
  auto impl = make_impl<BatchNormalizationLayer>(options);
  impl->options = options;
  impl_ = impl;
}

}  // namespace fovea
