#include <cmath>

#include "fovea/dtype_policy.h"
#include "ops/composites.h"
#include "ops/matmul.h"
#include "ops/shaping.h"
#include "optimizers/optimizer_support.h"

// The list of optimizers, and what they share. Source: keras/src/optimizers/base_optimizer.py.

namespace fovea {
namespace {

const std::vector<NamedClass<OptimizerImpl>>& classes() {
  static const std::vector<NamedClass<OptimizerImpl>> list{
      {"SGD", make_sgd},         {"RMSprop", make_rmsprop, {"rmsprop"}},
      {"Adam", make_adam},       {"AdamW", make_adamw, {"adamw"}},
      {"Adagrad", make_adagrad}, {"Adadelta", make_adadelta},
      {"Adamax", make_adamax},   {"Nadam", make_nadam},
      {"Lion", make_lion},       {"Ftrl", make_ftrl},
  };
  return list;
}

class OptimizerSlot final : public ObjectSlot {
 public:
  explicit OptimizerSlot(Optimizer& value) : value_(value) {}
  Configurable* get() override { return value_.impl().get(); }
  std::string_view module() const override { return "keras.optimizers"; }
  Configurable& make(std::string_view class_name) override {
    value_ = Optimizer(class_name);
    return *value_.impl();
  }
  void clear() override { value_ = {}; }

 private:
  Optimizer& value_;
};

/// The learning rate: a number, or a schedule.
class RateSlot final : public ObjectSlot {
 public:
  explicit RateSlot(OptimizerImpl& optimizer) : optimizer_(optimizer) {}
  Configurable* get() override { return optimizer_.schedule.impl().get(); }
  std::string_view module() const override { return "keras.optimizers.schedules"; }
  Configurable& make(std::string_view class_name) override {
    optimizer_.schedule = LearningRateSchedule(make_schedule(class_name));
    return *optimizer_.schedule.impl();
  }
  void clear() override {
    fail("Optimizer {}: the learning rate must be a number or a schedule. Received: null",
         optimizer_.class_name());
  }
  std::optional<double> number() const override {
    return optimizer_.schedule ? std::nullopt : std::optional(optimizer_.rate());
  }
  bool take_number(double number) override {
    if (optimizer_.schedule || number != optimizer_.rate()) optimizer_.set_rate(LearningRate(number));
    return true;
  }

