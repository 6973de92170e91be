#include "backends/cpu/epilogue.h"
#include "backends/cpu/kernel_list.h"
#include "backends/cpu/kernels/bfloat16/convert.h"
#include "backends/cpu/kernels/bfloat16/convolution.h"
#include "backends/cpu/kernels/bfloat16/dot.h"
#include "backends/cpu/kernels/bfloat16/pooled_convolution.h"
#include "backends/cpu/kernels/conv2d/regions.h"
#include "backends/cpu/kernels/conv2d/winograd.h"
#include "backends/cpu/kernels/cut.h"
#include "ops/conv2d.h"
#include "ops/pool2d.h"
#include "ops/shaping.h"

// Which regions of bfloat16 the products of pairs take: conv2d [+ bias] [+ residual] [+ ReLU], the gradient
// by the input alone, that by the weights [+ cast to float32].

namespace fovea::cpu {
namespace {

bool all_bfloat16(const Region& region) {
  for (const TensorSpec& spec : region.values) {
    if (spec.dtype != DType::bfloat16) return false;
  }
  return true;
}

/// Why it takes no such convolution; null when it does.
const char* reason(const Region& region, const Conv2DShape& shape) {
  if (!has_bfloat16_dot()) return "this machine multiplies no bfloat16";
  if (!reads_two_tensors(region)) return "image and kernel are one tensor";
  if (shape.groups != 1) return "there are groups";
  // A quarter of the multiplications, where this halves them.
  if (winograd_takes(shape)) return "Winograd in float32 is faster";
  return nullptr;
}

class Forward final : public Kernel {
 public:
  Forward(const Conv2DShape& shape, const Epilogue& epilogue)
      : shape_(shape), bias_(epilogue.bias), residual_(epilogue.residual) {
    set_relu(epilogue.activation, fixed_);
  }
  std::string_view name() const override {
    return residual_ >= 0 ? "conv2d:bfloat16_pairs+residual" : "conv2d:bfloat16_pairs";
  }
  std::size_t workspace_bytes() const override { return dot_forward_workspace(shape_); }
  int packed_input() const override { return 1; }
  std::string packed_form() const override { return "pairs"; }
  std::size_t packed_bytes() const override { return dot_packed_bytes(shape_); }
  void pack(const void* weights, void* packed, ThreadPool& threads) const override {
    dot_pack(shape_, static_cast<const bfloat16*>(weights), packed, threads);
  }
  void run(const KernelContext& c) const override {
    DotEpilogue epilogue = fixed_;
    epilogue.bias = input<bfloat16>(c, bias_);
    epilogue.residual = input<bfloat16>(c, residual_);
    dot_forward(shape_, input<bfloat16>(c, 0), c.packed, epilogue, output<bfloat16>(c, 0), c.workspace,
                c.threads);
  }

 private:
  Conv2DShape shape_;
  int bias_, residual_;
  DotEpilogue fixed_;
};

/// With a pooling of 2x2 windows.
class PooledForward final : public Kernel {
 public:
  PooledForward(const Conv2DShape& shape, const PooledRegion& region) : shape_(shape), region_(region) {}
  std::string_view name() const override { return "conv2d:bfloat16_pairs+pool"; }
  std::size_t workspace_bytes() const override { return dot_forward_workspace(shape_); }
  int packed_input() const override { return 1; }
  std::string packed_form() const override { return "pairs"; }
  std::size_t packed_bytes() const override { return dot_packed_bytes(shape_); }
  void pack(const void* weights, void* packed, ThreadPool& threads) const override {
    dot_pack(shape_, static_cast<const bfloat16*>(weights), packed, threads);
  }
  void run(const KernelContext& c) const override {
    auto* const bias = region_.bias < 0 ? nullptr : static_cast<float*>(c.workspace);
    if (bias != nullptr) {
      std::fill_n(bias, round_up(shape_.filters, kDotBlock), 0.0F);
      widen_block(input<bfloat16>(c, region_.bias), bias, shape_.filters);
    }
    const HalfPooledOutput pooled{region_.pooled.kind, region_.pooled.relu, region_.pooled.marks_dead,
                                  output<bfloat16>(c, region_.y), output<std::uint8_t>(c, region_.winners)};
    dot_pool_forward(shape_, input<bfloat16>(c, 0), c.packed, bias, region_.relu, pooled, c.threads);
  }

