#include "layers/activations.h"
#include "layers/convolution_sizes.h"
#include "layers/layer_support.h"

// y[n,ol,f] = activation(bias[f] + sum over k,c of x[n, ol*s + k*d - pad, c] * kernel[k,c,f]): a convolution
// of images one pixel high. Parameters: (k * C / groups + 1) * filters. Source:
// keras/src/layers/convolutional/base_conv.py.

namespace fovea {
namespace {

class Conv1DLayer final : public RowLayer {
 public:
  std::string_view class_name() const override { return "Conv1D"; }
  WholeNumbers whole_numbers(DType, bool) const override { return WholeNumbers::refused; }

  void fields(FieldVisitor& visitor) override {
    visitor.field("filters", filters);
    one_number_field(visitor, "kernel_size", kernel_size);
    one_number_field(visitor, "strides", options.strides);
    visitor.field("padding", options.padding);
    data_format_field(visitor);
    one_number_field(visitor, "dilation_rate", options.dilation_rate);
    visitor.field("groups", options.groups);
    visitor.field("activation", options.activation);
    visitor.field("use_bias", options.use_bias);
    kernel_and_bias_fields(visitor, *this, options);
  }

  std::int64_t filters = 1, kernel_size = 1;
  Conv1DOptions options;

 private:
  std::vector<Shape> image_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_images(*this, inputs);
    check(x);
    if (options.padding == "causal" && x[2] != Shape::unknown)
      return {window().output(*this, {x[0], x[1], x[2] + in_front(), x[3]}, filters)};
    return {window().output(*this, x, filters)};
  }

  std::vector<ParameterSpec> image_parameters(std::span<const Shape> inputs) const override {
    std::vector<ParameterSpec> result{
        kernel_of(options, {kernel_size, inputs[0][3] / options.groups, filters})};
    add_bias(result, options, filters);
    return result;
  }

  std::vector<Value> lower_images(const LoweringContext& context,
                                  std::span<const Value> inputs) const override {
    GraphBuilder& g = context.graph;
    const Shape x = g.spec(inputs[0]).shape;
    const Padding2 padding =
        options.padding == "causal" ? Padding2(0, 0, in_front(), 0) : window().amounts(x);
    const Value kernel = ops::reshape(g, context.weight(0), {1, kernel_size, x[3] / options.groups, filters});
    Value y = ops::conv2d(g, inputs[0], kernel,
                          {.strides = {1, options.strides},
                           .padding = padding,
                           .dilation = {1, options.dilation_rate},
                           .groups = options.groups});
    if (options.use_bias) y = ops::add(g, y, context.weight(1));
    return {lower_activation_of_images(g, options.activation, y, data_format())};
  }

  std::string explain_image_shape(std::span<const Shape> inputs) const override {
    Shape x = inputs[0];
    if (options.padding == "causal" && x[2] != Shape::unknown) x.set(2, x[2] + in_front());
    return fmt::format("{}; {} filters give {} activation maps", window().explain(x), filters, filters);
  }

  std::string explain_image_parameters(std::span<const Shape> inputs) const override {
    const std::int64_t channels = inputs[0][3] / options.groups;
    const std::int64_t per_filter = kernel_size * channels + (options.use_bias ? 1 : 0);
    return fmt::format("({}*{}{})*{} = {}: {} taps over {} channel{}{}, for each of {} filters", kernel_size,
                       channels, options.use_bias ? " + 1" : "", filters, per_filter * filters, kernel_size,
                       channels, channels == 1 ? "" : "s", options.use_bias ? ", one bias" : "", filters);
  }

  /// Of causal padding.
  std::int64_t in_front() const { return (kernel_size - 1) * options.dilation_rate; }
  Window2D window() const {
    return {{1, kernel_size},
            {1, options.strides},
            {1, options.dilation_rate},
            options.padding == "same" ? "same" : "valid",
            true};
  }

  void check(const Shape& x) const {
    if (options.padding != "causal") require_padding(*this, options.padding);
    require_activation(class_name(), options.activation);
    require_at_least_one(*this, "filters", filters);
    require_at_least_one(*this, "kernel_size", kernel_size);
    require_at_least_one(*this, "strides", options.strides);
    require_at_least_one(*this, "dilation_rate", options.dilation_rate);
    if (options.groups < 1 || filters % options.groups != 0) {
      fail_rule(fmt::format("filters must be a multiple of groups. Received: filters={}, groups={}", filters,
                            options.groups));
    }
    if (x[3] == Shape::unknown || x[3] % options.groups != 0) {
      fail_rule(
          fmt::format("the input's channels must be known and a multiple of groups={}. Received: {} channels",
                      options.groups, x[3]));
    }
  }
};

}  // namespace

std::shared_ptr<LayerImpl> make_Conv1D() { return std::make_shared<Conv1DLayer>(); }

Conv1D::Conv1D(std::int64_t filters, std::int64_t kernel_size, const Conv1DOptions& options) {
  impl_ = make_convolution<Conv1DLayer>(filters, kernel_size, options);
}

}  // namespace fovea
