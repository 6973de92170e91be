#include "backends/cpu/epilogue.h"
#include "backends/cpu/kernel_list.h"
#include "backends/cpu/kernels/bfloat16/convert.h"
#include "backends/cpu/kernels/bfloat16/winograd.h"
#include "backends/cpu/kernels/conv2d/regions.h"
#include "backends/cpu/kernels/conv2d/winograd.h"
#include "backends/cpu/kernels/cut.h"
#include "ops/conv2d.h"
#include "ops/pool2d.h"
#include "ops/shaping.h"

// Which regions of bfloat16 Winograd's convolutions take: conv2d [+ bias] [+ residual] [+ ReLU], conv2d
// [+ bias] [+ ReLU] + pooling of 2x2 windows [+ ReLU], and the gradient by the input.

namespace fovea::cpu {
namespace {

// Predictions are precise, training steps quick: what makes a step need not be known to more than a percent.
WinogradProducts products_for(const Region& region, const Conv2DShape& shape) {
  return region.trains && winograd_pairs_take(shape) ? WinogradProducts::pairs : WinogradProducts::floats;
}

class Forward final : public Kernel {
 public:
  Forward(const Conv2DShape& shape, WinogradProducts products, const Epilogue& epilogue)
      : shape_(shape), products_(products), bias_(epilogue.bias), residual_(epilogue.residual), y_(0) {
    set_relu(epilogue.activation, pass_);
  }
  Forward(const Conv2DShape& shape, WinogradProducts products, const PooledRegion& region)
      : shape_(shape),
        products_(products),
        bias_(region.bias),
        y_(region.y),
        pools_(true),
        winners_(region.winners) {
    pass_.relu = region.relu;
    pooled_.kind = region.pooled.kind;
    pooled_.relu = region.pooled.relu;
    pooled_.marks_dead = region.pooled.marks_dead;
  }
  std::string_view name() const override {
    if (products_ == WinogradProducts::pairs)
      return pools_ ? "conv2d:bfloat16_winograd_pairs+pool" : "conv2d:bfloat16_winograd_pairs";
    if (pools_) return "conv2d:bfloat16_winograd+pool";
    return residual_ >= 0 ? "conv2d:bfloat16_winograd+residual" : "conv2d:bfloat16_winograd";
  }
  std::size_t workspace_bytes() const override {
    return static_cast<std::size_t>(round_up(shape_.filters, kMaxFilterBlock)) * sizeof(float);
  }
  int packed_input() const override { return 1; }
  std::string packed_form() const override {
    return products_ == WinogradProducts::pairs ? "winograd pairs" : "bfloat16 winograd";
  }
  std::size_t packed_bytes() const override { return half_winograd_packed_bytes(shape_, products_); }
  void pack(const void* weights, void* packed, ThreadPool& threads) const override {
    half_winograd_pack(shape_, products_, static_cast<const bfloat16*>(weights), packed, threads);
  }
  void run(const KernelContext& c) const override {
    HalfWinogradForward pass = pass_;
    pass.x = input<bfloat16>(c, 0);
    pass.packed = c.packed;
    if (bias_ >= 0) {
      auto* const bias = static_cast<float*>(c.workspace);
      std::fill_n(bias, round_up(shape_.filters, kMaxFilterBlock), 0.0F);
      widen_block(input<bfloat16>(c, bias_), bias, shape_.filters);
      pass.bias = bias;
    }
    pass.residual = input<bfloat16>(c, residual_);
    HalfPooledOutput pooled = pooled_;
    if (pools_) {
      pooled.y = output<bfloat16>(c, y_);
      pooled.winners = output<std::uint8_t>(c, winners_);
      pass.pooled = &pooled;
    } else {
      pass.y = output<bfloat16>(c, y_);
    }
    half_winograd_forward(shape_, products_, pass, c.threads);
  }

 private:
  Conv2DShape shape_;
  WinogradProducts products_;
  int bias_ = -1, residual_ = -1, y_ = -1;
  bool pools_ = false;
  int winners_ = -1;
  HalfWinogradForward pass_;
  HalfPooledOutput pooled_;
};

class BackwardInput final : public Kernel {
 public:
  BackwardInput(const Conv2DShape& shape, WinogradProducts products) : shape_(shape), products_(products) {}
  std::string_view name() const override {
    return products_ == WinogradProducts::pairs ? "conv2d_backward_input:bfloat16_winograd_pairs"
                                                : "conv2d_backward_input:bfloat16_winograd";
  }
  std::size_t workspace_bytes() const override {
    return half_winograd_backward_input_workspace(shape_, products_);
  }
  void run(const KernelContext& c) const override {
    half_winograd_backward_input(shape_, products_, input<bfloat16>(c, 0), nullptr, input<bfloat16>(c, 1),
                                 output<bfloat16>(c, 0), c.workspace, c.threads);
  }

