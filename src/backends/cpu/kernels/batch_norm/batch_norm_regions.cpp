#include "backends/cpu/epilogue.h"
#include "backends/cpu/kernel_list.h"
#include "backends/cpu/kernels/batch_norm/regions.h"
#include "ops/batch_norm.h"
#include "ops/binary.h"
#include "ops/unary.h"

// Which regions the batch normalisation kernels take: the normalisation [+ residual] [+ ReLU], [the gradient
// of a ReLU +] the normalisation's [+ the sum of its dx]; results that nobody reads are left out.

namespace fovea::cpu {
namespace {

BatchNormShape shape_of(const Region& region, std::size_t step, double epsilon) {
  const Shape& x = spec_of(region, region.steps[step].inputs[0]).shape;
  return {x.slice(0, -1).elements(), x[-1], epsilon};
}

/// Inputs and outputs of the data's shape, float32 or bfloat16.
Numbers numbers(const KernelContext& c, int position, bool half) {
  return half ? Numbers(input<bfloat16>(c, position)) : Numbers(input<float>(c, position));
}
Results results(const KernelContext& c, int position, bool half) {
  return half ? Results(output<bfloat16>(c, position)) : Results(output<float>(c, position));
}

/// Why no kernel takes the region's normalisation, which is that step; null when one may.
const char* reason(const Region& region, std::size_t step) {
  const TensorSpec& x = spec_of(region, region.steps[step].inputs[0]);
  for (const TensorSpec& spec : region.values) {
    const bool fits = spec.dtype == DType::float32 || (spec.dtype == DType::bfloat16 && spec == x);
    if (!fits || (spec.shape == x.shape && spec.dtype != x.dtype))
      return "takes float32 and bfloat16 data only";
  }
  if (x.dtype == DType::bfloat16 && x.shape[-1] > kPieceFloats) return "has too many channels for bfloat16";
  return shape_of(region, step, 0).rows == 0 ? "there is nothing to average" : nullptr;
}

bool is_half(const Region& region, std::size_t step) {
  return spec_of(region, region.steps[step].inputs[0]).dtype == DType::bfloat16;
}

class Training final : public Kernel {
 public:
  explicit Training(const NormalisationSteps& steps, int x) : steps_(steps), x_(x) {}
  std::string_view name() const override {
    if (steps_.residual >= 0)
      return steps_.epilogue.relu ? "batch_norm_training:two_pass+residual+relu"
                                  : "batch_norm_training:two_pass+residual";
    return steps_.epilogue.relu ? "batch_norm_training:two_pass+relu" : "batch_norm_training:two_pass";
  }
  std::size_t workspace_bytes() const override { return batch_norm_workspace(steps_.shape); }
  void run(const KernelContext& c) const override {
    batch_norm_training(steps_.shape, steps_.tensors(c, steps_.data(c, x_)), c.workspace, c.threads);
  }

 private:
  NormalisationSteps steps_;
  int x_;
};

class Backward final : public Kernel {
 public:
  explicit Backward(const NormalisationBackwardSteps& steps) : steps_(steps) {}
  std::string_view name() const override {
    if (steps_.dx_sums >= 0)
      return steps_.after < 0 ? "batch_norm_backward:two_pass+sums"
                              : "batch_norm_backward:relu+two_pass+sums";
    return steps_.after < 0 ? "batch_norm_backward:two_pass" : "batch_norm_backward:relu+two_pass";
  }
  std::size_t workspace_bytes() const override { return batch_norm_workspace(steps_.shape); }
  void run(const KernelContext& c) const override {
    batch_norm_backward(steps_.shape, steps_.tensors(c), c.workspace, c.threads);
  }