 private:
  OptimizerImpl& optimizer_;
};

OptimizerImpl& require(const Optimizer& optimizer) {
  if (!optimizer) fail("Optimizer: an empty handle was used");
  return *optimizer.impl();
}

/// Is it a matrix product, cast perhaps, of so many elements that it would be gone from a core's caches
/// before a later pass reads it?
bool is_large_product(const GraphBuilder& b, Value gradient) {
  constexpr std::int64_t kLarge = 256 * 1024;
  if (b.spec(gradient).shape.elements() < kLarge) return false;
  const Op* op = b.producer(gradient);
  if (dynamic_cast<const CastOp*>(op) != nullptr) op = b.producer(b.producer_inputs(gradient)[0]);
  return dynamic_cast<const MatMulOp*>(op) != nullptr;
}

}  // namespace

Optimizer::Optimizer(std::string_view name) : impl_(make_named("optimizer", classes(), name)) {}
const std::string& Optimizer::name() const { return require(*this).name; }
double Optimizer::learning_rate() const { return require(*this).rate(); }
void Optimizer::set_learning_rate(double rate) const { require(*this).set_rate(rate); }
std::int64_t Optimizer::iterations() const {
  const OptimizerImpl& optimizer = require(*this);
  return *optimizer.iterations.value().data<std::int64_t>() / optimizer.accumulation_steps();
}

void field(FieldVisitor& visitor, std::string_view name, Optimizer& value) {
  OptimizerSlot slot(value);
  visitor.field(name, slot);
}

OptimizerImpl::OptimizerImpl()
    : iterations("iteration", {{}, DType::int64}), learning_rate("learning_rate", {{}, floatx()}) {}

double OptimizerImpl::rate() const {
  if (schedule) return schedule(*iterations.value().data<std::int64_t>());
  const Tensor value = learning_rate.value();
  if (value.dtype() == DType::float64) return *value.data<double>();
  return static_cast<double>(*value.data<float>());
}

void OptimizerImpl::set_rate(double rate) {
  if (schedule) {
    fail(
        "Optimizer {}: it was created with a LearningRateSchedule ({}) as its learning_rate, hence its "
        "learning rate is not settable. If you need it to be settable, create the optimizer with a number as "
        "learning_rate",
        class_name(), schedule.impl()->class_name());
  }
  if (!std::isfinite(rate))
    fail("Optimizer {}: the learning rate must be finite. Received: {}", class_name(), rate);
  learning_rate.assign(Tensor::of<double>({}, {rate}));
}

void OptimizerImpl::set_rate(const LearningRate& rate) {
  schedule = rate.schedule();
  if (!schedule) set_rate(rate.number());
}

void OptimizerImpl::fields(FieldVisitor& visitor) {
  visitor.field("name", name);
  RateSlot rate(*this);
  visitor.field("learning_rate", static_cast<ObjectSlot&>(rate));
  visitor.field("weight_decay", weight_decay);
  visitor.field("clipnorm", clipnorm);
  visitor.field("global_clipnorm", global_clipnorm);
  visitor.field("clipvalue", clipvalue);
  visitor.field("use_ema", use_ema);
  visitor.field("ema_momentum", ema_momentum);
  visitor.field("ema_overwrite_frequency", ema_overwrite_frequency);
  visitor.field("loss_scale_factor", loss_scale_factor);
  visitor.field("gradient_accumulation_steps", gradient_accumulation_steps);
  check();
}

void OptimizerImpl::check() const {
  const int clips = (clipnorm ? 1 : 0) + (global_clipnorm ? 1 : 0) + (clipvalue ? 1 : 0);
  if (clips > 1)
    fail("Optimizer {}: only one of clipnorm, clipvalue and global_clipnorm can be set", class_name());
  if (schedule) schedule.impl()->check();
  if (use_ema && !(ema_momentum >= 0 && ema_momentum <= 1))
    fail("Optimizer {}: ema_momentum must be in [0, 1]. Received: {}", class_name(), ema_momentum);
  if (use_ema && ema_overwrite_frequency && *ema_overwrite_frequency < 0) {
    fail("Optimizer {}: ema_overwrite_frequency must be at least 1. Received: {}", class_name(),
         *ema_overwrite_frequency);
  }
  if (loss_scale_factor && !(*loss_scale_factor > 0 && std::isfinite(*loss_scale_factor))) {
    fail("Optimizer {}: loss_scale_factor must be positive and finite. Received: {}", class_name(),
         *loss_scale_factor);
  }
  if (gradient_accumulation_steps && *gradient_accumulation_steps != 0 && *gradient_accumulation_steps < 2) {
    fail("Optimizer {}: gradient_accumulation_steps must be at least 2. Received: {}", class_name(),
         *gradient_accumulation_steps);
  }
}

const std::vector<Variable>& OptimizerImpl::slots_of(const Variable& variable) {
  std::vector<Variable>& slots = slots_[variable.id()];
  if (slots.empty()) {
    for (const std::string& slot : slot_names()) {
      const double start = slot_start(slots.size());
      slots.emplace_back(variable.name() + "_" + slot, variable.spec());
      if (start == 0) continue;
      starts_[slots.back().id()] = start;
      slots.back().assign(start_of(slots.back()));
    }
  }
  return slots;
}

Tensor OptimizerImpl::start_of(const Variable& variable) const {
  const Tensor value(variable.spec());
  const auto found = starts_.find(variable.id());
  if (found == starts_.end()) return value;
  const std::vector<double> elements(static_cast<std::size_t>(value.size()), found->second);
  return Tensor::of<double>(value.shape(), elements).astype(value.dtype());
}

const Variable& OptimizerImpl::average_of(const Variable& variable) {
  Variable& average = averages_[variable.id()];
  if (!average) {
    average = Variable(variable.name() + "_average", variable.spec());
    average.assign(variable.value());
  }
  return average;
}

const Variable& OptimizerImpl::gradient_sum_of(const Variable& variable) {
  Variable& sum = gradient_sums_[variable.id()];
  if (!sum) sum = Variable(variable.name() + "_gradient_accumulator", variable.spec());
  return sum;
}

void OptimizerImpl::finalize(std::span<const Variable> variables) const {
  for (Variable variable : variables) {
    const auto found = averages_.find(variable.id());
    if (found != averages_.end()) variable.assign(found->second.value());
  }
}

std::vector<Variable> OptimizerImpl::variables(std::span<const Variable> trained) {
  std::vector<Variable> result = {iterations};
  if (!schedule) result.push_back(learning_rate);
  for (const Variable& variable : trained) {
    if (use_ema) result.push_back(average_of(variable));
  }
  for (const Variable& variable : trained) {
    if (accumulation_steps() > 1) result.push_back(gradient_sum_of(variable));
  }
  const std::size_t count = slot_names().size(), together = std::min(interleaved_slots(), count);
  for (const Variable& variable : trained) {
    const std::vector<Variable>& slots = slots_of(variable);
    result.insert(result.end(), slots.begin(), slots.begin() + static_cast<std::ptrdiff_t>(together));
  }
  for (std::size_t i = together; i < count; ++i) {
    for (const Variable& variable : trained) result.push_back(slots_of(variable)[i]);
  }
  if (trained.empty()) return result;
  if (const Variable shared = shared_scalar(trained[0].spec().dtype)) {
    starts_[shared.id()] = 1;
    result.push_back(shared);
  }
  return result;
}

std::vector<Value> OptimizerImpl::clip(GraphBuilder& b, std::span<const Value> gradients,
                                       OptimizerUpdate& update) const {
  const auto square_sum = [&](Value g) {
    std::vector<std::int64_t> axes;
    for (std::size_t i = 0; i < b.spec(g).shape.rank(); ++i) axes.push_back(static_cast<std::int64_t>(i));
    return ops::reduce(b, ops::ReduceKind::sum, ops::unary(b, "square", g), axes);
  };
  std::vector<Value> scalars;
  if (clipnorm && *clipnorm > 0) {
    // g * limit / max(norm, limit), in this order.
    update.clip_norm = *clipnorm;
    for (const Value g : gradients)
      scalars.push_back(ops::maximum(b, ops::unary(b, "sqrt", square_sum(g)), scalar_like(b, g, *clipnorm)));
  } else if (global_clipnorm && *global_clipnorm > 0) {
    // g * (limit * min(1 / norm, 1 / limit)); norm - norm makes all of them NaN when the norm is not finite.
    update.scaled = true;
    Value total;
    for (const Value g : gradients) total = total ? ops::add(b, total, square_sum(g)) : square_sum(g);
    const Value norm = ops::unary(b, "sqrt", total), one = scalar_like(b, norm, 1);
    const Value limit = scalar_like(b, norm, *global_clipnorm);
    const Value inverse =
        ops::minimum(b, ops::divide(b, one, norm), scalar_like(b, norm, 1 / *global_clipnorm));
    scalars.push_back(ops::add(b, ops::multiply(b, limit, inverse), ops::subtract(b, norm, norm)));
  } else if (clipvalue && *clipvalue > 0) {
    update.clip_value = *clipvalue;
  }
  return scalars;
}

Value OptimizerImpl::scale_loss(GraphBuilder& b, Value loss) const {
  return loss_scale_factor ? ops::scale(b, loss, *loss_scale_factor) : loss;
}

void OptimizerImpl::lower(GraphBuilder& b, std::span<const Variable> variables,
                          std::span<const Value> gradients) {
  std::vector<Variable> trained;
  std::vector<Value> present;
  for (std::size_t i = 0; i < variables.size(); ++i) {
    if (!gradients[i]) continue;
    trained.push_back(variables[i]);
    present.push_back(loss_scale_factor
                          ? ops::divide(b, gradients[i], scalar_like(b, gradients[i], *loss_scale_factor))
                          : gradients[i]);
  }
  if (trained.empty()) return;
  const std::shared_ptr<OptimizerUpdate> op = update();
  op->weight_decay = weight_decay.value_or(0);
  op->accumulation_steps = accumulation_steps();
  if (op->accumulation_steps > 1) present = accumulate(b, trained, present);
  const std::vector<Value> clips = clip(b, present, *op);
  Value shared;
  if (const Variable scalar = shared_scalar(trained[0].spec().dtype)) {
    starts_[scalar.id()] = 1;
    shared = next_shared_scalar(b, b.feed(kIterationFeed, {{}, DType::int64}), b.variable(scalar));
    b.assign(scalar, shared);
  }

  // One op for all, but for those that a kernel may take together with the gradient.
  std::vector<std::size_t> together;
  std::vector<Value> updated(trained.size());
  for (std::size_t i = 0; i < trained.size(); ++i) {
    if (clips.empty() && is_large_product(b, present[i])) {
      emit_update(b, op, std::span(&i, 1), trained, present, clips, shared, updated);
    } else {
      together.push_back(i);
    }
  }
  if (!together.empty()) emit_update(b, op, together, trained, present, clips, shared, updated);
  if (use_ema) {
    // Averages are kept of variables without a gradient too.
    std::vector<Value> values;
    std::size_t next = 0;
    for (std::size_t i = 0; i < variables.size(); ++i)
      values.push_back(gradients[i] ? updated[next++] : b.variable(variables[i]));
    average(b, variables, values);
  } else {
    for (std::size_t i = 0; i < trained.size(); ++i) b.assign(trained[i], updated[i]);
  }
}

std::vector<Value> OptimizerImpl::accumulate(GraphBuilder& b, std::span<const Variable> variables,
                                             std::span<const Value> gradients) {
  auto op = std::make_shared<GradientAccumulationOp>();
  op->steps = accumulation_steps();
  std::vector<Value> inputs = {b.feed(kIterationFeed, {{}, DType::int64})}, means;
  for (std::size_t i = 0; i < variables.size(); ++i) {
    inputs.push_back(gradients[i]);
    inputs.push_back(b.variable(gradient_sum_of(variables[i])));
  }
  const std::vector<Value> outputs = b.emit(op, inputs);
  for (std::size_t i = 0; i < variables.size(); ++i) {
    means.push_back(outputs[2 * i]);
    b.assign(gradient_sum_of(variables[i]), outputs[2 * i + 1]);
  }
  return means;
}

void OptimizerImpl::emit_update(GraphBuilder& b, const std::shared_ptr<OptimizerUpdate>& op,
                                std::span<const std::size_t> chosen, std::span<const Variable> variables,
                                std::span<const Value> gradients, std::span<const Value> clips, Value shared,
                                std::vector<Value>& updated) {
  std::vector<Value> inputs = {b.feed(kLearningRateFeed, {{}, variables[0].spec().dtype}),
                               b.feed(kIterationFeed, {{}, DType::int64})};
  if (op->scaled) inputs.push_back(clips[0]);
  if (shared) inputs.push_back(shared);
  for (const std::size_t i : chosen) {
    inputs.push_back(b.variable(variables[i]));
    for (const Variable& slot : slots_of(variables[i])) inputs.push_back(b.variable(slot));
    inputs.push_back(gradients[i]);
    if (op->clip_norm > 0) inputs.push_back(clips[i]);
  }
  const std::vector<Value> outputs = b.emit(op, inputs);
  std::size_t next = 0;
  for (const std::size_t i : chosen) {
    updated[i] = outputs[next++];
    for (const Variable& slot : slots_of(variables[i])) b.assign(slot, outputs[next++]);
  }
}

void OptimizerImpl::average(GraphBuilder& b, std::span<const Variable> variables,
                            std::vector<Value>& updated) {
  auto op = std::make_shared<MovingAverageOp>();
  op->momentum = ema_momentum;
  op->overwrite_frequency = ema_overwrite_frequency.value_or(0);
  op->accumulation_steps = accumulation_steps();
  std::vector<Value> inputs = {b.feed(kIterationFeed, {{}, DType::int64})};
  for (std::size_t i = 0; i < variables.size(); ++i) {
    inputs.push_back(updated[i]);
    inputs.push_back(b.variable(average_of(variables[i])));
  }
  const std::vector<Value> outputs = b.emit(op, inputs);
  for (std::size_t i = 0; i < variables.size(); ++i) {
    b.assign(variables[i], outputs[2 * i]);
    b.assign(average_of(variables[i]), outputs[2 * i + 1]);
  }
}

}  // namespace fovea
