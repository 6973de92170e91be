#include "layers/activations.h"
#include "layers/convolution_sizes.h"

// The gradient of a convolution with respect to its input, as a layer: y = activation(bias + that
// convolution of x), where the convolution would make x's size of y's. Parameters: ((kh * kw) * C + 1) *
// filters. Along rows, the same of one axis. Sources: keras/src/layers/convolutional/base_conv_transpose.py;
// keras/src/backend/common/ backend_utils.py, _get_output_shape_given_tf_padding.

namespace fovea {
namespace {

template <class Size>
class ConvTransposeLayer final : public ConvolutionBase<Size> {
 public:
  std::string_view class_name() const override {
    return is_of_rows<Size> ? "Conv1DTranspose" : "Conv2DTranspose";
  }
  WholeNumbers whole_numbers(DType, bool) const override { return WholeNumbers::refused; }

  void fields(FieldVisitor& visitor) override {
    visitor.field("filters", filters);
    size_field(visitor, "kernel_size", kernel_size);
    size_field(visitor, "strides", options.strides);
    visitor.field("padding", options.padding);
    size_field(visitor, "output_padding", options.output_padding);
    this->data_format_field(visitor);
    size_field(visitor, "dilation_rate", options.dilation_rate);
    visitor.field("activation", options.activation);
    visitor.field("use_bias", options.use_bias);
    kernel_and_bias_fields(visitor, *this, options);
  }

  std::vector<Shape> image_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_images(*this, inputs);
    check(x);
    const Shape y{x[0], grown(x[1], along(1)), grown(x[2], along(2)), filters};
    for (const int axis : {1, 2}) {
      if (x[axis] == Shape::unknown) continue;
      // What the convolution would make of y must be x.
      const Shape back = window().output(*this, y, x[3]);
      if (back[axis] != x[axis]) {
        this->fail_rule(
            fmt::format("no convolution makes {} pixels of {}; choose another output_padding. "
                        "Received: output_padding={} for shape {}",
                        x[axis], y[axis], text_of(*options.output_padding), this->from_images(x).str()));
      }
    }
    return {y};
  }

  std::vector<ParameterSpec> image_parameters(std::span<const Shape> inputs) const override {
    std::vector<ParameterSpec> result{kernel_of(options, kernel_shape(kernel_size, filters, inputs[0][3]))};
    add_bias(result, options, filters);
    return result;
  }

  std::vector<Value> lower_images(const LoweringContext& context,
                                  std::span<const Value> inputs) const override {
    GraphBuilder& g = context.graph;
    const Shape x = g.spec(inputs[0]).shape;
    const Shape shape = image_shapes({&x, 1})[0];
    Value y = ops::conv2d_backward_input(g, inputs[0], kernel_of_images(g, context.weight(0)), shape,
                                         {.strides = of_images(options.strides),
                                          .padding = window().amounts(shape),
                                          .dilation = of_images(options.dilation_rate),
                                          .groups = 1});
    if (options.use_bias) y = ops::add(g, y, context.weight(1));
    return {lower_activation_of_images(g, options.activation, y, this->data_format())};
  }

  std::string explain_image_shape(std::span<const Shape> inputs) const override {
    const std::string width = explain(inputs[0][2], along(2));
    return fmt::format("{}; {} filters give {} activation maps",
                       is_of_rows<Size>
                           ? "length " + width
                           : fmt::format("height {}; width {}", explain(inputs[0][1], along(1)), width),
                       filters, filters);
  }

  std::string explain_image_parameters(std::span<const Shape> inputs) const override {
    const std::int64_t channels = inputs[0][3];
    const std::int64_t per_filter = count_of(kernel_size) * channels + (options.use_bias ? 1 : 0);
    const std::string taps = product_of(kernel_size);
    return fmt::format("({}*{}{})*{} = {}: {} over {} channel{}{}, for each of {} filters",
                       is_of_rows<Size> ? taps : "(" + taps + ")", channels, options.use_bias ? " + 1" : "",
                       filters, per_filter * filters, kernel_text(kernel_size), channels,
                       channels == 1 ? "" : "s", options.use_bias ? ", one bias" : "", filters);
  }

  std::int64_t filters = 1;
  Size kernel_size = 1;
  ConvTransposeOptions<Size> options;

 private:
  /// One axis: the kernel's reach, dilation counted, the stride, and the padding of the output.
  struct Axis {
    std::int64_t reach, stride;
    std::optional<std::int64_t> padding;
  };
  /// Along axis 1 or 2 of the images.
  Axis along(int axis) const {
    const Window2D w = window();
    const bool rows = axis == 1;
    const std::int64_t kernel = rows ? w.size.height : w.size.width;
    const std::int64_t dilation = rows ? w.dilation.height : w.dilation.width;
    std::optional<std::int64_t> padding;
    if (options.output_padding) padding = part_of(*options.output_padding, axis);
    return {(kernel - 1) * dilation + 1, rows ? w.strides.height : w.strides.width, padding};
  }
  static std::int64_t part_of(Size2 padding, int axis) { return axis == 1 ? padding.height : padding.width; }
  static std::int64_t part_of(std::int64_t padding, int axis) { return axis == 1 ? 0 : padding; }

  Window2D window() const { return window_of(kernel_size, options); }
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
    require_window(*this, x, kernel_size, options);
    require_at_least_one(*this, "filters", filters);
    if (!options.output_padding) return;
    for (const int axis : {1, 2}) {
      const Axis a = along(axis);
      if (*a.padding >= 0 && *a.padding < a.stride) continue;
      this->fail_rule(
          fmt::format("output_padding must be at least 0 and below the strides. Received: output_padding={}, "
                      "strides={}",
                      text_of(*options.output_padding), text_of(options.strides)));
    }
  }
};

}  // namespace

std::shared_ptr<LayerImpl> make_Conv2DTranspose() { return std::make_shared<ConvTransposeLayer<Size2>>(); }
std::shared_ptr<LayerImpl> make_Conv1DTranspose() {
  return std::make_shared<ConvTransposeLayer<std::int64_t>>();
}

Conv2DTranspose::Conv2DTranspose(std::int64_t filters, Size2 kernel_size,
                                 const Conv2DTransposeOptions& options) {
  impl_ = make_convolution<ConvTransposeLayer<Size2>>(filters, kernel_size, options);
}

Conv1DTranspose::Conv1DTranspose(std::int64_t filters, std::int64_t kernel_size,
                                 const Conv1DTransposeOptions& options) {
  impl_ = make_convolution<ConvTransposeLayer<std::int64_t>>(filters, kernel_size, options);
}

}  // namespace fovea
