#include "backends/cpu/epilogue.h"
#include "backends/cpu/kernel_list.h"
#include "backends/cpu/kernels/batch_norm/regions.h"
#include "backends/cpu/kernels/conv2d/regions.h"
#include "backends/cpu/kernels/conv2d/winograd.h"
#include "core/cache_lines.h"
#include "ops/batch_norm.h"
#include "ops/binary.h"
#include "ops/conv2d.h"

// Convolutions with the batch normalisation beside them, which then need not read for its sums what the
// convolution has in registers: convolution [+ bias] + normalisation [+ residual] [+ ReLU]; and backward,
// where the gradient by the input is the gradient by a normalisation's result: that [+ residual] [+ the
// gradient of a ReLU] + that of the normalisation [+ the sum of its dx].

namespace fovea::cpu {
namespace {

/// Winograd has no registers to spare for sums.
constexpr const char kWinograd[] = "Winograd may be faster, which sums nothing";

std::size_t sums_bytes(std::int64_t pieces, std::int64_t channels) {
  return static_cast<std::size_t>(ResultSums::floats(pieces, channels)) * sizeof(float);
}

class NormalisedForward final : public Kernel {
 public:
  /// Positions among the region's inputs and outputs.
  struct Places {
    int bias = -1, x = -1;
  };
  NormalisedForward(const Conv2DShape& shape, Places places, const NormalisationSteps& steps)
      : shape_(shape), places_(places), steps_(steps), pieces_(conv2d_sum_pieces(shape)) {}
  std::string_view name() const override { return "conv2d:direct+batch_norm"; }
  int packed_input() const override { return 1; }
  std::string packed_form() const override { return conv2d_packed_form(shape_); }
  std::size_t packed_bytes() const override { return conv2d_packed_bytes(shape_); }
  void pack(const void* weights, void* packed, ThreadPool& threads) const override {
    conv2d_pack(shape_, static_cast<const float*>(weights), packed, threads);
  }
  std::size_t workspace_bytes() const override {
    return whole_lines(batch_norm_workspace(steps_.shape)) + sums_bytes(pieces_, shape_.filters);
  }
  void run(const KernelContext& c) const override {
    auto* const memory = static_cast<std::byte*>(c.workspace);
    ResultSums sums;
    sums.channels = shape_.filters;
    sums.memory = reinterpret_cast<float*>(memory + whole_lines(batch_norm_workspace(steps_.shape)));
    auto* const x = output<float>(c, places_.x);
    conv2d_forward(shape_, input<float>(c, 0), c.packed,
                   {.bias = input<float>(c, places_.bias), .sums = &sums}, x, c.threads);
    batch_norm_training(steps_.shape, steps_.tensors(c, Numbers(x)), sums, pieces_, memory, c.threads);
  }

 private:
  Conv2DShape shape_;
  Places places_;
  NormalisationSteps steps_;
  std::int64_t pieces_;
};

class NormalisedBackwardInput final : public Kernel {
 public:
  /// Positions among the region's inputs and outputs.
  struct Places {
    int residual = -1, dy = -1;
  };
  NormalisedBackwardInput(const Conv2DShape& shape, Places places, const NormalisationBackwardSteps& steps)
      : shape_(shape), places_(places), steps_(steps), pieces_(conv2d_backward_input_sum_pieces(shape)) {}
  std::string_view name() const override { return "conv2d_backward_input:direct+batch_norm"; }
  std::size_t workspace_bytes() const override { return sums_at() + sums_bytes(pieces_, shape_.in_channels); }
  void run(const KernelContext& c) const override {
    auto* const memory = static_cast<std::byte*>(c.workspace);
    BatchNormGradients g = steps_.tensors(c);
    // The last pass works in the place of dx, unless others read the gradient before it too.
    auto* const dy = output<float>(c, places_.dy >= 0 ? places_.dy : steps_.dx);
    ResultSums sums;
    sums.channels = shape_.in_channels;
    sums.memory = reinterpret_cast<float*>(memory + sums_at());
    sums.results = dy;
    sums.x = g.x.data<float>();
    sums.mean = g.mean;
    sums.after = g.after.data<float>();
    sums.largest = g.largest;
    const ConvEpilogue epilogue{.residual = input<float>(c, places_.residual), .sums = &sums};
    conv2d_backward_input(shape_, input<float>(c, 0), input<float>(c, 1), dy, memory, c.threads, epilogue);
    g.dy = Numbers(dy);
    g.after = {};
    g.masked_dy = {};
    batch_norm_backward(steps_.shape, g, sums, pieces_, memory + normalisation_at(), c.threads);
  }

