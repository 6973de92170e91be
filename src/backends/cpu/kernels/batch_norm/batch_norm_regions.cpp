#include "backends/cpu/kernel_list.h"
#include "backends/cpu/kernels/batch_norm/batch_norm.h"
#include "ops/batch_norm.h"
#include "ops/binary.h"
#include "ops/unary.h"

// Which regions the batch normalisation kernels take: the normalisation [+ residual] [+ ReLU], [the gradient
// of a ReLU +] the normalisation's; results that nobody reads are left out.

namespace fovea::cpu {
namespace {

BatchNormShape shape_of(const Region& region, std::size_t step, double epsilon) {
  const Shape& x = spec_of(region, region.steps[step].inputs[0]).shape;
  return {x.slice(0, -1).elements(), x[-1], epsilon};
}

/// Positions of the op's inputs and outputs among the region's.
struct Places {
  explicit Places(const Region::Step& step, const Region& region) {
    for (const int value : step.inputs) inputs.push_back(position_of(region.inputs, value));
    for (const int value : step.outputs) outputs.push_back(position_of(region.outputs, value));
  }
  const float* in(const KernelContext& c, std::size_t i) const { return input<float>(c, inputs[i]); }
  float* out(const KernelContext& c, std::size_t i) const { return output<float>(c, outputs[i]); }
  std::vector<int> inputs, outputs;
};

/// Inputs and outputs of the data's shape, float32 or bfloat16.
Numbers numbers(const KernelContext& c, int position, bool half) {
  return half ? Numbers(input<bfloat16>(c, position)) : Numbers(input<float>(c, position));
}
Results results(const KernelContext& c, int position, bool half) {
  return half ? Results(output<bfloat16>(c, position)) : Results(output<float>(c, position));
}

/// What follows a normalisation: a tensor of its shape is added, a ReLU, or both in that order.
struct Epilogue {
  int residual = -1;  ///< position among the region's inputs
  const UnaryOp* relu = nullptr;
  int result = -1;
};

std::variant<Epilogue, Declined> read_epilogue(const Region& region) {
  Epilogue e;
  e.result = region.steps[0].outputs[0];
  std::size_t step = 1;
  const auto go_on = [&] {
    // What is between the steps must not be read outside.
    const bool inner = position_of(region.outputs, e.result) < 0;
    e.result = region.steps[step++].outputs[0];
    return inner;
  };
  if (const auto* add = op_as<BinaryOp>(region, step)) {
    const std::vector<int>& terms = region.steps[step].inputs;
    const int other = terms[terms[0] == e.result ? 1 : 0];
    e.residual = position_of(region.inputs, other);
    if (add->kind != BinaryKind::add || e.residual < 0 ||
        !(spec_of(region, other) == spec_of(region, e.result)))
      return decline("step {} adds no tensor of the result's shape", step);
    if (!go_on()) return decline("an inner value is read outside");
  }
  if (const auto* relu = op_as<UnaryOp>(region, step)) {
    if (!relu->is_clipped_relu()) return decline("the activation is no ReLU without slope and threshold");
    e.relu = relu;
    if (!go_on()) return decline("an inner value is read outside");
  }
  if (step != region.steps.size())
    return decline("takes no {} as step {}", region.steps[step].op->class_name(), step);
  return e;
}

class Training final : public Kernel {
 public:
  Training(const BatchNormShape& shape, Places places, const Epilogue& epilogue, int y, bool half)
      : shape_(shape), p_(std::move(places)), residual_(epilogue.residual), y_(y), half_(half) {
    if (epilogue.relu == nullptr) return;
    fixed_.relu = true;
    const double largest = epilogue.relu->parameters.beta;
    if (largest > 0) fixed_.largest = static_cast<float>(largest);
  }
  std::string_view name() const override {
    if (residual_ >= 0)
      return fixed_.relu ? "batch_norm_training:two_pass+residual+relu"
                         : "batch_norm_training:two_pass+residual";
    return fixed_.relu ? "batch_norm_training:two_pass+relu" : "batch_norm_training:two_pass";
  }
  std::size_t workspace_bytes() const override { return batch_norm_workspace(shape_); }
  void run(const KernelContext& c) const override {
    BatchNormEpilogue epilogue = fixed_;
    epilogue.residual = numbers(c, residual_, half_);
    batch_norm_training(shape_,
                        {numbers(c, p_.inputs[0], half_), p_.in(c, 1), p_.in(c, 2), results(c, y_, half_),
                         p_.out(c, 1), p_.out(c, 2), epilogue},
                        c.workspace, c.threads);
  }

