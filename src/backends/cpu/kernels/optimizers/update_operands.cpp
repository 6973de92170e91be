#include "backends/cpu/kernels/optimizers/update_operands.h"

#include <cmath>

#include "backends/cpu/kernel_list.h"

namespace fovea::cpu {
namespace {

UpdateStep step_of(const SgdUpdateOp& op, float rate, std::int64_t) {
  return SgdStep{rate, static_cast<float>(op.weight_decay), static_cast<float>(op.momentum), op.nesterov};
}

UpdateStep step_of(const RmspropUpdateOp& op, float rate, std::int64_t) {
  return RmspropStep{rate,
                     static_cast<float>(op.weight_decay),
                     static_cast<float>(op.rho),
                     static_cast<float>(1 - op.rho),
                     static_cast<float>(op.momentum),
                     static_cast<float>(op.epsilon),
                     op.centered};
}

UpdateStep step_of(const AdamUpdateOp& op, float rate, std::int64_t iteration) {
  const auto beta_1 = static_cast<float>(op.beta_1), beta_2 = static_cast<float>(op.beta_2);
  const auto t = static_cast<float>(iteration);
  const float corrected = rate * std::sqrt(1 - std::pow(beta_2, t)) / (1 - std::pow(beta_1, t));
  return AdamStep{rate,
                  static_cast<float>(op.weight_decay),
                  corrected,
                  static_cast<float>(1 - op.beta_1),
                  static_cast<float>(1 - op.beta_2),
                  static_cast<float>(op.epsilon),
                  op.amsgrad};
}

std::variant<SgdUpdateOp, RmspropUpdateOp, AdamUpdateOp> op_of(const Region& region, std::size_t step) {
  if (const auto* sgd = op_as<SgdUpdateOp>(region, step)) return *sgd;
  if (const auto* rmsprop = op_as<RmspropUpdateOp>(region, step)) return *rmsprop;
  return dynamic_cast<const AdamUpdateOp&>(*region.steps[step].op);
}

}  // namespace

UpdateOperands::UpdateOperands(const Region& region, std::size_t index) : op_(op_of(region, index)) {
  const Region::Step& step = region.steps[index];
  const std::size_t kept = op().slots() + 1;
  rate_ = position_of(region.inputs, step.inputs[0]);
  iteration_ = position_of(region.inputs, step.inputs[1]);
  if (op().scaled) factor_ = position_of(region.inputs, step.inputs[2]);
  for (std::size_t v = 0; v < op().variables(step.inputs.size()); ++v) {
    const std::size_t first = op().head() + v * op().group();
    Places places{};
    for (std::size_t i = 0; i < kept; ++i) {
      places.from[i] = position_of(region.inputs, step.inputs[first + i]);
      places.to[i] = position_of(region.outputs, step.outputs[v * kept + i]);
    }
    places.gradient = position_of(region.inputs, step.inputs[first + kept]);
    if (op().clip_norm > 0) places.divisor = position_of(region.inputs, step.inputs[first + kept + 1]);
    places.elements = spec_of(region, step.outputs[v * kept]).shape.elements();
    places_.push_back(places);
  }
}

const OptimizerUpdate& UpdateOperands::op() const {
  return std::visit([](const OptimizerUpdate& op) -> const OptimizerUpdate& { return op; }, op_);
}

UpdateStep UpdateOperands::step(const KernelContext& c) const {
  return std::visit(
      [&](const auto& op) {
        return step_of(op, *input<float>(c, rate_), *input<std::int64_t>(c, iteration_));
      },
      op_);
}

UpdateRun UpdateOperands::whole(const KernelContext& c, std::size_t variable) const {
  const Places& places = places_[variable];
  UpdateRun run{};
  for (std::size_t i = 0; i <= op().slots(); ++i) {
    run.from[i] = input<float>(c, places.from[i]);
    run.to[i] = output<float>(c, places.to[i]);
  }
  run.gradient = input<float>(c, places.gradient);
  run.clip = clip_of(c, places);
  run.count = places.elements;
  return run;
}

GradientClip UpdateOperands::clip_of(const KernelContext& c, const Places& places) const {
  GradientClip clip;
  if (op().clip_value > 0) {
    clip.kind = GradientClip::Kind::value;
    clip.limit = static_cast<float>(op().clip_value);
  } else if (op().clip_norm > 0) {
    clip.kind = GradientClip::Kind::norm;
    clip.limit = static_cast<float>(op().clip_norm);
    clip.divisor = *input<float>(c, places.divisor);
  } else if (op().scaled) {
    clip.kind = GradientClip::Kind::factor;
    clip.limit = *input<float>(c, factor_);
  }
  return clip;
}

const char* reason_against_update(const Region& region, std::size_t step) {
  for (const int value : region.steps[step].outputs) {
    if (spec_of(region, value).dtype != DType::float32) return "takes float32 only";
    if (position_of(region.outputs, value) < 0) return "a new value is not read";
  }
  return nullptr;
}

}  // namespace fovea::cpu
