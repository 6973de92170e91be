#include <fmt/ranges.h>

#include "layers/layer_support.h"

// y = x for x > 0; elsewhere LeakyReLU negative_slope * x, PReLU alpha * x with a learned alpha for each
// place of a sample, ELU alpha * (exp(x) - 1). Sources: Maas et al. 2013, He et al. 2015, Clevert et al.
// 2016; keras/src/layers/activations/.

namespace fovea {
namespace {

class LeakyReLULayer final : public LayerImpl {
 public:
  std::string_view class_name() const override { return "LeakyReLU"; }
  void fields(FieldVisitor& visitor) override { visitor.field("negative_slope", negative_slope); }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    if (negative_slope < 0)
      fail_rule(fmt::format("negative_slope must not be negative. Received: {}", negative_slope));
    return {require_one(*this, inputs)};
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    return {ops::unary(context.graph, "relu", inputs[0], {.alpha = negative_slope, .beta = 0, .gamma = 0})};
  }

  double negative_slope = 0.3;
};

class PReLULayer final : public LayerImpl {
 public:
  std::string_view class_name() const override { return "PReLU"; }
  KerasTraits keras_traits() const override { return {.builds = true}; }
  WholeNumbers whole_numbers(DType, bool) const override { return WholeNumbers::refused; }
  void fields(FieldVisitor& visitor) override {
    field(visitor, "alpha_initializer", options.alpha_initializer);
    field(visitor, "alpha_regularizer", options.alpha_regularizer);
    field(visitor, "alpha_constraint", options.alpha_constraint);
    visitor.field("shared_axes", options.shared_axes);
  }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_one(*this, inputs);
    const auto last = static_cast<std::int64_t>(x.rank()) - 1;
    for (const std::int64_t axis : shared_axes()) {
      if (axis < 1 || axis > last)
        fail_rule(fmt::format("shared_axes must be from 1 to {}. Received: {}", last, axis));
    }
    if (!alpha_shape(x).is_known()) {
      fail_rule(
          fmt::format("every axis that is not shared must have a known size. Received: shape {}", x.str()));
    }
    return {x};
  }
  std::vector<ParameterSpec> parameters(std::span<const Shape> inputs) const override {
    return {{"alpha", alpha_shape(inputs[0]), options.alpha_initializer, true, options.alpha_regularizer,
             options.alpha_constraint}};
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    GraphBuilder& g = context.graph;
    const Value below = ops::relu(g, ops::unary(g, "negative", inputs[0]));
    return {ops::subtract(g, ops::relu(g, inputs[0]), ops::multiply(g, below, context.variable(0)))};
  }
  std::string explain_parameters(std::span<const Shape> inputs) const override {
    const Shape alpha = alpha_shape(inputs[0]);
    return fmt::format("{} = {}: a slope for each place", fmt::join(alpha, "*"), alpha.elements());
  }

  PReLUOptions options;

 private:
  Axes shared_axes() const { return options.shared_axes.value_or(Axes{}); }

  Shape alpha_shape(const Shape& x) const {
    Shape alpha = x.slice(1);
    for (const std::int64_t axis : shared_axes()) alpha.set(axis - 1, 1);
    return alpha;
  }
};

class ELULayer final : public LayerImpl {
 public:
  std::string_view class_name() const override { return "ELU"; }
  WholeNumbers whole_numbers(DType, bool) const override { return WholeNumbers::refused; }
  void fields(FieldVisitor& visitor) override { visitor.field("alpha", alpha); }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    return {require_one(*this, inputs)};
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    return {ops::unary(context.graph, "elu", inputs[0], {.alpha = alpha, .beta = 0, .gamma = 0})};
  }

  double alpha = 1;
};

}  // namespace

std::shared_ptr<LayerImpl> make_LeakyReLU() { return std::make_shared<LeakyReLULayer>(); }
std::shared_ptr<LayerImpl> make_PReLU() { return std::make_shared<PReLULayer>(); }
std::shared_ptr<LayerImpl> make_ELU() { return std::make_shared<ELULayer>(); }

LeakyReLU::LeakyReLU(const LeakyReLUOptions& options) {
  auto impl = make_impl<LeakyReLULayer>(options);
  impl->negative_slope = options.negative_slope;
  impl_ = impl;
}

PReLU::PReLU(const PReLUOptions& options) {
  auto impl = make_impl<PReLULayer>(options);
  impl->options = options;
  impl_ = impl;
}

ELU::ELU(const ELUOptions& options) {
  auto impl = make_impl<ELULayer>(options);
  impl->alpha = options.alpha;
  impl_ = impl;
}

}  // namespace fovea
