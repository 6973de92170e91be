#include "backends/cpu/epilogue.h"
#include "backends/cpu/kernel_list.h"
#include "backends/cpu/kernels/depthwise/depthwise.h"
#include "backends/cpu/kernels/depthwise/regions.h"
#include "ops/depthwise_conv2d.h"

// Which regions the depthwise kernels take: a depthwise convolution, with a bias, a ReLU or both behind it,
// and its two gradients alone.

namespace fovea::cpu {

DepthwiseShape depthwise_shape(const ops::DepthwiseConv2DAttributes& a, const Shape& x, const Shape& kernel,
                               const Shape& y) {
  DepthwiseShape s;
  s.batch = x[0];
  s.height = x[1];
  s.width = x[2];
  s.channels = x[3];
  s.multiplier = kernel[3];
  s.kernel_h = kernel[0];
  s.kernel_w = kernel[1];
  s.stride_h = a.strides.height;
  s.stride_w = a.strides.width;
  s.pad_top = a.padding.top;
  s.pad_left = a.padding.left;
  s.dilation_h = a.dilation.height;
  s.dilation_w = a.dilation.width;
  s.out_height = y[1];
  s.out_width = y[2];
  return s;
}

namespace {

class Forward final : public Kernel {
 public:
  Forward(const DepthwiseShape& shape, int bias, DepthwiseActivation activation)
      : shape_(shape), bias_(bias), activation_(activation) {}
  std::string_view name() const override { return "depthwise_conv2d"; }
  std::size_t workspace_bytes() const override { return depthwise_forward_workspace(shape_); }
  void run(const KernelContext& c) const override {
    depthwise_forward(shape_, input<float>(c, 0), input<float>(c, 1), input<float>(c, bias_), activation_,
                      output<float>(c, 0), c.workspace, c.threads);
  }

 private:
  DepthwiseShape shape_;
  int bias_;
  DepthwiseActivation activation_;
};

class BackwardInput final : public Kernel {
 public:
  explicit BackwardInput(const DepthwiseShape& shape) : shape_(shape) {}
  std::string_view name() const override { return "depthwise_conv2d_backward_input"; }
  std::size_t workspace_bytes() const override { return depthwise_backward_input_workspace(shape_); }
  void run(const KernelContext& c) const override {
    depthwise_backward_input(shape_, input<float>(c, 0), input<float>(c, 1), output<float>(c, 0), c.workspace,
                             c.threads);
  }

 private:
  DepthwiseShape shape_;
};

class BackwardFilter final : public Kernel {
 public:
  explicit BackwardFilter(const DepthwiseShape& shape) : shape_(shape) {}
  std::string_view name() const override { return "depthwise_conv2d_backward_filter"; }
  std::size_t workspace_bytes() const override { return depthwise_backward_filter_workspace(shape_); }
  void run(const KernelContext& c) const override {
    depthwise_backward_filter(shape_, input<float>(c, 0), input<float>(c, 1), output<float>(c, 0),
                              c.workspace, c.threads);
  }

 private:
  DepthwiseShape shape_;
};

template <class KernelClass>
Implementation make_backward(const Region& region, const DepthwiseShape& shape) {
  if (region.steps.size() != 1) return decline("takes the op alone");
  if (!all_float32(region) || !reads_two_tensors(region))
    return decline("takes two different float32 tensors");
  if (!depthwise_takes(shape)) return decline("there are no channels or taps, or too many taps");
  return std::make_unique<KernelClass>(shape);
}

}  // namespace

std::variant<DepthwiseActivation, Declined> depthwise_activation(const UnaryOp* activation) {
  if (activation == nullptr) return DepthwiseActivation{};
  if (!activation->is_clipped_relu())
    return decline("the activation is no ReLU, with a largest value or without");
  return DepthwiseActivation{true, static_cast<float>(activation->parameters.beta)};
}

Implementation make_depthwise_forward(const Region& region) {
  if (!all_float32(region)) return decline("takes float32 only");
  if (!reads_two_tensors(region)) return decline("image and kernel are one tensor");
  const Region::Step& first = region.steps[0];
  const auto epilogue = read_epilogue(region, first.outputs[0]);
  if (const auto* declined = std::get_if<Declined>(&epilogue)) return *declined;
  const auto& [bias, residual, activation, result] = std::get<Epilogue>(epilogue);
  if (residual >= 0) return decline("adds no tensor of the result's shape");
  const auto applied = depthwise_activation(activation);
  if (const auto* declined = std::get_if<Declined>(&applied)) return *declined;
  const DepthwiseShape shape =
      depthwise_shape(op_as<DepthwiseConv2DOp>(region, 0)->attributes, spec_of(region, first.inputs[0]).shape,
                      spec_of(region, first.inputs[1]).shape, spec_of(region, result).shape);
  if (!depthwise_takes(shape)) return decline("there are no channels or taps, or too many taps");
  return std::make_unique<Forward>(shape, bias, std::get<DepthwiseActivation>(applied));
}

Implementation make_depthwise_backward_input(const Region& region) {
  const auto& op = *op_as<DepthwiseConv2DBackwardInputOp>(region, 0);
  const auto& inputs = region.steps[0].inputs;
  return make_backward<BackwardInput>(
      region, depthwise_shape(op.attributes, op.x_shape, spec_of(region, inputs[1]).shape,
                              spec_of(region, inputs[0]).shape));
}

Implementation make_depthwise_backward_filter(const Region& region) {
  const auto& op = *op_as<DepthwiseConv2DBackwardFilterOp>(region, 0);
  const auto& inputs = region.steps[0].inputs;
  return make_backward<BackwardFilter>(
      region, depthwise_shape(op.attributes, spec_of(region, inputs[0]).shape, op.kernel_shape,
                              spec_of(region, inputs[1]).shape));
}

}  // namespace fovea::cpu
