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

  /// Keras' options; those that fovea does not have are written as Keras' defaults, and refused with other
  /// values.
  void fields(FieldVisitor& visitor) override;
  /// The op of one step, with the options.
  virtual std::shared_ptr<OptimizerUpdate> update() const = 0;
  /// Names of a variable's slots in the order in which update() takes them: "momentum", "velocity".
  virtual std::vector<std::string> slot_names() const = 0;
  /// How many of them Keras stores variable by variable; the others follow, slot by slot.
  virtual std::size_t interleaved_slots() const { return 1; }
  /// Throws Error for options that contradict each other.
  void check() const;

  /// Emits a step over what `learning_rate_feed` and `iteration_feed` name; variables and slots are assigned.
  /// A variable without a gradient stays as it is.
  void lower(GraphBuilder& b, std::span<const Variable> variables, std::span<const Value> gradients);
  /// The slots of a variable, zeroed ones when it has none yet.
  const std::vector<Variable>& slots_of(const Variable& variable);
  /// Everything a file keeps, in Keras' order: iteration, learning rate, the slots of `trained`.
  std::vector<Variable> variables(std::span<const Variable> trained);
  /// Has a step been taken, or a state been read?
  bool has_slots() const { return !slots_.empty(); }

  std::string name;
  std::optional<double> weight_decay, clipnorm, global_clipnorm, clipvalue;
  Variable iterations;     ///< int64 scalar, steps taken
  Variable learning_rate;  ///< scalar of the type that floatx() was when it was made

  double rate() const;
  void set_rate(double rate);

 private:
  /// Tells `update` how gradients are clipped; what is returned are the scalars that it reads for that: a
  /// divisor for each gradient, or one factor, or none.
  std::vector<Value> clip(GraphBuilder& b, std::span<const Value> gradients, OptimizerUpdate& update) const;
  /// One step of the chosen variables, by their numbers.
  void emit_update(GraphBuilder& b, const std::shared_ptr<OptimizerUpdate>& op,
                   std::span<const std::size_t> chosen, std::span<const Variable> variables,
                   std::span<const Value> gradients, std::span<const Value> clips);

  std::map<const void*, std::vector<Variable>> slots_;
};

/// Feeds of a step: the rate, a scalar of the variables' dtype, and the number of this step, int64, counted
/// from 1.
inline constexpr const char* kLearningRateFeed = "learning_rate";
inline constexpr const char* kIterationFeed = "iteration";

/// Visits an optimizer as a nested object.
void field(FieldVisitor& visitor, std::string_view name, Optimizer& value);

}  // namespace fovea
