#include "backends/cpu/kernels/optimizers/update_operands.h"

#include <cmath>

#include "backends/cpu/kernel_list.h"

namespace fovea::cpu {
namespace {

/// What a step is made of beside its options.
struct StepInputs {
  float rate;
  std::int64_t step;  ///< counted from 1
  float own_scalar;
};

// The reference's arithmetic on scalars, in the same order.

float powered(double base, float exponent) { return std::pow(static_cast<float>(base), exponent); }

UpdateStep step_of(const SgdUpdateOp& op, const StepInputs& in) {
  return SgdStep{in.rate, static_cast<float>(op.weight_decay), static_cast<float>(op.momentum), op.nesterov};
}

UpdateStep step_of(const RmspropUpdateOp& op, const StepInputs& in) {
  return RmspropStep{in.rate,
                     static_cast<float>(op.weight_decay),
                     static_cast<float>(op.rho),
                     static_cast<float>(1 - op.rho),
                     static_cast<float>(op.momentum),
                     static_cast<float>(op.epsilon),
                     op.centered};
}

UpdateStep step_of(const AdamUpdateOp& op, const StepInputs& in) {
  const auto t = static_cast<float>(in.step);
  const float corrected = in.rate * std::sqrt(1 - powered(op.beta_2, t)) / (1 - powered(op.beta_1, t));
  return AdamStep{in.rate,
                  static_cast<float>(op.weight_decay),
                  corrected,
                  static_cast<float>(1 - op.beta_1),
                  static_cast<float>(1 - op.beta_2),
                  static_cast<float>(op.epsilon),
                  op.amsgrad};
}

UpdateStep step_of(const AdagradUpdateOp& op, const StepInputs& in) {
  return AdagradStep{in.rate, static_cast<float>(op.weight_decay), static_cast<float>(op.epsilon)};
}

UpdateStep step_of(const AdadeltaUpdateOp& op, const StepInputs& in) {
  return AdadeltaStep{in.rate, static_cast<float>(op.weight_decay), static_cast<float>(op.rho),
                      static_cast<float>(1 - op.rho), static_cast<float>(op.epsilon)};
}

UpdateStep step_of(const AdamaxUpdateOp& op, const StepInputs& in) {
  return AdamaxStep{in.rate,
                    static_cast<float>(op.weight_decay),
                    static_cast<float>(1 - op.beta_1),
                    static_cast<float>(op.beta_2),
                    1 - powered(op.beta_1, static_cast<float>(in.step)),
                    static_cast<float>(op.epsilon)};
}

UpdateStep step_of(const NadamUpdateOp& op, const StepInputs& in) {
  const auto beta_1 = static_cast<float>(op.beta_1), t = static_cast<float>(in.step);
  const float u = beta_1 * (1 - 0.5F * powered(0.96, t)), next = beta_1 * (1 - 0.5F * powered(0.96, t + 1));
  return NadamStep{in.rate,
                   static_cast<float>(op.weight_decay),
                   1 - beta_1,
                   1 - static_cast<float>(op.beta_2),
                   next,
                   1 - in.own_scalar * next,
                   1 - u,
                   1 - in.own_scalar,
                   1 - powered(op.beta_2, t),
                   static_cast<float>(op.epsilon)};
}

UpdateStep step_of(const LionUpdateOp& op, const StepInputs& in) {
  const auto beta_1 = static_cast<float>(op.beta_1), beta_2 = static_cast<float>(op.beta_2);
  return LionStep{in.rate, static_cast<float>(op.weight_decay), beta_1, 1 - beta_1, beta_2, 1 - beta_2};
}

UpdateStep step_of(const FtrlUpdateOp& op, const StepInputs& in) {
  const float l2 = static_cast<float>(op.l2) + static_cast<float>(op.beta) / (2 * in.rate);
  return FtrlStep{in.rate, static_cast<float>(op.weight_decay), static_cast<float>(op.l1), 2 * l2,
                  static_cast<float>(2 * op.shrinkage)};
}

template <class... Ops>
std::variant<Ops...> op_of(const Op& op, std::variant<Ops...>*) {
  std::variant<Ops...> result;
  (void)((dynamic_cast<const Ops*>(&op) != nullptr && (result = dynamic_cast<const Ops&>(op), true)) || ...);
  return result;
}

}  // namespace

UpdateOperands::UpdateOperands(const Region& region, std::size_t index)
    : op_(op_of(*region.steps[index].op, static_cast<AnyUpdateOp*>(nullptr))) {
  const Region::Step& step = region.steps[index];
  const std::size_t kept = op().slots() + 1;
  rate_ = position_of(region.inputs, step.inputs[0]);
  iteration_ = position_of(region.inputs, step.inputs[1]);
  if (op().scaled) factor_ = position_of(region.inputs, step.inputs[2]);
  if (op().own_scalars() > 0) own_scalar_ = position_of(region.inputs, step.inputs[op().head() - 1]);
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

bool UpdateOperands::waits(const KernelContext& c) const {
  return op().waits(*input<std::int64_t>(c, iteration_));
}

UpdateStep UpdateOperands::step(const KernelContext& c) const {
  const StepInputs inputs{*input<float>(c, rate_), op().step_of(*input<std::int64_t>(c, iteration_)),
                          own_scalar_ < 0 ? 0.0F : *input<float>(c, own_scalar_)};
  return std::visit([&](const auto& op) { return step_of(op, inputs); }, op_);
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
  const auto* ftrl = dynamic_cast<const FtrlUpdateOp*>(region.steps[step].op);
  if (ftrl != nullptr && ftrl->power != -0.5) return "takes a learning-rate power of -1/2 only";
  for (const int value : region.steps[step].outputs) {
    if (spec_of(region, value).dtype != DType::float32) return "takes float32 only";
    if (position_of(region.outputs, value) < 0) return "a new value is not read";
  }
  return nullptr;
}

}  // namespace fovea::cpu
