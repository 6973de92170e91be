#include "layers/activations.h"
#include "layers/layer_support.h"

// y[..., u] = activation(bias[u] + sum over i of x[..., i] * kernel[i, u]).  Parameters: (inputs + 1) *
// units. Source: keras/src/layers/core/dense.py.

namespace fovea {
namespace {

class DenseLayer final : public LayerImpl {
 public:
  std::string_view class_name() const override { return "Dense"; }

  void fields(FieldVisitor& visitor) override {
    visitor.field("units", units);
    visitor.field("activation", options.activation);
    visitor.field("use_bias", options.use_bias);
    field(visitor, "kernel_initializer", options.kernel_initializer);
    field(visitor, "bias_initializer", options.bias_initializer);
    field(visitor, "kernel_regularizer", options.kernel_regularizer);
    field(visitor, "bias_regularizer", options.bias_regularizer);
    field(visitor, "kernel_constraint", options.kernel_constraint);
    field(visitor, "bias_constraint", options.bias_constraint);
  }

  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_one(*this, inputs);
    require_activation(class_name(), options.activation);
    if (units < 1) fail_rule(fmt::format("units must be at least 1. Received: units={}", units));
    if (x.rank() < 2 || x[-1] == Shape::unknown) {
      fail_rule(fmt::format("expected an input of rank 2 or more with a known last size. Received: shape {}",
                            x.str()));
    }
    Shape y = x;
    y.set(-1, units);
    return {y};
  }

  std::vector<ParameterSpec> parameters(std::span<const Shape> inputs) const override {
    std::vector<ParameterSpec> result{kernel_of(options, {inputs[0][-1], units})};
    add_bias(result, options, units);
    return result;
  }

  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    GraphBuilder& g = context.graph;
    const Shape x = g.spec(inputs[0]).shape;
    const Value rows = ops::reshape(g, inputs[0], {x.slice(0, -1).elements(), x[-1]});
    Value y = ops::matmul(g, rows, context.weight(0));
    if (options.use_bias) y = ops::add(g, y, context.weight(1));
    Shape shape = x;
    shape.set(-1, units);
    return {lower_activation(g, options.activation, ops::reshape(g, y, shape))};
  }

  std::string explain_parameters(std::span<const Shape> inputs) const override {
    const std::int64_t size = inputs[0][-1];
    return fmt::format("({}{})*{} = {}: one weight for each of {} inputs{}, for each of {} unit{}", size,
                       options.use_bias ? " + 1" : "", units, (size + (options.use_bias ? 1 : 0)) * units,
                       size, options.use_bias ? ", one bias" : "", units, units == 1 ? "" : "s");
  }

  std::int64_t units = 1;
  DenseOptions options;
};

}  // namespace

std::shared_ptr<LayerImpl> make_Dense() { return std::make_shared<DenseLayer>(); }

Dense::Dense(std::int64_t units, const DenseOptions& options) {
  auto impl = make_impl<DenseLayer>(options);
  impl->units = units;
  impl->options = options;
  impl->activity_regularizer = options.activity_regularizer;
  impl_ = impl;
}

}  // namespace fovea