 private:
  Conv2DShape shape_;
  PooledRegion region_;
};

Implementation make_pooled_forward(const Region& region, std::size_t at) {
  const Region::Step& first = region.steps[0];
  if (spec_of(region, first.outputs[0]).dtype != DType::bfloat16) return decline("takes bfloat16 only");
  const auto read = read_pooled(region, at);
  if (const auto* declined = std::get_if<Declined>(&read)) return *declined;
  const auto& pooled = std::get<PooledRegion>(read);
  const Conv2DShape shape =
      conv2d_shape(op_as<Conv2DOp>(region, 0)->attributes, spec_of(region, first.inputs[0]).shape,
                   spec_of(region, first.inputs[1]).shape, pooled.map);
  if (const char* why = reason(region, shape)) return Declined{why};
  if (!winograd_pools(pooled.pooled)) return decline("the pooling's windows are not 2x2");
  if (!dot_pools(shape)) return decline("two rows of results do not fit into the scratch memory");
  return std::make_unique<PooledForward>(shape, pooled);
}

class BackwardInput final : public Kernel {
 public:
  explicit BackwardInput(const Conv2DShape& shape) : shape_(shape) {}
  std::string_view name() const override { return "conv2d_backward_input:bfloat16_pairs"; }
  std::size_t workspace_bytes() const override { return dot_backward_input_workspace(shape_); }
  void run(const KernelContext& c) const override {
    dot_backward_input(shape_, input<bfloat16>(c, 0), input<bfloat16>(c, 1), output<bfloat16>(c, 0),
                       c.workspace, c.threads);
  }

 private:
  Conv2DShape shape_;
};

class BackwardFilter final : public Kernel {
 public:
  BackwardFilter(const Conv2DShape& shape, bool rounds) : shape_(shape), rounds_(rounds) {}
  std::string_view name() const override { return "conv2d_backward_filter:bfloat16_pairs"; }
  std::size_t workspace_bytes() const override { return dot_backward_filter_workspace(shape_); }
  void run(const KernelContext& c) const override {
    dot_backward_filter(shape_, input<bfloat16>(c, 0), input<bfloat16>(c, 1),
                        rounds_ ? nullptr : output<float>(c, 0), rounds_ ? output<bfloat16>(c, 0) : nullptr,
                        c.workspace, c.threads);
  }

 private:
  Conv2DShape shape_;
  bool rounds_;
};

}  // namespace

Implementation make_bfloat16_conv2d_forward(const Region& region) {
  for (std::size_t step = 1; step < region.steps.size(); ++step) {
    if (op_as<Pool2DOp>(region, step) != nullptr) return make_pooled_forward(region, step);
  }
  if (!all_bfloat16(region)) return decline("takes bfloat16 only");
  const Region::Step& first = region.steps[0];
  const auto epilogue = read_epilogue(region, first.outputs[0]);
  if (const auto* declined = std::get_if<Declined>(&epilogue)) return *declined;
  const UnaryOp* const activation = std::get<Epilogue>(epilogue).activation;
  if (activation != nullptr && !activation->is_clipped_relu())
    return decline("the activation is no ReLU without slope and threshold");
  const int result = std::get<Epilogue>(epilogue).result;
  const Conv2DShape shape =
      conv2d_shape(op_as<Conv2DOp>(region, 0)->attributes, spec_of(region, first.inputs[0]).shape,
                   spec_of(region, first.inputs[1]).shape, spec_of(region, result).shape);
  if (const char* why = reason(region, shape)) return Declined{why};
  return std::make_unique<Forward>(shape, std::get<Epilogue>(epilogue));
}

Implementation make_bfloat16_conv2d_backward_input(const Region& region) {
  if (!all_bfloat16(region) || region.steps.size() != 1) return decline("takes the op in bfloat16 alone");
  const auto& op = *op_as<Conv2DBackwardInputOp>(region, 0);
  const auto& inputs = region.steps[0].inputs;
  const Conv2DShape shape = conv2d_shape(op.attributes, op.x_shape, spec_of(region, inputs[1]).shape,
                                         spec_of(region, inputs[0]).shape);
  if (const char* why = reason(region, shape)) return Declined{why};
  if (!dot_backward_input_takes(shape))
    return decline("takes 1x1 kernels and an even number of filters only");
  return std::make_unique<BackwardInput>(shape);
}

Implementation make_bfloat16_conv2d_backward_filter(const Region& region) {
  const auto& op = *op_as<Conv2DBackwardFilterOp>(region, 0);
  const auto& inputs = region.steps[0].inputs;
  if (spec_of(region, inputs[0]).dtype != DType::bfloat16) return decline("takes bfloat16 only");
  const bool casts = region.steps.size() == 2 && op_as<CastOp>(region, 1) != nullptr &&
                     spec_of(region, region.steps[1].outputs[0]).dtype == DType::float32;
  if ((region.steps.size() != 1 && !casts) || region.outputs.size() != 1)
    return decline("takes the op and a cast to float32 alone");
  const Conv2DShape shape = conv2d_shape(op.attributes, spec_of(region, inputs[0]).shape, op.kernel_shape,
                                         spec_of(region, inputs[1]).shape);
  if (const char* why = reason(region, shape)) return Declined{why};
  return std::make_unique<BackwardFilter>(shape, !casts);
}

}  // namespace fovea::cpu
