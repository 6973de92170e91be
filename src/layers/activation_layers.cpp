#include <fmt/ranges.h>

#include <algorithm>

#include "layers/activations.h"
#include "layers/layer_support.h"

// Elementwise functions as layers. ReLU: y = min(x, max_value) where x > threshold, negative_slope * (x -
// threshold) elsewhere. Sources: keras/src/layers/activations/.

namespace fovea {
namespace {

class ElementwiseLayer : public LayerImpl {
 public:
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    return {require_one(*this, inputs)};
  }
};

class ActivationLayer final : public ElementwiseLayer {
 public:
  std::string_view class_name() const override { return "Activation"; }
  WholeNumbers whole_numbers(DType, bool) const override { return whole_numbers_of_activation(activation); }
  void fields(FieldVisitor& visitor) override { visitor.field("activation", activation); }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    require_activation(class_name(), activation);
    return ElementwiseLayer::output_shapes(inputs);
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    return {lower_activation(context.graph, activation, inputs[0])};
  }

  std::string activation = "linear";
};

class ReLULayer final : public ElementwiseLayer {
 public:
  std::string_view class_name() const override { return "ReLU"; }
  WholeNumbers whole_numbers(DType, bool) const override {
    if (negative_slope == 0) return WholeNumbers::kept;
    return max_value || threshold != 0 ? WholeNumbers::refused : WholeNumbers::floats;
  }
  void fields(FieldVisitor& visitor) override {
    visitor.field("max_value", max_value);
    visitor.field("negative_slope", negative_slope);
    visitor.field("threshold", threshold);
  }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    if ((max_value && *max_value < 0) || negative_slope < 0 || threshold < 0) {
      fail_rule(
          fmt::format("max_value, negative_slope and threshold must be at least 0. Received: {}, {} and {}",
                      max_value.value_or(0), negative_slope, threshold));
    }
    return ElementwiseLayer::output_shapes(inputs);
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    if (max_value && *max_value == 0) {  // what is left is the slope below the threshold
      const Value below = ops::relu(context.graph, ops::scale(context.graph, inputs[0], -1, threshold));
      return {ops::scale(context.graph, below, -negative_slope)};
    }
    return {ops::unary(context.graph, "relu", inputs[0],
                       {.alpha = negative_slope, .beta = max_value.value_or(0), .gamma = threshold})};
  }

  std::optional<double> max_value;
  double negative_slope = 0, threshold = 0;
};

class SoftmaxLayer final : public ElementwiseLayer {
 public:
  std::string_view class_name() const override { return "Softmax"; }
  KerasTraits keras_traits() const override { return {.takes_mask = true}; }
  WholeNumbers whole_numbers(DType, bool) const override { return WholeNumbers::refused; }
  void fields(FieldVisitor& visitor) override { one_or_many_field(visitor, "axis", axis); }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_one(*this, inputs);
    resolved(static_cast<std::int64_t>(x.rank()));
    return {x};
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    GraphBuilder& g = context.graph;
    const Shape x = g.spec(inputs[0]).shape;
    const auto rank = static_cast<std::int64_t>(x.rank());
    const std::vector<std::int64_t> axes = resolved(rank);
    if (axes.size() == 1)
      return {axis_from_last(g, ops::softmax(g, axis_to_last(g, inputs[0], axes[0])), axes[0])};
    // Several axes stand last and as one, and go back to their places.
    std::vector<std::int64_t> order;
    for (std::int64_t i = 0; i < rank; ++i) {
      if (std::find(axes.begin(), axes.end(), i) == axes.end()) order.push_back(i);
    }
    order.insert(order.end(), axes.begin(), axes.end());
    std::vector<std::int64_t> back(order.size());
    for (std::size_t i = 0; i < order.size(); ++i)
      back[static_cast<std::size_t>(order[i])] = static_cast<std::int64_t>(i);
    const Value last = ops::transpose(g, inputs[0], order);
    const Shape apart = g.spec(last).shape;
    std::int64_t together = 1;
    for (const std::int64_t i : axes) together *= x[i];
    const std::int64_t rows = x.elements() / std::max<std::int64_t>(1, together);
    const Value y = ops::softmax(g, ops::reshape(g, last, {rows, together}));
    return {ops::transpose(g, ops::reshape(g, y, apart), back)};
  }

  Axes axis = -1;

 private:
  std::vector<std::int64_t> resolved(std::int64_t rank) const {
    const auto axes = distinct_axes(axis, static_cast<std::size_t>(rank));
    if (!axes || axes->empty())
      fail_rule(fmt::format("an input of rank {} has no axis {}", rank, fmt::join(axis, ", ")));
    return *axes;
  }
};

}  // namespace

std::shared_ptr<LayerImpl> make_Activation() { return std::make_shared<ActivationLayer>(); }
std::shared_ptr<LayerImpl> make_ReLU() { return std::make_shared<ReLULayer>(); }
std::shared_ptr<LayerImpl> make_Softmax() { return std::make_shared<SoftmaxLayer>(); }

Activation::Activation(const std::string& activation, const NameOption& options) {
  auto impl = make_impl<ActivationLayer>(options);
  impl->activation = activation;
  impl_ = impl;
}

ReLU::ReLU(const ReLUOptions& options) {
  auto impl = make_impl<ReLULayer>(options);
  impl->max_value = options.max_value;
  impl->negative_slope = options.negative_slope;
  impl->threshold = options.threshold;
  impl_ = impl;
}

Softmax::Softmax(const SoftmaxOptions& options) {
  auto impl = make_impl<SoftmaxLayer>(options);
  impl->axis = options.axis;
  impl_ = impl;
}

}  // namespace fovea
