#include "layers/activations.h"
#include "layers/convolution_sizes.h"

// First each channel by itself, then all that makes into filters:
//   z[n,oh,ow,c*M+m] = sum over kh,kw of x[n, oh*s + kh*d - pad, ow*s + kw*d - pad, c] * depthwise[kh,kw,c,m]
//
//   y[n,oh,ow,f] = activation(bias[f] + sum over k of z[n,oh,ow,k] * pointwise[0,0,k,f])
//
// Parameters: kh * kw * C * M + (C * M + 1) * filters, the 1 being the bias. Along rows, the same of one
// axis. Sources: Chollet 2017, "Xception"; keras/src/layers/convolutional/base_separable_conv.py.

namespace fovea {
namespace {

template <class Size>
class SeparableConvLayer final : public ConvolutionBase<Size> {
 public:
  std::string_view class_name() const override {
    return is_of_rows<Size> ? "SeparableConv1D" : "SeparableConv2D";
  }
  WholeNumbers whole_numbers(DType, bool) const override { return WholeNumbers::refused; }

  void fields(FieldVisitor& visitor) override {
    visitor.field("depth_multiplier", options.depth_multiplier);
    visitor.field("filters", filters);
    size_field(visitor, "kernel_size", kernel_size);
    size_field(visitor, "strides", options.strides);
    visitor.field("padding", options.padding);
    this->data_format_field(visitor);
    size_field(visitor, "dilation_rate", options.dilation_rate);
    visitor.field("activation", options.activation);
    visitor.field("use_bias", options.use_bias);
    field(visitor, "depthwise_initializer", options.depthwise_initializer);
    field(visitor, "pointwise_initializer", options.pointwise_initializer);
    field(visitor, "bias_initializer", options.bias_initializer);
    field(visitor, "depthwise_regularizer", options.depthwise_regularizer);
    field(visitor, "pointwise_regularizer", options.pointwise_regularizer);
    field(visitor, "bias_regularizer", options.bias_regularizer);
    field(visitor, "activity_regularizer", this->activity_regularizer);
    field(visitor, "depthwise_constraint", options.depthwise_constraint);
    field(visitor, "pointwise_constraint", options.pointwise_constraint);
    field(visitor, "bias_constraint", options.bias_constraint);
  }

  std::vector<Shape> image_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_images(*this, inputs);
    require_window(*this, x, kernel_size, options);
    require_at_least_one(*this, "filters", filters);
    require_at_least_one(*this, "depth_multiplier", options.depth_multiplier);
    return {window().output(*this, x, filters)};
  }

  std::vector<ParameterSpec> image_parameters(std::span<const Shape> inputs) const override {
    const std::int64_t channels = inputs[0][3];
    std::vector<ParameterSpec> result;
    result.push_back({"depthwise_kernel", kernel_shape(kernel_size, channels, options.depth_multiplier),
                      options.depthwise_initializer, true, options.depthwise_regularizer,
                      options.depthwise_constraint});
    result.push_back({"pointwise_kernel", kernel_shape(Size(1), channels * options.depth_multiplier, filters),
                      options.pointwise_initializer, true, options.pointwise_regularizer,
                      options.pointwise_constraint});
    add_bias(result, options, filters);
    return result;
  }

  std::vector<Value> lower_images(const LoweringContext& context,
                                  std::span<const Value> inputs) const override {
    GraphBuilder& g = context.graph;
    Value y = ops::depthwise_conv2d(g, inputs[0], kernel_of_images(g, context.weight(0)),
                                    {.strides = of_images(options.strides),
                                     .padding = window().amounts(g.spec(inputs[0]).shape),
                                     .dilation = of_images(options.dilation_rate)});
    y = ops::conv2d(g, y, kernel_of_images(g, context.weight(1)));
    if (options.use_bias) y = ops::add(g, y, context.weight(2));
    return {lower_activation_of_images(g, options.activation, y, this->data_format())};
  }

  std::string explain_image_shape(std::span<const Shape> inputs) const override {
    return fmt::format("{}; {} filters over {} channels give {} activation maps", window().explain(inputs[0]),
                       filters, inputs[0][3] * options.depth_multiplier, filters);
  }

  std::string explain_image_parameters(std::span<const Shape> inputs) const override {
    const std::int64_t channels = inputs[0][3], maps = channels * options.depth_multiplier;
    const std::int64_t per_filter = maps + (options.use_bias ? 1 : 0);
    return fmt::format(
        "{}*{}*{} + {}*{} = {}: {} for each of {} channels times {}, then {} over {} channels{}, for each of "
        "{} "
        "filters",
        product_of(kernel_size), channels, options.depth_multiplier,
        options.use_bias ? fmt::format("({} + 1)", maps) : fmt::format("{}", maps), filters,
        count_of(kernel_size) * maps + per_filter * filters, kernel_text(kernel_size), channels,
        options.depth_multiplier, kernel_text(Size(1)), maps, options.use_bias ? ", one bias" : "", filters);
  }

  std::int64_t filters = 1;
  Size kernel_size = 1;
  SeparableConvOptions<Size> options;

 private:
  Window2D window() const { return window_of(kernel_size, options); }
};

}  // namespace

std::shared_ptr<LayerImpl> make_SeparableConv2D() { return std::make_shared<SeparableConvLayer<Size2>>(); }
std::shared_ptr<LayerImpl> make_SeparableConv1D() {
  return std::make_shared<SeparableConvLayer<std::int64_t>>();
}

SeparableConv2D::SeparableConv2D(std::int64_t filters, Size2 kernel_size,
                                 const SeparableConv2DOptions& options) {
  impl_ = make_convolution<SeparableConvLayer<Size2>>(filters, kernel_size, options);
}

SeparableConv1D::SeparableConv1D(std::int64_t filters, std::int64_t kernel_size,
                                 const SeparableConv1DOptions& options) {
  impl_ = make_convolution<SeparableConvLayer<std::int64_t>>(filters, kernel_size, options);
}

}  // namespace fovea