 private:
  BatchNormShape shape_;
  Places p_;
  int residual_, y_;
  bool half_;
  BatchNormEpilogue fixed_;
};

class Backward final : public Kernel {
 public:
  Backward(const BatchNormShape& shape, Places places, bool half)
      : shape_(shape), p_(std::move(places)), half_(half) {}
  /// With the gradient of a ReLU before it: its positions among the region's inputs and outputs.
  struct Relu {
    int after = -1, dy = -1, masked = -1;
    float largest = std::numeric_limits<float>::infinity();
  };
  Backward(const BatchNormShape& shape, Places places, bool half, const Relu& relu)
      : shape_(shape), p_(std::move(places)), half_(half), relu_(relu) {}
  std::string_view name() const override {
    return relu_.after < 0 ? "batch_norm_backward:two_pass" : "batch_norm_backward:relu+two_pass";
  }
  std::size_t workspace_bytes() const override { return batch_norm_workspace(shape_); }
  void run(const KernelContext& c) const override {
    BatchNormGradients g{numbers(c, p_.inputs[0], half_),
                         p_.in(c, 1),
                         p_.in(c, 2),
                         p_.in(c, 3),
                         numbers(c, p_.inputs[4], half_),
                         results(c, p_.outputs[0], half_),
                         p_.out(c, 1),
                         p_.out(c, 2)};
    if (relu_.after >= 0) {
      g.after = numbers(c, relu_.after, half_);
      g.largest = relu_.largest;
      g.dy = numbers(c, relu_.dy, half_);
      g.masked_dy = results(c, relu_.masked, half_);
    }
    batch_norm_backward(shape_, g, c.workspace, c.threads);
  }

 private:
  BatchNormShape shape_;
  Places p_;
  bool half_;
  Relu relu_;
};

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

}  // namespace

Implementation make_batch_norm_training(const Region& region) {
  if (const char* why = reason(region, 0)) return Declined{why};
  const auto epilogue = read_epilogue(region);
  if (const auto* declined = std::get_if<Declined>(&epilogue)) return *declined;
  const auto& read = std::get<Epilogue>(epilogue);
  return std::make_unique<Training>(shape_of(region, 0, op_as<BatchNormTrainingOp>(region, 0)->epsilon),
                                    Places(region.steps[0], region), read,
                                    position_of(region.outputs, read.result), is_half(region, 0));
}

Implementation make_batch_norm_backward(const Region& region) {
  if (region.steps.size() != 1) return decline("takes the op alone");
  if (const char* why = reason(region, 0)) return Declined{why};
  return std::make_unique<Backward>(shape_of(region, 0, op_as<BatchNormBackwardOp>(region, 0)->epsilon),
                                    Places(region.steps[0], region), is_half(region, 0));
}

Implementation make_relu_batch_norm_backward(const Region& region) {
  const auto* normalisation = op_as<BatchNormBackwardOp>(region, 1);
  if (region.steps.size() != 2 || normalisation == nullptr)
    return decline("takes the gradients of a ReLU and a batch normalisation");
  Backward::Relu relu;
  // Those whose gradient follows from their result.
  const auto& op = *op_as<UnaryBackwardOp>(region, 0);
  if (!op.is_plain_relu() && !op.is_relu6()) return decline("the activation is neither ReLU nor ReLU6");
  if (op.is_relu6()) relu.largest = static_cast<float>(op.parameters.beta);
  const Region::Step &first = region.steps[0], &second = region.steps[1];
  if (second.inputs[4] != first.outputs[0] || second.inputs[0] == first.outputs[0])
    return decline("the normalisation does not read the ReLU's gradient as its own");
  if (const char* why = reason(region, 1)) return Declined{why};
  relu.after = position_of(region.inputs, first.inputs[0]);
  relu.dy = position_of(region.inputs, first.inputs[1]);
  relu.masked = position_of(region.outputs, first.outputs[0]);
  return std::make_unique<Backward>(shape_of(region, 1, normalisation->epsilon), Places(second, region),
                                    is_half(region, 1), relu);
}

}  // namespace fovea::cpu