 private:
  Conv2DShape shape_;
  WinogradProducts products_;
};

class BackwardFilter final : public Kernel {
 public:
  BackwardFilter(const Conv2DShape& shape, bool rounds) : shape_(shape), rounds_(rounds) {}
  std::string_view name() const override { return "conv2d_backward_filter:bfloat16_winograd_pairs"; }
  std::size_t workspace_bytes() const override { return paired_winograd_backward_filter_workspace(shape_); }
  void run(const KernelContext& c) const override {
    paired_winograd_backward_filter(shape_, input<bfloat16>(c, 0), input<bfloat16>(c, 1),
                                    rounds_ ? nullptr : output<float>(c, 0),
                                    rounds_ ? output<bfloat16>(c, 0) : nullptr, c.workspace, c.threads);
  }

 private:
  Conv2DShape shape_;
  bool rounds_;
};

constexpr const char kNotWinograd[] = "no 3x3 convolution with stride 1 and enough channels";

bool takes(const Region& region, int value, DType dtype) { return spec_of(region, value).dtype == dtype; }

}  // namespace

Implementation make_bfloat16_winograd_forward(const Region& region) {
  const Region::Step& first = region.steps[0];
  if (!takes(region, first.outputs[0], DType::bfloat16) || !reads_two_tensors(region))
    return decline("takes two tensors of bfloat16 only");
  const auto& attributes = op_as<Conv2DOp>(region, 0)->attributes;
  const Shape &x = spec_of(region, first.inputs[0]).shape, &kernel = spec_of(region, first.inputs[1]).shape,
              &y = spec_of(region, first.outputs[0]).shape;
  const Conv2DShape shape = conv2d_shape(attributes, x, kernel, y);
  if (!winograd_takes(shape)) return decline("{}", kNotWinograd);
  for (std::size_t step = 1; step < region.steps.size(); ++step) {
    if (op_as<Pool2DOp>(region, step) == nullptr) continue;
    const auto read = read_pooled(region, step);
    if (const auto* declined = std::get_if<Declined>(&read)) return *declined;
    const auto& pooled = std::get<PooledRegion>(read);
    if (!winograd_pools(pooled.pooled))
      return decline("the pooling's windows do not divide Winograd's tiles");
    return std::make_unique<Forward>(shape, products_for(region, shape), pooled);
  }
  for (const TensorSpec& spec : region.values) {
    if (spec.dtype != DType::bfloat16) return decline("takes bfloat16 only");
  }
  const auto epilogue = read_epilogue(region, first.outputs[0]);
  if (const auto* declined = std::get_if<Declined>(&epilogue)) return *declined;
  const UnaryOp* const activation = std::get<Epilogue>(epilogue).activation;
  if (activation != nullptr && !activation->is_clipped_relu())
    return decline("the activation is no ReLU without slope and threshold");
  return std::make_unique<Forward>(shape, products_for(region, shape), std::get<Epilogue>(epilogue));
}

Implementation make_bfloat16_winograd_backward_input(const Region& region) {
  const auto& op = *op_as<Conv2DBackwardInputOp>(region, 0);
  const auto& inputs = region.steps[0].inputs;
  if (region.steps.size() != 1 || !takes(region, inputs[0], DType::bfloat16) || !reads_two_tensors(region))
    return decline("takes the op on two tensors of bfloat16 alone");
  const Conv2DShape shape = conv2d_shape(op.attributes, op.x_shape, spec_of(region, inputs[1]).shape,
                                         spec_of(region, inputs[0]).shape);
  if (!winograd_takes(shape)) return decline("{}", kNotWinograd);
  return std::make_unique<BackwardInput>(shape, products_for(region, shape));
}

Implementation make_bfloat16_winograd_backward_filter(const Region& region) {
  const auto& op = *op_as<Conv2DBackwardFilterOp>(region, 0);
  const auto& inputs = region.steps[0].inputs;
  const bool casts = region.steps.size() == 2 && op_as<CastOp>(region, 1) != nullptr &&
                     takes(region, region.steps[1].outputs[0], DType::float32);
  if ((region.steps.size() != 1 && !casts) || region.outputs.size() != 1 ||
      !takes(region, inputs[0], DType::bfloat16) || !reads_two_tensors(region))
    return decline("takes the op on two tensors of bfloat16, and a cast to float32, alone");
  const Conv2DShape shape = conv2d_shape(op.attributes, spec_of(region, inputs[0]).shape, op.kernel_shape,
                                         spec_of(region, inputs[1]).shape);
  if (!winograd_takes(shape)) return decline("{}", kNotWinograd);
  if (products_for(region, shape) != WinogradProducts::pairs)
    return decline("there are no pairs to multiply");
  return std::make_unique<BackwardFilter>(shape, !casts);
}

}  // namespace fovea::cpu
