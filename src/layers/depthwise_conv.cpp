#include "layers/activations.h"
#include "layers/convolution_sizes.h"

// y[n,oh,ow,c*M+m] = activation(bias[c*M+m] + sum over kh,kw of x[n, oh*s + kh*d - pad, ow*s + kw*d - pad, c]
// * kernel[kh,kw,c,m]), M being depth_multiplier. Parameters: (kh * kw + 1) * C * M, the 1 being the bias.
// Along rows, the same of one axis. Source: keras/src/layers/convolutional/base_depthwise_conv.py.

namespace fovea {
namespace {

template <class Size>
class DepthwiseConvLayer final : public ConvolutionBase<Size> {
 public:
  std::string_view class_name() const override {
    return is_of_rows<Size> ? "DepthwiseConv1D" : "DepthwiseConv2D";
  }
  WholeNumbers whole_numbers(DType, bool) const override { return WholeNumbers::refused; }

  void fields(FieldVisitor& visitor) override {
    visitor.field("depth_multiplier", options.depth_multiplier);
    size_field(visitor, "kernel_size", kernel_size);
    size_field(visitor, "strides", options.strides);
    visitor.field("padding", options.padding);
    this->data_format_field(visitor);
    size_field(visitor, "dilation_rate", options.dilation_rate);
    visitor.field("activation", options.activation);
    visitor.field("use_bias", options.use_bias);
    field(visitor, "depthwise_initializer", options.depthwise_initializer);
    field(visitor, "bias_initializer", options.bias_initializer);
    field(visitor, "depthwise_regularizer", options.depthwise_regularizer);
    field(visitor, "bias_regularizer", options.bias_regularizer);
    field(visitor, "activity_regularizer", this->activity_regularizer);
    field(visitor, "depthwise_constraint", options.depthwise_constraint);
    field(visitor, "bias_constraint", options.bias_constraint);
  }

  std::vector<Shape> image_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_images(*this, inputs);
    require_window(*this, x, kernel_size, options);
    require_at_least_one(*this, "depth_multiplier", options.depth_multiplier);
    return {window().output(*this, x, x[3] * options.depth_multiplier)};
  }

  std::vector<ParameterSpec> image_parameters(std::span<const Shape> inputs) const override {
    const std::int64_t channels = inputs[0][3];
    std::vector<ParameterSpec> result;
    result.push_back({"kernel", kernel_shape(kernel_size, channels, options.depth_multiplier),
                      options.depthwise_initializer, true, options.depthwise_regularizer,
                      options.depthwise_constraint});
    add_bias(result, options, channels * options.depth_multiplier);
    return result;
  }

  std::vector<Value> lower_images(const LoweringContext& context,
                                  std::span<const Value> inputs) const override {
    GraphBuilder& g = context.graph;
    Value y = ops::depthwise_conv2d(g, inputs[0], kernel_of_images(g, context.weight(0)),
                                    {.strides = of_images(options.strides),
                                     .padding = window().amounts(g.spec(inputs[0]).shape),
                                     .dilation = of_images(options.dilation_rate)});
    if (options.use_bias) y = ops::add(g, y, context.weight(1));
    return {lower_activation_of_images(g, options.activation, y, this->data_format())};
  }

  std::string explain_image_shape(std::span<const Shape> inputs) const override {
    const std::int64_t channels = inputs[0][3], multiplier = options.depth_multiplier;
    return fmt::format("{}; {} channel{} with {} kernel{} each give {} activation maps",
                       window().explain(inputs[0]), channels, channels == 1 ? "" : "s", multiplier,
                       multiplier == 1 ? "" : "s", channels * multiplier);
  }

  std::string explain_image_parameters(std::span<const Shape> inputs) const override {
    const std::int64_t maps = inputs[0][3] * options.depth_multiplier;
    const std::int64_t per_map = count_of(kernel_size) + (options.use_bias ? 1 : 0);
    return fmt::format("({}{})*{}*{} = {}: {}{}, for each of {} channels times {}", product_of(kernel_size),
                       options.use_bias ? " + 1" : "", inputs[0][3], options.depth_multiplier, per_map * maps,
                       kernel_text(kernel_size), options.use_bias ? ", one bias" : "", inputs[0][3],
                       options.depth_multiplier);
  }

  Size kernel_size = 1;
  DepthwiseConvOptions<Size> options;

 private:
  Window2D window() const { return window_of(kernel_size, options); }
};

}  // namespace

std::shared_ptr<LayerImpl> make_DepthwiseConv2D() { return std::make_shared<DepthwiseConvLayer<Size2>>(); }
std::shared_ptr<LayerImpl> make_DepthwiseConv1D() {
  return std::make_shared<DepthwiseConvLayer<std::int64_t>>();
}

DepthwiseConv2D::DepthwiseConv2D(Size2 kernel_size, const DepthwiseConv2DOptions& options) {
  impl_ = make_convolution<DepthwiseConvLayer<Size2>>(kernel_size, options);
}

DepthwiseConv1D::DepthwiseConv1D(std::int64_t kernel_size, const DepthwiseConv1DOptions& options) {
  impl_ = make_convolution<DepthwiseConvLayer<std::int64_t>>(kernel_size, options);
}

}  // namespace fovea
