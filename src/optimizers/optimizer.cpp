#include <cmath>

#include "fovea/dtype_policy.h"
#include "ops/matmul.h"
#include "ops/shaping.h"
#include "optimizers/optimizer_support.h"

// The list of optimizers, and what they share. Source: keras/src/optimizers/base_optimizer.py.

namespace fovea {
namespace {

const std::vector<NamedClass<OptimizerImpl>>& classes() {
  static const std::vector<NamedClass<OptimizerImpl>> list{
      {"SGD", make_sgd},
      {"RMSprop", make_rmsprop, {"rmsprop"}},
      {"Adam", make_adam},
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

/// An option of Keras that only its default value of is known here.
template <class T>
void refuse_other(FieldVisitor& visitor, const OptimizerImpl& optimizer, const char* name, T standard) {
  T value = standard;
  visitor.field(name, value);
  if (value != standard) fail("Optimizer {}: the option '{}' is not supported", optimizer.class_name(), name);
}

}  // namespace

Optimizer::Optimizer(std::string_view name) : impl_(make_named("optimizer", classes(), name)) {}
const std::string& Optimizer::name() const { return require(*this).name; }
double Optimizer::learning_rate() const { return require(*this).rate(); }
void Optimizer::set_learning_rate(double rate) const { require(*this).set_rate(rate); }
std::int64_t Optimizer::iterations() const { return *require(*this).iterations.value().data<std::int64_t>(); }

void field(FieldVisitor& visitor, std::string_view name, Optimizer& value) {
  OptimizerSlot slot(value);
  visitor.field(name, slot);
}

OptimizerImpl::OptimizerImpl()
    : iterations("iteration", {{}, DType::int64}), learning_rate("learning_rate", {{}, floatx()}) {}

double OptimizerImpl::rate() const {
  const Tensor value = learning_rate.value();
  if (value.dtype() == DType::float64) return *value.data<double>();
  return static_cast<double>(*value.data<float>());
}

void OptimizerImpl::set_rate(double rate) {
  if (!std::isfinite(rate))
    fail("Optimizer {}: the learning rate must be finite. Received: {}", class_name(), rate);
  learning_rate.assign(Tensor::of<double>({}, {rate}));
}

void OptimizerImpl::fields(FieldVisitor& visitor) {
  visitor.field("name", name);
  double rate_value = rate();
  const double before = rate_value;
  visitor.field("learning_rate", rate_value);
  if (rate_value != before) set_rate(rate_value);
  visitor.field("weight_decay", weight_decay);
  visitor.field("clipnorm", clipnorm);
  visitor.field("global_clipnorm", global_clipnorm);
  visitor.field("clipvalue", clipvalue);
  refuse_other(visitor, *this, "use_ema", false);
  double ema_momentum = 0.99;  // without use_ema it means nothing
  visitor.field("ema_momentum", ema_momentum);
  refuse_other(visitor, *this, "ema_overwrite_frequency", std::optional<std::int64_t>{});
  refuse_other(visitor, *this, "loss_scale_factor", std::optional<double>{});
  refuse_other(visitor, *this, "gradient_accumulation_steps", std::optional<std::int64_t>{});
  check();
}

void OptimizerImpl::check() const {
  const int clips = (clipnorm ? 1 : 0) + (global_clipnorm ? 1 : 0) + (clipvalue ? 1 : 0);
  if (clips > 1)
    fail("Optimizer {}: only one of clipnorm, clipvalue and global_clipnorm can be set", class_name());
}

const std::vector<Variable>& OptimizerImpl::slots_of(const Variable& variable) {
  std::vector<Variable>& slots = slots_[variable.id()];
  if (slots.empty()) {
    for (const std::string& slot : slot_names())
      slots.emplace_back(variable.name() + "_" + slot, variable.spec());
  }
  return slots;
}

std::vector<Variable> OptimizerImpl::variables(std::span<const Variable> trained) {
  std::vector<Variable> result = {iterations, learning_rate};
  const std::size_t count = slot_names().size(), together = std::min(interleaved_slots(), count);
  for (const Variable& variable : trained) {
    const std::vector<Variable>& slots = slots_of(variable);
    result.insert(result.end(), slots.begin(), slots.begin() + static_cast<std::ptrdiff_t>(together));
  }
  for (std::size_t i = together; i < count; ++i) {
    for (const Variable& variable : trained) result.push_back(slots_of(variable)[i]);
  }
  return result;
}

std::vector<Value> OptimizerImpl::clip(GraphBuilder& b, std::span<const Value> gradients,
                                       OptimizerUpdate& update) const {
  const auto number = [&](Value like, double value) {
    return b.constant(Tensor::of<double>({}, {value}).astype(b.spec(like).dtype));
  };
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
      scalars.push_back(ops::maximum(b, ops::unary(b, "sqrt", square_sum(g)), number(g, *clipnorm)));
  } else if (global_clipnorm && *global_clipnorm > 0) {
    // g * (limit * min(1 / norm, 1 / limit)); norm - norm makes all of them NaN when the norm is not finite.
    update.scaled = true;
    Value total;
    for (const Value g : gradients) total = total ? ops::add(b, total, square_sum(g)) : square_sum(g);
    const Value norm = ops::unary(b, "sqrt", total), one = number(norm, 1);
    const Value limit = number(norm, *global_clipnorm);
    const Value inverse = ops::minimum(b, ops::divide(b, one, norm), number(norm, 1 / *global_clipnorm));
    scalars.push_back(ops::add(b, ops::multiply(b, limit, inverse), ops::subtract(b, norm, norm)));
  } else if (clipvalue && *clipvalue > 0) {
    update.clip_value = *clipvalue;
  }
  return scalars;
}

void OptimizerImpl::lower(GraphBuilder& b, std::span<const Variable> variables,
                          std::span<const Value> gradients) {
  std::vector<Variable> trained;
  std::vector<Value> present;
  for (std::size_t i = 0; i < variables.size(); ++i) {
    if (!gradients[i]) continue;
    trained.push_back(variables[i]);
    present.push_back(gradients[i]);
  }
  if (trained.empty()) return;
  const std::shared_ptr<OptimizerUpdate> op = update();
  op->weight_decay = weight_decay.value_or(0);
  const std::vector<Value> clips = clip(b, present, *op);

  // One op for all, but for those that a kernel may take together with the gradient.
  std::vector<std::size_t> together;
  for (std::size_t i = 0; i < trained.size(); ++i) {
    if (clips.empty() && is_large_product(b, present[i])) {
      emit_update(b, op, std::span(&i, 1), trained, present, clips);
    } else {
      together.push_back(i);
    }
  }
  if (!together.empty()) emit_update(b, op, together, trained, present, clips);
}

void OptimizerImpl::emit_update(GraphBuilder& b, const std::shared_ptr<OptimizerUpdate>& op,
                                std::span<const std::size_t> chosen, std::span<const Variable> variables,
                                std::span<const Value> gradients, std::span<const Value> clips) {
  std::vector<Value> inputs = {b.feed(kLearningRateFeed, {{}, variables[0].spec().dtype}),
                               b.feed(kIterationFeed, {{}, DType::int64})};
  if (op->scaled) inputs.push_back(clips[0]);
  std::vector<Variable> assigned;
  for (const std::size_t i : chosen) {
    assigned.push_back(variables[i]);
    for (const Variable& slot : slots_of(variables[i])) assigned.push_back(slot);
    for (std::size_t k = assigned.size() - op->slots() - 1; k < assigned.size(); ++k) {
      inputs.push_back(b.variable(assigned[k]));
    }
    inputs.push_back(gradients[i]);
    if (op->clip_norm > 0) inputs.push_back(clips[i]);
  }
  const std::vector<Value> outputs = b.emit(op, inputs);
  for (std::size_t i = 0; i < outputs.size(); ++i) b.assign(assigned[i], outputs[i]);
}

}  // namespace fovea
