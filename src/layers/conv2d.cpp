#include "layers/activations.h"
#include "layers/convolution_sizes.h"

// y[n,oh,ow,f] = activation(bias[f] + sum over kh,kw,c of x[n, oh*s + kh*d - pad, ow*s + kw*d - pad, c] *
// kernel[kh,kw,c,f]) Parameters: ((kh * kw) * C / groups + 1) * filters, the 1 being the bias. Source:
// keras/src/layers/convolutional/base_conv.py.

namespace fovea {
namespace {

class Conv2DLayer final : public ImageLayer {
 public:
  std::string_view class_name() const override { return "Conv2D"; }
  WholeNumbers whole_numbers(DType, bool) const override { return WholeNumbers::refused; }

  void fields(FieldVisitor& visitor) override {
    visitor.field("filters", filters);
    visitor.field("kernel_size", kernel_size);
    visitor.field("strides", options.strides);
    visitor.field("padding", options.padding);
    data_format_field(visitor);
    visitor.field("dilation_rate", options.dilation_rate);
    visitor.field("groups", options.groups);
    visitor.field("activation", options.activation);
    visitor.field("use_bias", options.use_bias);
    kernel_and_bias_fields(visitor, *this, options);
  }

  std::vector<Shape> image_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_images(*this, inputs);
    check(x);
    return {window().output(*this, x, filters)};
  }

  std::vector<ParameterSpec> image_parameters(std::span<const Shape> inputs) const override {
    std::vector<ParameterSpec> result{
        kernel_of(options, {kernel_size.height, kernel_size.width, inputs[0][3] / options.groups, filters})};
    add_bias(result, options, filters);
    return result;
  }

  std::vector<Value> lower_images(const LoweringContext& context,
                                  std::span<const Value> inputs) const override {
    GraphBuilder& g = context.graph;
    const Shape x = g.spec(inputs[0]).shape;
    Value y = ops::conv2d(g, inputs[0], context.weight(0),
                          {.strides = options.strides,
                           .padding = window().amounts(x),
                           .dilation = options.dilation_rate,
                           .groups = options.groups});
    if (options.use_bias) y = ops::add(g, y, context.weight(1));
    return {lower_activation_of_images(g, options.activation, y, data_format())};
  }

  std::string explain_image_shape(std::span<const Shape> inputs) const override {
    return fmt::format("{}; {} filters give {} activation maps", window().explain(inputs[0]), filters,
                       filters);
  }

  std::string explain_image_parameters(std::span<const Shape> inputs) const override {
    const std::int64_t channels = inputs[0][3] / options.groups;
    const std::int64_t per_filter =
        kernel_size.height * kernel_size.width * channels + (options.use_bias ? 1 : 0);
    return fmt::format("(({}*{})*{}{})*{} = {}: a {}x{} kernel over {} channel{}{}, for each of {} filters",
                       kernel_size.height, kernel_size.width, channels, options.use_bias ? " + 1" : "",
                       filters, per_filter * filters, kernel_size.height, kernel_size.width, channels,
                       channels == 1 ? "" : "s", options.use_bias ? ", one bias" : "", filters);
  }

  std::int64_t filters = 1;
  Size2 kernel_size = 1;
  Conv2DOptions options;

 private:
  Window2D window() const { return {kernel_size, options.strides, options.dilation_rate, options.padding}; }

  void check(const Shape& x) const {
    require_padding(*this, options.padding);
    require_activation(class_name(), options.activation);
    require_at_least_one(*this, "filters", filters);
    if (options.groups < 1 || filters % options.groups != 0) {
      fail_rule(fmt::format("filters must be a multiple of groups. Received: filters={}, groups={}", filters,
                            options.groups));
    }
    require_at_least_one(*this, "kernel_size", kernel_size);
    require_at_least_one(*this, "strides", options.strides);
    require_at_least_one(*this, "dilation_rate", options.dilation_rate);
    if (x[3] == Shape::unknown || x[3] % options.groups != 0) {
      fail_rule(
          fmt::format("the input's channels must be known and a multiple of groups={}. Received: shape {}",
                      options.groups, x.str()));
    }
  }
};

}  // namespace

std::shared_ptr<LayerImpl> make_Conv2D() { return std::make_shared<Conv2DLayer>(); }

Conv2D::Conv2D(std::int64_t filters, Size2 kernel_size, const Conv2DOptions& options) {
  impl_ = make_convolution<Conv2DLayer>(filters, kernel_size, options);
}

}  // namespace fovea
