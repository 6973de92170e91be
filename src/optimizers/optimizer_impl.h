#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "fovea/fields.h"
#include "fovea/graph.h"
#include "fovea/optimizers.h"
#include "ops/optimizer_update.h"

namespace fovea {

/// Options and state of an optimizer: the steps taken, the learning rate, and for each trained variable its
/// slots.
class OptimizerImpl : public Configurable {
 public:
  OptimizerImpl();

  /// Keras' options.
  void fields(FieldVisitor& visitor) override;
  /// The op of one step, with the options.
  virtual std::shared_ptr<OptimizerUpdate> update() const = 0;
  /// Names of a variable's slots in the order in which update() takes them: "momentum", "velocity".
  virtual std::vector<std::string> slot_names() const = 0;
  /// What its elements are before the first step.
  virtual double slot_start(std::size_t /*slot*/) const { return 0; }
  /// How many of them Keras stores variable by variable; the others follow, slot by slot.
  virtual std::size_t interleaved_slots() const { return 1; }
  /// A scalar that all variables share, of their dtype, which Keras stores last; or none.
  virtual Variable shared_scalar(DType /*dtype*/) { return {}; }
  /// Emits its next value, which the step reads, from what it is.
  virtual Value next_shared_scalar(GraphBuilder& /*b*/, Value /*iteration*/, Value scalar) const {
    return scalar;
  }
  /// Throws Error for options that contradict each other.
  virtual void check() const;

  /// What to differentiate for lower(): the loss, scaled if that was asked for.
  Value scale_loss(GraphBuilder& b, Value loss) const;
  /// Emits a step over what `learning_rate_feed` and `iteration_feed` name; variables and slots are assigned.
  /// A variable without a gradient stays as it is.
  void lower(GraphBuilder& b, std::span<const Variable> variables, std::span<const Value> gradients);
  /// The slots of a variable, zeroed ones when it has none yet.
  const std::vector<Variable>& slots_of(const Variable& variable);
  /// Everything a file keeps, in Keras' order: iteration, learning rate unless it is scheduled, averages,
  /// sums of gradients, the slots of `trained`, what they share.
  std::vector<Variable> variables(std::span<const Variable> trained);
  /// What one of these is before the first step.
  Tensor start_of(const Variable& variable) const;
  /// With use_ema: the variables take their averages, where there are some.
  void finalize(std::span<const Variable> variables) const;
  /// Has a step been taken, or a state been read?
  bool has_slots() const { return !slots_.empty(); }

  std::string name;
  std::optional<double> weight_decay, clipnorm, global_clipnorm, clipvalue;
  bool use_ema = false;
  double ema_momentum = 0.99;
  std::optional<std::int64_t> ema_overwrite_frequency, gradient_accumulation_steps;
  std::optional<double> loss_scale_factor;
  Variable iterations;            ///< int64 scalar, batches trained on
  Variable learning_rate;         ///< scalar of the type that floatx() was when it was made
  LearningRateSchedule schedule;  ///< in place of it, if there is one

  /// Of the next step.
  double rate() const;
  void set_rate(double rate);
  /// A number or a schedule in place of what there was.
  void set_rate(const LearningRate& rate);
  /// Batches whose gradients make a step.
  std::int64_t accumulation_steps() const {
    return gradient_accumulation_steps && *gradient_accumulation_steps > 0 ? *gradient_accumulation_steps : 1;
  }

 private:
  /// Tells `update` how gradients are clipped; what is returned are the scalars that it reads for that: a
  /// divisor for each gradient, or one factor, or none.
  std::vector<Value> clip(GraphBuilder& b, std::span<const Value> gradients, OptimizerUpdate& update) const;
  /// The gradients' means over several batches, and their sums assigned.
  std::vector<Value> accumulate(GraphBuilder& b, std::span<const Variable> variables,
                                std::span<const Value> gradients);
  /// One step of the chosen variables, by their numbers; their new values are put into `updated`.
  void emit_update(GraphBuilder& b, const std::shared_ptr<OptimizerUpdate>& op,
                   std::span<const std::size_t> chosen, std::span<const Variable> variables,
                   std::span<const Value> gradients, std::span<const Value> clips, Value shared,
                   std::vector<Value>& updated);
  /// Averages of the variables' new values, which may take their place.
  void average(GraphBuilder& b, std::span<const Variable> variables, std::vector<Value>& updated);
  /// The average of a variable's values; it begins as the variable is now.
  const Variable& average_of(const Variable& variable);
  const Variable& gradient_sum_of(const Variable& variable);

  std::map<const void*, std::vector<Variable>> slots_;
  std::map<const void*, Variable> averages_, gradient_sums_;
  std::map<const void*, double> starts_;  ///< of slots that do not begin at 0
};

/// Feeds of a step: the rate, a scalar of the variables' dtype, and the number of this step, int64, counted
/// from 1.
inline constexpr const char* kLearningRateFeed = "learning_rate";
inline constexpr const char* kIterationFeed = "iteration";

/// Visits an optimizer as a nested object.
void field(FieldVisitor& visitor, std::string_view name, Optimizer& value);

}  // namespace fovea