 private:
  NormalisationBackwardSteps steps_;
};

}  // namespace

Numbers NormalisationSteps::data(const KernelContext& c, int position) const {
  return numbers(c, position, half);
}

BatchNormTensors NormalisationSteps::tensors(const KernelContext& c, Numbers of_x) const {
  BatchNormEpilogue with_residual = epilogue;
  with_residual.residual = numbers(c, residual, half);
  return {of_x,
          input<float>(c, gamma),
          input<float>(c, beta),
          results(c, y, half),
          output<float>(c, mean),
          output<float>(c, variance),
          with_residual};
}

std::variant<NormalisationSteps, Declined> read_normalisation(const Region& region, std::size_t first) {
  const auto* op = op_as<BatchNormTrainingOp>(region, first);
  if (op == nullptr) return decline("step {} is no batch normalisation", first);
  if (const char* why = reason(region, first)) return Declined{why};
  const Region::Step& normalisation = region.steps[first];
  NormalisationSteps read;
  read.shape = shape_of(region, first, op->epsilon);
  read.half = is_half(region, first);
  read.x = normalisation.inputs[0];
  read.gamma = position_of(region.inputs, normalisation.inputs[1]);
  read.beta = position_of(region.inputs, normalisation.inputs[2]);
  read.mean = position_of(region.outputs, normalisation.outputs[1]);
  read.variance = position_of(region.outputs, normalisation.outputs[2]);
  int result = normalisation.outputs[0];
  std::size_t step = first + 1;
  const auto go_on = [&] {
    // What is between the steps must not be read outside.
    const bool inner = position_of(region.outputs, result) < 0;
    result = region.steps[step++].outputs[0];
    return inner;
  };
  if (op_as<BinaryOp>(region, step) != nullptr) {
    read.residual = added_tensor(region, step, result);
    if (read.residual < 0) return decline("step {} adds no tensor of the result's shape", step);
    if (!go_on()) return decline("an inner value is read outside");
  }
  if (const auto* relu = op_as<UnaryOp>(region, step)) {
    if (!relu->is_clipped_relu()) return decline("the activation is no ReLU without slope and threshold");
    set_relu(relu, read.epilogue);
    if (!go_on()) return decline("an inner value is read outside");
  }
  if (step != region.steps.size())
    return decline("takes no {} as step {}", region.steps[step].op->class_name(), step);
  read.y = position_of(region.outputs, result);
  return read;
}

BatchNormGradients NormalisationBackwardSteps::tensors(const KernelContext& c) const {
  BatchNormGradients g{numbers(c, x, half),       input<float>(c, gamma),  input<float>(c, mean),
                       input<float>(c, variance), numbers(c, dy, half),    results(c, dx, half),
                       output<float>(c, dgamma),  output<float>(c, dbeta), output<float>(c, dx_sums)};
  if (after < 0) return g;
  g.after = numbers(c, after, half);
  g.largest = largest;
  g.masked_dy = results(c, masked, half);
  return g;
}

std::variant<NormalisationBackwardSteps, Declined> read_normalisation_backward(const Region& region,
                                                                               std::size_t first) {
  NormalisationBackwardSteps read;
  std::size_t step = first;
  int masked = -1;
  if (const auto* relu = op_as<UnaryBackwardOp>(region, step)) {
    // Those whose gradient follows from their result.
    if (!relu->is_plain_relu() && !relu->is_relu6())
      return decline("the activation is neither ReLU nor ReLU6");
    if (relu->is_relu6()) read.largest = static_cast<float>(relu->parameters.beta);
    read.after = position_of(region.inputs, region.steps[step].inputs[0]);
    read.dy_value = region.steps[step].inputs[1];
    masked = region.steps[step].outputs[0];
    read.masked = position_of(region.outputs, masked);
    if (read.after < 0) return decline("what the ReLU made is no input");
    ++step;
  }
  const auto* op = op_as<BatchNormBackwardOp>(region, step);
  if (op == nullptr) return decline("step {} is no gradient of a batch normalisation", step);
  if (const char* why = reason(region, step)) return Declined{why};
  const Region::Step& normalisation = region.steps[step];
  const std::vector<int>& inputs = normalisation.inputs;
  if (masked >= 0 && inputs[4] != masked)
    return decline("the normalisation does not read the ReLU's gradient as its own");
  if (masked < 0) read.dy_value = inputs[4];
  read.shape = shape_of(region, step, op->epsilon);
  read.half = is_half(region, step);
  read.dy = position_of(region.inputs, read.dy_value);
  read.x = position_of(region.inputs, inputs[0]);
  read.gamma = position_of(region.inputs, inputs[1]);
  read.mean = position_of(region.inputs, inputs[2]);
  read.variance = position_of(region.inputs, inputs[3]);
  if (read.x < 0) return decline("what was normalised is no input");
  read.dx = position_of(region.outputs, normalisation.outputs[0]);
  read.dgamma = position_of(region.outputs, normalisation.outputs[1]);
  read.dbeta = position_of(region.outputs, normalisation.outputs[2]);
  ++step;
  if (read.dx >= 0 && step < region.steps.size() && sums_columns(region, step, normalisation.outputs[0])) {
    read.dx_sums = position_of(region.outputs, region.steps[step].outputs[0]);
    ++step;
  }
  if (step != region.steps.size())
    return decline("takes no {} as step {}", region.steps[step].op->class_name(), step);
  return read;
}

Implementation make_batch_norm_training(const Region& region) {
  const auto read = read_normalisation(region, 0);
  if (const auto* declined = std::get_if<Declined>(&read)) return *declined;
  const auto& steps = std::get<NormalisationSteps>(read);
  return std::make_unique<Training>(steps, position_of(region.inputs, steps.x));
}

Implementation make_batch_norm_backward(const Region& region) {
  const auto read = read_normalisation_backward(region, 0);
  if (const auto* declined = std::get_if<Declined>(&read)) return *declined;
  const auto& steps = std::get<NormalisationBackwardSteps>(read);
  if (steps.dy < 0) return decline("the gradient is no input");
  return std::make_unique<Backward>(steps);
}

}  // namespace fovea::cpu
