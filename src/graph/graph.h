#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "ops/op.h"

namespace fovea {

/// Ops and values, in an order in which they can be executed.
class Graph final : public GraphBuilder {
 public:
  enum class Source : std::uint8_t { op, feed, constant, variable };
  struct Node {
    std::shared_ptr<const Op> op;
    std::vector<Value> inputs, outputs;
  };
  struct ValueInfo {
    TensorSpec spec;
    Source source = Source::op;
    std::int32_t index = -1;  ///< of the node, feed, constant or variable it comes from
  };
  struct Feed {
    std::string name;
    Value value;
  };
  struct Assignment {
    Variable variable;
    Value value;
  };

  std::vector<Value> emit(std::shared_ptr<const Op> op, std::span<const Value> inputs) override;
  const TensorSpec& spec(Value value) const override { return info(value).spec; }
  Value feed(std::string_view name, const TensorSpec& spec) override;
  Value constant(Tensor value) override;
  Value variable(const Variable& variable) override;
  void assign(const Variable& variable, Value value) override;
  const Op* producer(Value value) const override;
  std::span<const Value> producer_inputs(Value value) const override;

  /// What a run hands back, in this order.
  void add_output(Value value) { outputs_.push_back(value); }

  const ValueInfo& info(Value value) const;
  std::size_t value_count() const { return values_.size(); }
  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<Feed>& feeds() const { return feeds_; }
  const std::vector<Tensor>& constants() const { return constants_; }
  const std::vector<Variable>& variables() const { return variables_; }
  const std::vector<Assignment>& assignments() const { return assignments_; }
  const std::vector<Value>& outputs() const { return outputs_; }

 private:
  Value add_value(const TensorSpec& spec, Source source, std::size_t index);

  std::deque<ValueInfo> values_;  ///< a deque, so that the reference spec() gives outlives later emits
  std::vector<Node> nodes_;
  std::vector<Feed> feeds_;
  std::vector<Tensor> constants_;
  std::vector<Variable> variables_;
  std::map<const void*, Value> variable_values_;
  std::vector<Assignment> assignments_;
  std::vector<Value> outputs_;
};

/// Extends the graph by the gradient of `target` (a scalar) with respect to each source: a feed, a variable
/// or any inner value. A source that target does not depend on gets an empty Value.
std::vector<Value> gradients(Graph& graph, Value target, std::span<const Value> sources);

}  // namespace fovea
