#include "backends/cpu/epilogue.h"
#include "backends/cpu/kernel_list.h"
#include "backends/cpu/kernels/conv2d/conv2d.h"
#include "backends/cpu/kernels/conv2d/regions.h"
#include "backends/cpu/kernels/conv2d/winograd.h"
#include "ops/conv2d.h"
#include "ops/pool2d.h"

// Which regions the convolution kernels take: conv2d [+ bias] [+ residual] [+ ReLU], conv2d [+ bias] [+ ReLU]
// + pooling
// [+ ReLU], and the two gradients alone.

namespace fovea::cpu {

Conv2DShape conv2d_shape(const ops::Conv2DAttributes& a, const Shape& x, const Shape& kernel,
                         const Shape& y) {
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

std::string conv2d_packed_form(const Conv2DShape& shape) {
  return fmt::format("direct, {} groups", shape.groups);
}

namespace {

enum class Method : std::uint8_t { direct, winograd };

/// A forward pass, which reads its weights packed.
class PackedConvolution : public Kernel {
 public:
  PackedConvolution(const Conv2DShape& shape, Method method)
      : shape_(shape), winograd_(method == Method::winograd) {}
  int packed_input() const override { return 1; }
  std::string packed_form() const override { return winograd_ ? "winograd" : conv2d_packed_form(shape_); }
  std::size_t packed_bytes() const override {
    return winograd_ ? winograd_packed_bytes(shape_) : conv2d_packed_bytes(shape_);
  }
  void pack(const void* weights, void* packed, ThreadPool& threads) const override {
    (winograd_ ? winograd_pack : conv2d_pack)(shape_, static_cast<const float*>(weights), packed, threads);
  }

 protected:
  Conv2DShape shape_;
  bool winograd_;
};

class Forward final : public PackedConvolution {
 public:
  Forward(const Conv2DShape& shape, Method method, const Epilogue& epilogue)
      : PackedConvolution(shape, method), bias_(epilogue.bias), residual_(epilogue.residual) {
    set_relu(epilogue.activation, fixed_);
  }
  std::string_view name() const override {
    if (residual_ >= 0) return winograd_ ? "conv2d:winograd+residual" : "conv2d:direct+residual";
    return winograd_ ? "conv2d:winograd" : "conv2d:direct";
  }
  void run(const KernelContext& c) const override {
    ConvEpilogue epilogue = fixed_;
    epilogue.bias = input<float>(c, bias_);
    epilogue.residual = input<float>(c, residual_);
    const auto pass = winograd_ ? winograd_forward : conv2d_forward;
    pass(shape_, input<float>(c, 0), c.packed, epilogue, output<float>(c, 0), c.threads);
  }

 private:
  int bias_, residual_;
  ConvEpilogue fixed_;
};

class BackwardInput final : public Kernel {
 public:
  BackwardInput(const Conv2DShape& shape, Method method)
      : shape_(shape), winograd_(method == Method::winograd) {}
  std::string_view name() const override {
    return winograd_ ? "conv2d_backward_input:winograd" : "conv2d_backward_input:direct";
  }
  std::size_t workspace_bytes() const override {
    return winograd_ ? winograd_backward_input_workspace(shape_) : conv2d_backward_input_workspace(shape_);
  }
  void run(const KernelContext& c) const override {
    const auto *dy = input<float>(c, 0), *w = input<float>(c, 1);
    if (winograd_) return winograd_backward_input(shape_, dy, w, output<float>(c, 0), c.workspace, c.threads);
    conv2d_backward_input(shape_, dy, w, output<float>(c, 0), c.workspace, c.threads);
  }

 private:
  Conv2DShape shape_;
  bool winograd_;
};

class BackwardFilter final : public Kernel {
 public:
  BackwardFilter(const Conv2DShape& shape, Method method)
      : shape_(shape), winograd_(method == Method::winograd) {}
  std::string_view name() const override {
    return winograd_ ? "conv2d_backward_filter:winograd" : "conv2d_backward_filter:direct";
  }
  std::size_t workspace_bytes() const override {
    return winograd_ ? winograd_backward_filter_workspace(shape_) : conv2d_backward_filter_workspace(shape_);
  }
  void run(const KernelContext& c) const override {
    const auto *x = input<float>(c, 0), *dy = input<float>(c, 1);
    if (winograd_)
      return winograd_backward_filter(shape_, x, dy, output<float>(c, 0), c.workspace, c.threads);
    conv2d_backward_filter(shape_, x, dy, output<float>(c, 0), nullptr, c.workspace, c.threads);
  }

 private:
  Conv2DShape shape_;
  bool winograd_;
};

constexpr const char kNotWinograd[] = "no 3x3 convolution with stride 1, or too many channels";

/// The kernel; discouraged where Winograd's transforms cost more than they save.
Implementation offer(std::unique_ptr<Kernel> kernel, Method method, bool winograd_pays) {
  if (method == Method::winograd && !winograd_pays)
    return Discouraged{std::move(kernel), "few channels or cut tiles: Winograd does not pay"};
  return kernel;
}

}  // namespace

std::variant<PooledRegion, Declined> read_pooled(const Region& region, std::size_t at) {
  const auto epilogue =
      read_epilogue(first_steps(region, at, region.steps[at].inputs[0]), region.steps[0].outputs[0]);
  if (const auto* declined = std::get_if<Declined>(&epilogue)) return *declined;
  const auto& [bias, residual, activation, result] = std::get<Epilogue>(epilogue);
  if (residual >= 0) return decline("a tensor is added before the pooling");
  if (activation != nullptr && !activation->is_plain_relu())
    return decline("the activation is no plain ReLU");
  const ops::Pool2DAttributes& a = op_as<Pool2DOp>(region, at)->attributes;
  if (a.strides.height != a.window.height || a.strides.width != a.window.width || a.padding.top != 0 ||
      a.padding.bottom != 0 || a.padding.left != 0 || a.padding.right != 0)
    return decline("the pooling's windows overlap, leave gaps or are padded");
  PooledRegion read;
  read.bias = bias;
  read.relu = activation != nullptr;
  read.map = spec_of(region, result).shape;
  read.pooled.kind = a.kind;
  read.pooled.marks_dead = op_as<Pool2DOp>(region, at)->marks_dead;
  read.pooled.window_h = a.window.height;
  read.pooled.window_w = a.window.width;
  int value = region.steps[at].outputs[0];
  std::size_t step = at + 1;
  if (const auto* relu = op_as<UnaryOp>(region, step)) {
    if (!relu->is_plain_relu() || a.kind == ops::PoolKind::average)
      return decline("the activation after the pooling is no ReLU of an extreme");
    read.pooled.relu = true;
    value = region.steps[step++].outputs[0];
  }
  if (step != region.steps.size())
    return decline("takes no {} as step {}", region.steps[step].op->class_name(), step);
  read.y = position_of(region.outputs, value);
  if (a.kind != ops::PoolKind::average)
    read.winners = position_of(region.outputs, region.steps[at].outputs[1]);
  if (read.winners >= 0 && spec_of(region, region.steps[at].outputs[1]).dtype != DType::uint8)
    return decline("a window has more than 256 elements");
  if (read.y < 0 || region.outputs.size() != (read.winners < 0 ? 1U : 2U))
    return decline("an inner value is read outside");
  return read;
}

namespace {

class PooledForward final : public PackedConvolution {
 public:
  PooledForward(const Conv2DShape& shape, Method method, const PooledRegion& region)
      : PackedConvolution(shape, method), region_(region) {}
  std::string_view name() const override { return winograd_ ? "conv2d:winograd+pool" : "conv2d:direct+pool"; }
  void run(const KernelContext& c) const override {
    PooledOutput pooled = region_.pooled;
    pooled.y = output<float>(c, region_.y);
    pooled.winners = output<std::uint8_t>(c, region_.winners);
    const auto pass = winograd_ ? winograd_pool_forward : conv2d_pool_forward;
    pass(shape_, input<float>(c, 0), c.packed, {.bias = input<float>(c, region_.bias), .relu = region_.relu},
         pooled, c.threads);
  }

 private:
  PooledRegion region_;
};

Implementation make_pooled_forward(const Region& region, std::size_t at, Method method) {
  const Region::Step& first = region.steps[0];
  if (spec_of(region, first.outputs[0]).dtype != DType::float32) return decline("takes float32 only");
  if (!reads_two_tensors(region)) return decline("image and kernel are one tensor");
  const auto read = read_pooled(region, at);
  if (const auto* declined = std::get_if<Declined>(&read)) return *declined;
  const auto& pooled = std::get<PooledRegion>(read);
  const Conv2DShape shape =
      conv2d_shape(op_as<Conv2DOp>(region, 0)->attributes, spec_of(region, first.inputs[0]).shape,
                   spec_of(region, first.inputs[1]).shape, pooled.map);
  if (method == Method::winograd && !winograd_can(shape)) return decline("{}", kNotWinograd);
  if (method == Method::winograd && !winograd_pools(pooled.pooled))
    return decline("the pooling's windows do not divide Winograd's tiles");
  if (method == Method::direct && !conv2d_pools(shape, pooled.pooled))
    return decline("the rows of a window do not fit into the scratch memory");
  auto kernel = std::make_unique<PooledForward>(shape, method, pooled);
  if (method == Method::direct && winograd_takes(shape))
    return Discouraged{std::move(kernel), "Winograd, without the pooling if need be, is faster"};
  return offer(std::move(kernel), method, winograd_takes_pooled(shape));
}

Implementation make_forward(const Region& region, Method method) {
  for (std::size_t step = 1; step < region.steps.size(); ++step) {
    if (op_as<Pool2DOp>(region, step) != nullptr) return make_pooled_forward(region, step, method);
  }
  const auto& conv = *op_as<Conv2DOp>(region, 0);
  if (!all_float32(region)) return decline("takes float32 only");
  if (!reads_two_tensors(region)) return decline("image and kernel are one tensor");
  const Region::Step& first = region.steps[0];
  const auto epilogue = read_epilogue(region, first.outputs[0]);
  if (const auto* declined = std::get_if<Declined>(&epilogue)) return *declined;
  const UnaryOp* const activation = std::get<Epilogue>(epilogue).activation;
  if (activation != nullptr && !activation->is_clipped_relu())
    return decline("the activation is no ReLU without slope and threshold");
  const int result = std::get<Epilogue>(epilogue).result;
  const Conv2DShape shape =
      conv2d_shape(conv.attributes, spec_of(region, first.inputs[0]).shape,
                   spec_of(region, first.inputs[1]).shape, spec_of(region, result).shape);
  if (method == Method::winograd && !winograd_can(shape)) return decline("{}", kNotWinograd);
  return offer(std::make_unique<Forward>(shape, method, std::get<Epilogue>(epilogue)), method,
               winograd_takes(shape));
}

template <class KernelClass>
Implementation make_backward(const Region& region, const Conv2DShape& shape, Method method) {
  if (region.steps.size() != 1) return decline("takes the op alone");
  if (!all_float32(region) || !reads_two_tensors(region))
    return decline("takes two different float32 tensors");
  if (method == Method::winograd && !winograd_can(shape)) return decline("{}", kNotWinograd);
  return offer(std::make_unique<KernelClass>(shape, method), method, winograd_takes(shape));
}

Implementation make_backward_input(const Region& region, Method method) {
  const auto& op = *op_as<Conv2DBackwardInputOp>(region, 0);
  const auto& inputs = region.steps[0].inputs;
  return make_backward<BackwardInput>(
      region,
      conv2d_shape(op.attributes, op.x_shape, spec_of(region, inputs[1]).shape,
                   spec_of(region, inputs[0]).shape),
      method);
}

Implementation make_backward_filter(const Region& region, Method method) {
  const auto& op = *op_as<Conv2DBackwardFilterOp>(region, 0);
  const auto& inputs = region.steps[0].inputs;
  return make_backward<BackwardFilter>(region,
                                       conv2d_shape(op.attributes, spec_of(region, inputs[0]).shape,
                                                    op.kernel_shape, spec_of(region, inputs[1]).shape),
                                       method);
}

}  // namespace

Implementation make_winograd_forward(const Region& region) { return make_forward(region, Method::winograd); }
Implementation make_conv2d_forward(const Region& region) { return make_forward(region, Method::direct); }
Implementation make_winograd_backward_input(const Region& region) {
  return make_backward_input(region, Method::winograd);
}
Implementation make_conv2d_backward_input(const Region& region) {
  return make_backward_input(region, Method::direct);
}
Implementation make_winograd_backward_filter(const Region& region) {
  return make_backward_filter(region, Method::winograd);
}
Implementation make_conv2d_backward_filter(const Region& region) {
  return make_backward_filter(region, Method::direct);
}

}  // namespace fovea::cpu
