#include "layers/operation_base.h"
#include "layers/spatial.h"

// Convolutions of images with kernels that are no weights but arrays, such as a blur. Source:
// keras/src/ops/nn.py, Conv and DepthwiseConv.

namespace fovea {
namespace {

class ConvOperation final : public NamedOperation {
 public:
  using NamedOperation::NamedOperation;
  bool takes_values() const override { return true; }
  void fields(FieldVisitor& visitor) override {
    one_or_many_field(visitor, "strides", strides_);
    visitor.field("padding", padding_);
    visitor.field("data_format", data_format_);
    one_or_many_field(visitor, "dilation_rate", dilation_);
  }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_images(*this, inputs);
    require_channels(*this, x);
    const Shape kernel = kernel_shape(x[3]);
    return {window(kernel).output(*this, x, is_depthwise() ? kernel[2] * kernel[3] : kernel[3])};
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    GraphBuilder& g = context.graph;
    const TensorSpec x = g.spec(inputs[0]);
    const Window2D w = window(kernel_shape(x.shape[3]));
    const Padding2 padding = w.amounts(x.shape);
    const Value kernel = argument_values(g, operands, inputs)[1];
    if (is_depthwise()) {
      return {ops::depthwise_conv2d(g, inputs[0], kernel,
                                    {.strides = w.strides, .padding = padding, .dilation = w.dilation})};
    }
    return {ops::conv2d(g, inputs[0], kernel,
                        {.strides = w.strides, .padding = padding, .dilation = w.dilation})};
  }

 private:
  bool is_depthwise() const { return kind() == "DepthwiseConv"; }

  Shape kernel_shape(std::int64_t channels) const {
    if (operands.size() != 2 || !operands[0].is_tensor() || !operands[1].constant)
      fail_rule("takes images and a kernel that is an array");
    const Shape kernel = operands[1].constant->value.shape();
    if (kernel.rank() != 4) fail_rule(fmt::format("takes kernels of rank 4. Received: {}", kernel.str()));
    if (kernel[2] != channels) {
      fail_rule(
          fmt::format("a kernel of shape {} does not fit images of {} channels", kernel.str(), channels));
    }
    return kernel;
  }
  Window2D window(const Shape& kernel) const {
    require_padding(*this, padding_);
    if (data_format_.value_or("channels_last") != "channels_last")
      fail_rule(fmt::format("data_format must be channels_last. Received: {}", *data_format_));
    return {{kernel[0], kernel[1]}, pair("strides", strides_), pair("dilation_rate", dilation_), padding_};
  }
  Size2 pair(std::string_view option, const Axes& axes) const {
    if (axes.size() != 1 && axes.size() != 2)
      fail_rule(fmt::format("{} must be one number or two. Received: {} of them", option, axes.size()));
    const Size2 result(axes.values.front(), axes.values.back());
    require_at_least_one(*this, option, result);
    return result;
  }

  Axes strides_ = 1, dilation_ = 1;
  std::string padding_ = "valid";
  std::optional<std::string> data_format_;
};

}  // namespace

std::shared_ptr<OperationLayer> make_conv_operation(std::string_view class_name) {
  return std::make_shared<ConvOperation>(class_name);
}

}  // namespace fovea
