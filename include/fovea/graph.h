#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "fovea/tensor.h"
#include "fovea/variable.h"

namespace fovea {

class Op;

/// A tensor that a graph will compute; meaningful only together with the graph it came from.
struct Value {
  std::int32_t id = -1;
  explicit operator bool() const { return id >= 0; }
  bool operator==(const Value&) const = default;
};

/// Adds ops to a graph. Layers lower to it, losses and optimizers too; the functions of fovea/ops.h emit
/// through it. All sizes are known here: lowering happens for one batch size.
class GraphBuilder {
 public:
  virtual ~GraphBuilder() = default;
  virtual std::vector<Value> emit(std::shared_ptr<const Op> op, std::span<const Value> inputs) = 0;
  /// Stays valid as long as the graph.
  virtual const TensorSpec& spec(Value value) const = 0;

  /// What the caller hands in at each step, by name: "x", "learning_rate". Asked for twice, it is the same
  /// value.
  virtual Value feed(std::string_view name, const TensorSpec& spec) = 0;
  virtual Value constant(Tensor value) = 0;
  virtual Value variable(const Variable& variable) = 0;
  /// At the end of the step the variable takes this value. Readers in the step see the old one.
  virtual void assign(const Variable& variable, Value value) = 0;

  /// Ops that are emitted between these two belong to the layer of that name, which reports of plans show;
  /// inside of another layer, to "outer/inner".
  virtual void begin_layer(std::string_view /*name*/) {}
  virtual void end_layer() {}

  /// The op that computes `value` and what it reads; null and empty for feeds, constants and variables.
  virtual const Op* producer(Value value) const = 0;
  virtual std::span<const Value> producer_inputs(Value value) const = 0;

  /// Values with their axes in another order that were made before, by value and order, so that models of
  /// channels first turn nothing twice.
  std::map<std::pair<std::int32_t, std::vector<std::int64_t>>, Value> turned;
};

}  // namespace fovea
