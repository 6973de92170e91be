#include "layers/activations.h"
#include "layers/image_layer.h"

// The gradient of a convolution with respect to its input, as a layer: y = activation(bias + that
// convolution of x), where the convolution would make x's size of y's. Parameters: ((kh * kw) * C + 1) *
// filters. Sources: keras/src/layers/convolutional/base_conv_transpose.py; keras/src/backend/common/
// backend_utils.py, _get_output_shape_given_tf_padding.

namespace fovea {
namespace {

class Conv2DTransposeLayer final : public ImageLayer {
 public:
  std::string_view class_name() const override { return "Conv2DTranspose"; }
  WholeNumbers whole_numbers(DType, bool) const override { return WholeNumbers::refused; }

  void fields(FieldVisitor& visitor) override {
    visitor.field("filters", filters);
    visitor.field("kernel_size", kernel_size);
    visitor.field("strides", options.strides);
    visitor.field("padding", options.padding);
    visitor.field("output_padding", options.output_padding);
    data_format_field(visitor);
    visitor.field("dilation_rate", options.dilation_rate);
    visitor.field("activation", options.activation);
    visitor.field("use_bias", options.use_bias);
    kernel_and_bias_fields(visitor, *this, options);
  }

  std::vector<Shape> image_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_images(*this, inputs);
    check(x);
    const Shape y{x[0], grown(x[1], vertical()), grown(x[2], horizontal()), filters};
    for (const int axis : {1, 2}) {
      if (x[axis] == Shape::unknown) continue;
      // What the convolution would make of y must be x.
      const Shape back = window().output(*this, y, x[3]);
      if (back[axis] != x[axis]) {
        fail_rule(fmt::format(
            "no convolution makes {} pixels of {}; choose another output_padding. "
            "Received: output_padding=({}, {}) for shape {}",
            x[axis], y[axis], options.output_padding->height, options.output_padding->width, x.str()));
      }
    }
    return {y};
  }

  std::vector<ParameterSpec> image_parameters(std::span<const Shape> inputs) const override {
    std::vector<ParameterSpec> result{
        kernel_of(options, {kernel_size.height, kernel_size.width, filters, inputs[0][3]})};
    add_bias(result, options, filters);
    return result;
  }

  std::vector<Value> lower_images(const LoweringContext& context,
                                  std::span<const Value> inputs) const override {
    GraphBuilder& g = context.graph;
    const Shape x = g.spec(inputs[0]).shape;
    const Shape shape = image_shapes({&x, 1})[0];
    Value y = ops::conv2d_backward_input(g, inputs[0], context.weight(0), shape,
                                         {.strides = options.strides,
                                          .padding = window().amounts(shape),
                                          .dilation = options.dilation_rate,
                                          .groups = 1});
    if (options.use_bias) y = ops::add(g, y, context.weight(1));
    return {lower_activation_of_images(g, options.activation, y, data_format())};
  }

  std::string explain_image_shape(std::span<const Shape> inputs) const override {
    return fmt::format("height {}; width {}; {} filters give {} activation maps",
                       explain(inputs[0][1], vertical()), explain(inputs[0][2], horizontal()), filters,
                       filters);
  }

  std::string explain_image_parameters(std::span<const Shape> inputs) const override {
    const std::int64_t channels = inputs[0][3];
    const std::int64_t per_filter =
        kernel_size.height * kernel_size.width * channels + (options.use_bias ? 1 : 0);
    return fmt::format("(({}*{})*{}{})*{} = {}: a {}x{} kernel over {} channel{}{}, for each of {} filters",
                       kernel_size.height, kernel_size.width, channels, options.use_bias ? " + 1" : "",
                       filters, per_filter * filters, kernel_size.height, kernel_size.width, channels,
                       channels == 1 ? "" : "s", options.use_bias ? ", one bias" : "", filters);
  }

  std::int64_t filters = 1;
  Size2 kernel_size = 1;
  Conv2DTransposeOptions options;

 private:
  /// One axis: the kernel's reach, dilation counted, the stride, and the padding of the output.
  struct Axis {
    std::int64_t reach, stride;
    std::optional<std::int64_t> padding;
  };
  Axis vertical() const {
    return {(kernel_size.height - 1) * options.dilation_rate.height + 1, options.strides.height,
            options.output_padding ? std::optional(options.output_padding->height) : std::nullopt};
  }
  Axis horizontal() const {
    return {(kernel_size.width - 1) * options.dilation_rate.width + 1, options.strides.width,
            options.output_padding ? std::optional(options.output_padding->width) : std::nullopt};
  }

  Window2D window() const { return {kernel_size, options.strides, options.dilation_rate, options.padding}; }
  bool same() const { return options.padding == "same"; }

  std::int64_t grown(std::int64_t n, const Axis& axis) const {
    if (n == Shape::unknown) return n;
    if (!axis.padding)
      return n * axis.stride + (same() ? 0 : std::max<std::int64_t>(axis.reach - axis.stride, 0));
    return (n - 1) * axis.stride + axis.reach - (same() ? 2 * (axis.reach / 2) : 0) + *axis.padding;
  }

  std::string explain(std::int64_t n, const Axis& axis) const {
    if (n == Shape::unknown) return "open, as the input's size is";
    const std::int64_t result = grown(n, axis);
    if (axis.padding) {
      return fmt::format("({} - 1) * {} + {}{} + {} = {}", n, axis.stride, axis.reach,
                         same() ? fmt::format(" - 2 * {}", axis.reach / 2) : "", *axis.padding, result);
    }
    if (same() || axis.reach <= axis.stride) return fmt::format("{} * {} = {}", n, axis.stride, result);
    return fmt::format("({} - 1) * {} + {} = {}", n, axis.stride, axis.reach, result);
  }

  void check(const Shape& x) const {
    require_padding(*this, options.padding);
    require_activation(class_name(), options.activation);
    require_at_least_one(*this, "filters", filters);
    require_at_least_one(*this, "kernel_size", kernel_size);
    require_at_least_one(*this, "strides", options.strides);
    require_at_least_one(*this, "dilation_rate", options.dilation_rate);
    require_channels(*this, x);
    if (!options.output_padding) return;
    const Size2 more = *options.output_padding;
    if (more.height < 0 || more.width < 0 || more.height >= options.strides.height ||
        more.width >= options.strides.width) {
      fail_rule(fmt::format(
          "output_padding must be at least 0 and below the strides. Received: output_padding=({}, {}), "
          "strides=({}, {})",
          more.height, more.width, options.strides.height, options.strides.width));
    }
  }
};

}  // namespace

std::shared_ptr<LayerImpl> make_Conv2DTranspose() { return std::make_shared<Conv2DTransposeLayer>(); }

Conv2DTranspose::Conv2DTranspose(std::int64_t filters, Size2 kernel_size,
                                 const Conv2DTransposeOptions& options) {
  auto impl = make_impl<Conv2DTransposeLayer>(options);
  impl->filters = filters;
  impl->kernel_size = kernel_size;
  impl->options = options;
  impl->activity_regularizer = options.activity_regularizer;
  impl_ = impl;
}

}  // namespace fovea
