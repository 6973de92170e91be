#include "layers/layer_support.h"

// Rescaling: x * scale + offset. LayerScale: x * gamma, gamma learned. CustomScaleLayer: the first input plus
// the second times a number, as keras.applications' InceptionResNetV2 adds its branches. Sources:
// keras/src/layers/preprocessing/rescaling.py, keras/src/applications/.

namespace fovea {
namespace {

class RescalingLayer final : public LayerImpl {
 public:
  std::string_view class_name() const override { return "Rescaling"; }
  KerasTraits keras_traits() const override { return {.builds = true}; }
  void fields(FieldVisitor& visitor) override {
    one_or_many_field(visitor, "scale", scale);
    one_or_many_field(visitor, "offset", offset);
  }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_one(*this, inputs);
    for (const Numbers* numbers : {&scale, &offset}) {
      const auto count = static_cast<std::int64_t>(numbers->size());
      const std::int64_t last = x.rank() == 0 ? 1 : x[-1];
      if (count != 1 && count != last && last != Shape::unknown) {
        fail_rule(
            fmt::format("scale and offset are numbers, or lists with one for each channel. Received: "
                        "{} numbers for shape {}",
                        count, x.str()));
      }
    }
    return {x};
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    GraphBuilder& g = context.graph;
    const DType dtype = g.spec(inputs[0]).dtype;
    if (scale.size() == 1 && offset.size() == 1) {
      // As in Keras, the numbers are of the type that is computed in: in bfloat16, 1/255 is 0.4 % too large.
      const auto number = [&](double given) {
        return dtype == DType::bfloat16 ? static_cast<double>(bfloat16(given)) : given;
      };
      return {ops::scale(g, inputs[0], number(scale.values[0]), number(offset.values[0]))};
    }
    const auto row = [&](const Numbers& numbers) {
      const Shape shape{static_cast<std::int64_t>(numbers.size())};
      return g.constant(Tensor::of(shape, numbers.values).astype(dtype));
    };
    return {ops::add(g, ops::multiply(g, inputs[0], row(scale)), row(offset))};
  }

  Numbers scale = 1, offset = 0;
};

class LayerScaleLayer final : public LayerImpl {
 public:
  std::string_view class_name() const override { return "LayerScale"; }
  KerasTraits keras_traits() const override { return {.module = "keras.src.applications.convnext"}; }
  void fields(FieldVisitor& visitor) override {
    visitor.field("init_values", init_values);
    visitor.field("projection_dim", projection_dim);
  }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_one(*this, inputs);
    if (projection_dim < 1 || x.rank() < 2 || (x[-1] != projection_dim && x[-1] != Shape::unknown)) {
      fail_rule(fmt::format("projection_dim must be the input's last size. Received: {} for shape {}",
                            projection_dim, x.str()));
    }
    return {x};
  }
  std::vector<ParameterSpec> parameters(std::span<const Shape>) const override {
    return {{"variable", {projection_dim}, initializers::Constant(init_values)}};
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    return {ops::multiply(context.graph, inputs[0], context.weight(0))};
  }
  std::string explain_parameters(std::span<const Shape>) const override {
    return fmt::format("{} = {}: a factor for each channel", projection_dim, projection_dim);
  }

  double init_values = 1e-6;
  std::int64_t projection_dim = 1;
};

class CustomScaleLayer final : public LayerImpl {
 public:
  std::string_view class_name() const override { return "CustomScaleLayer"; }
  KerasTraits keras_traits() const override {
    return {.builds = true, .takes_list = true, .module = "keras.src.applications.inception_resnet_v2"};
  }
  WholeNumbers whole_numbers(DType, bool) const override { return WholeNumbers::refused; }
  void fields(FieldVisitor& visitor) override { visitor.field("scale", scale); }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    if (inputs.size() != 2 || inputs[0].str() != inputs[1].str()) {
      std::string received;
      for (const Shape& input : inputs) received += (received.empty() ? "" : ", ") + input.str();
      fail_rule(fmt::format("takes two inputs of one shape. Received: {}", received));
    }
    return {inputs[0]};
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    return {ops::add(context.graph, inputs[0], ops::scale(context.graph, inputs[1], scale))};
  }

  double scale = 1;
};

}  // namespace

std::shared_ptr<LayerImpl> make_Rescaling() { return std::make_shared<RescalingLayer>(); }
std::shared_ptr<LayerImpl> make_LayerScale() { return std::make_shared<LayerScaleLayer>(); }
std::shared_ptr<LayerImpl> make_CustomScaleLayer() { return std::make_shared<CustomScaleLayer>(); }

Rescaling::Rescaling(const Numbers& scale, const Numbers& offset, const NameOption& options) {
  auto impl = make_impl<RescalingLayer>(options);
  impl->scale = scale;
  impl->offset = offset;
  impl_ = impl;
}

LayerScale::LayerScale(double init_values, std::int64_t projection_dim, const NameOption& options) {
  auto impl = make_impl<LayerScaleLayer>(options);
  impl->init_values = init_values;
  impl->projection_dim = projection_dim;
  impl_ = impl;
}

}  // namespace fovea
