#pragma once

#include <deque>
#include <functional>
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
    std::string layer = {};  ///< whose op it is, or whose gradient; empty: no layer's
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

  /// A variable is cast to a type once, however often that is asked for.
  std::vector<Value> emit(std::shared_ptr<const Op> op, std::span<const Value> inputs) override;
  const TensorSpec& spec(Value value) const override { return info(value).spec; }
  Value feed(std::string_view name, const TensorSpec& spec) override;
  Value constant(Tensor value) override;
  Value variable(const Variable& variable) override;
  void assign(const Variable& variable, Value value) override;
  void begin_layer(std::string_view name) override;
  void end_layer() override;
  /// The variable gets what `change` makes of the value assigned to it; one that nothing is assigned to, of
  /// its own.
  void reassign(const Variable& variable, const std::function<Value(Value)>& change);
  /// What is emitted from here on belongs to that layer.
  void set_layer(const std::string& layer) { layer_ = layer; }
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

  /// Puts an elementwise op behind the op that reads it. `second` reads nothing but `first`, and nothing else
  /// reads that; both read one value. The value between them is another one afterwards, the others keep
  /// their places.
  void swap_nodes(std::size_t first, std::size_t second);
  /// The node's outputs are computed by another op from other inputs, all made before it. Throws Error unless
  /// the specs stay.
  void replace_node(std::size_t node, std::shared_ptr<const Op> op, std::vector<Value> inputs);

 private:
  Value add_value(const TensorSpec& spec, Source source, std::size_t index);

  std::deque<ValueInfo> values_;  ///< a deque, so that the reference spec() gives outlives later emits
  std::vector<Node> nodes_;
  std::vector<Feed> feeds_;
  std::vector<Tensor> constants_;
  std::vector<Variable> variables_;
  std::map<const void*, Value> variable_values_;
  std::map<std::pair<std::int32_t, DType>, Value> variable_casts_;
  std::vector<Assignment> assignments_;
  std::vector<Value> outputs_;
  std::string layer_;                      ///< of the ops that are emitted
  std::vector<std::size_t> outer_layers_;  ///< lengths of its outer parts
};

/// Where a max pooling alone reads a ReLU, the ReLU comes after it: the largest element is the same, the ReLU
/// has fewer elements, and no gradient needs the map before the pooling any more. Equal bits, forward and
/// backward: only the first of several zeros may not be the one that a zero gradient goes to. `kept` are
/// values that will be read outside.
void sink_relus(Graph& graph, std::span<const Value> kept);

/// Behind the gradients: where the slope of a ReLU after a max pooling is all that a gradient reads before
/// the pooling's, the pooling marks the windows that the ReLU cuts off, and the slope's op and its reads are
/// gone.
void mark_dead_windows(Graph& graph);

/// Convolutions take the zero paddings in front of them into their own. Equal but for weights that are not
/// finite.
void fold_paddings(Graph& graph);

/// Per value: does it follow from variables and constants alone?
std::vector<bool> fixed_values(const Graph& graph);

/// The same graph where a convolution or matrix product by fixed weights, those that follow from variables
/// and constants, takes in the fixed factors and offsets of its filters that follow it: a bias, a
/// BatchNormalization that infers. For programs that do not differentiate; results differ in rounding.
Graph fold_affines(const Graph& graph);

/// Does row i of every output follow from row i of the feeds alone, so that a batch may run in parts? False
/// where it cannot be told.
bool is_sample_wise(const Graph& graph);

/// Extends the graph by the gradient of `target` (a scalar) with respect to each source: a feed, a variable
/// or any inner value. A source that target does not depend on gets an empty Value.
std::vector<Value> gradients(Graph& graph, Value target, std::span<const Value> sources);

}  // namespace fovea