 private:
  std::size_t normalisation_at() const { return whole_lines(conv2d_backward_input_workspace(shape_)); }
  std::size_t sums_at() const { return normalisation_at() + whole_lines(batch_norm_workspace(steps_.shape)); }

  Conv2DShape shape_;
  Places places_;
  NormalisationBackwardSteps steps_;
  std::int64_t pieces_;
};

}  // namespace

Implementation make_conv2d_batch_norm(const Region& region) {
  if (!all_float32(region) || !reads_two_tensors(region))
    return decline("takes two different float32 tensors");
  const Region::Step& first = region.steps[0];
  std::size_t at = 1;
  while (at < region.steps.size() && op_as<BatchNormTrainingOp>(region, at) == nullptr) ++at;
  const auto read = read_normalisation(region, at);
  if (const auto* declined = std::get_if<Declined>(&read)) return *declined;
  const auto& steps = std::get<NormalisationSteps>(read);
  const auto epilogue = read_epilogue(first_steps(region, at, steps.x), first.outputs[0]);
  if (const auto* declined = std::get_if<Declined>(&epilogue)) return *declined;
  const auto& [bias, residual, activation, result] = std::get<Epilogue>(epilogue);
  if (residual >= 0 || activation != nullptr)
    return decline("there is more than a bias before the normalisation");
  const NormalisedForward::Places places{bias, position_of(region.outputs, result)};
  if (places.x < 0) return decline("nobody else reads what is normalised");
  if (result != first.outputs[0] && position_of(region.outputs, first.outputs[0]) >= 0)
    return decline("an inner value is read outside");
  const Conv2DShape shape =
      conv2d_shape(op_as<Conv2DOp>(region, 0)->attributes, spec_of(region, first.inputs[0]).shape,
                   spec_of(region, first.inputs[1]).shape, spec_of(region, result).shape);
  if (winograd_can(shape)) return decline("{}", kWinograd);
  return std::make_unique<NormalisedForward>(shape, places, steps);
}

Implementation make_conv2d_batch_norm_backward(const Region& region) {
  if (!all_float32(region) || !reads_two_tensors(region))
    return decline("takes two different float32 tensors");
  const Region::Step& first = region.steps[0];
  NormalisedBackwardInput::Places places;
  int result = first.outputs[0];
  std::size_t at = 1;
  if (op_as<BinaryOp>(region, at) != nullptr) {
    places.residual = added_tensor(region, at, result);
    if (places.residual < 0) return decline("step {} adds no tensor of the result's shape", at);
    if (position_of(region.outputs, result) >= 0) return decline("an inner value is read outside");
    result = region.steps[at].outputs[0];
    ++at;
  }
  const auto read = read_normalisation_backward(region, at);
  if (const auto* declined = std::get_if<Declined>(&read)) return *declined;
  const auto& steps = std::get<NormalisationBackwardSteps>(read);
  if (steps.dy_value != result || steps.dx < 0) return decline("the normalisation's gradient is another one");
  places.dy = position_of(region.outputs, result);
  if (steps.after >= 0 && places.dy >= 0) return decline("an inner value is read outside");
  if (steps.after >= 0) places.dy = steps.masked;
  const auto& op = *op_as<Conv2DBackwardInputOp>(region, 0);
  const Conv2DShape shape = conv2d_shape(op.attributes, op.x_shape, spec_of(region, first.inputs[1]).shape,
                                         spec_of(region, first.inputs[0]).shape);
  if (shape.stride_h != 1 || shape.stride_w != 1) return decline("the convolution has strides");
  if (winograd_can(shape)) return decline("{}", kWinograd);
  return std::make_unique<NormalisedBackwardInput>(shape, places, steps);
}

}  // namespace fovea::cpu
