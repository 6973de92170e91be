#include "backends/cpu/epilogue.h"
#include "backends/cpu/kernel_list.h"
#include "backends/cpu/kernels/conv2d/conv2d.h"
#include "ops/conv2d.h"

// Which regions the convolution kernels take: conv2d [+ bias] [+ ReLU], and the two gradients alone.

namespace fovea::cpu {
namespace {

Conv2DShape shape_of(const ops::Conv2DAttributes& a, const Shape& x, const Shape& kernel, const Shape& y) {
  Conv2DShape s;
  s.batch = x[0];
  s.height = x[1];
  s.width = x[2];
  s.in_channels = x[3];
  s.filters = kernel[3];
  s.kernel_h = kernel[0];
  s.kernel_w = kernel[1];
  s.stride_h = a.strides.height;
  s.stride_w = a.strides.width;
  s.pad_top = a.padding.top;
  s.pad_left = a.padding.left;
  s.dilation_h = a.dilation.height;
  s.dilation_w = a.dilation.width;
  s.groups = a.groups;
  s.out_height = y[1];
  s.out_width = y[2];
  return s;
}

class Forward final : public Kernel {
 public:
  Forward(const Conv2DShape& shape, int bias, ConvActivation activation)
      : shape_(shape), bias_(bias), activation_(activation) {}
  std::string_view name() const override { return "conv2d:direct"; }
  std::size_t workspace_bytes() const override { return conv2d_forward_workspace(shape_); }
  void run(const KernelContext& c) const override {
    const auto* bias = bias_ < 0 ? nullptr : static_cast<const float*>(c.inputs[bias_]);
    conv2d_forward(shape_, static_cast<const float*>(c.inputs[0]), static_cast<const float*>(c.inputs[1]),
                   bias, activation_, static_cast<float*>(c.outputs[0]), c.workspace, c.threads);
  }

 private:
  Conv2DShape shape_;
  int bias_;
  ConvActivation activation_;
};

class BackwardInput final : public Kernel {
 public:
  explicit BackwardInput(const Conv2DShape& shape) : shape_(shape) {}
  std::string_view name() const override { return "conv2d_backward_input:direct"; }
  std::size_t workspace_bytes() const override { return conv2d_backward_input_workspace(shape_); }
  void run(const KernelContext& c) const override {
    conv2d_backward_input(shape_, static_cast<const float*>(c.inputs[0]),
                          static_cast<const float*>(c.inputs[1]), static_cast<float*>(c.outputs[0]),
                          c.workspace, c.threads);
  }

 private:
  Conv2DShape shape_;
};

class BackwardFilter final : public Kernel {
 public:
  explicit BackwardFilter(const Conv2DShape& shape) : shape_(shape) {}
  std::string_view name() const override { return "conv2d_backward_filter:direct"; }
  std::size_t workspace_bytes() const override { return conv2d_backward_filter_workspace(shape_); }
  void run(const KernelContext& c) const override {
    conv2d_backward_filter(shape_, static_cast<const float*>(c.inputs[0]),
                           static_cast<const float*>(c.inputs[1]), static_cast<float*>(c.outputs[0]), nullptr,
                           c.workspace, c.threads);
  }

 private:
  Conv2DShape shape_;
};

bool same_inputs(const Region& region) {
  return region.inputs.size() >= 2 && region.steps[0].inputs[0] != region.steps[0].inputs[1];
}

}  // namespace

Implementation make_conv2d_forward(const Region& region) {
  const auto& conv = *op_as<Conv2DOp>(region, 0);
  if (!all_float32(region)) return decline("takes float32 only");
  if (!same_inputs(region)) return decline("image and kernel are one tensor");
  const Region::Step& first = region.steps[0];
  const auto epilogue = read_epilogue(region, first.outputs[0]);
  if (const auto* declined = std::get_if<Declined>(&epilogue)) return *declined;
  const auto& [bias, activation, result] = std::get<Epilogue>(epilogue);
  if (activation != nullptr && !activation->is_plain_relu())
    return decline("the activation is no plain ReLU");
  return std::make_unique<Forward>(
      shape_of(conv.attributes, spec_of(region, first.inputs[0]).shape,
               spec_of(region, first.inputs[1]).shape, spec_of(region, result).shape),
      bias, activation == nullptr ? ConvActivation::none : ConvActivation::relu);
}

Implementation make_conv2d_backward_input(const Region& region) {
  const auto& op = *op_as<Conv2DBackwardInputOp>(region, 0);
  if (region.steps.size() != 1) return decline("takes the op alone");
  if (!all_float32(region) || !same_inputs(region)) return decline("takes two different float32 tensors");
  return std::make_unique<BackwardInput>(shape_of(op.attributes, op.x_shape,
                                                  spec_of(region, region.steps[0].inputs[1]).shape,
                                                  spec_of(region, region.steps[0].inputs[0]).shape));
}

Implementation make_conv2d_backward_filter(const Region& region) {
  const auto& op = *op_as<Conv2DBackwardFilterOp>(region, 0);
  if (region.steps.size() != 1) return decline("takes the op alone");
  if (!all_float32(region) || !same_inputs(region)) return decline("takes two different float32 tensors");
  return std::make_unique<BackwardFilter>(
      shape_of(op.attributes, spec_of(region, region.steps[0].inputs[0]).shape, op.kernel_shape,
               spec_of(region, region.steps[0].inputs[1]).shape));
}

}  // namespace fovea::cpu
