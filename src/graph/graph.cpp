#include "graph/graph.h"

#include "ops/shaping.h"

namespace fovea {

Value Graph::add_value(const TensorSpec& spec, Source source, std::size_t index) {
  values_.push_back({spec, source, static_cast<std::int32_t>(index)});
  return {static_cast<std::int32_t>(values_.size() - 1)};
}

const Graph::ValueInfo& Graph::info(Value value) const {
  if (value.id < 0 || static_cast<std::size_t>(value.id) >= values_.size()) {
    fail("Graph: value {} is not one of its {} values", value.id, values_.size());
  }
  return values_[static_cast<std::size_t>(value.id)];
}

std::vector<Value> Graph::emit(std::shared_ptr<const Op> op, std::span<const Value> inputs) {
  const auto* const cast = dynamic_cast<const CastOp*>(op.get());
  const bool of_variable =
      cast != nullptr && inputs.size() == 1 && info(inputs[0]).source == Source::variable;
  if (of_variable) {
    const auto known = variable_casts_.find({inputs[0].id, cast->dtype});
    if (known != variable_casts_.end()) return {known->second};
  }
  std::vector<TensorSpec> specs;
  for (const Value input : inputs) specs.push_back(spec(input));
  const std::vector<TensorSpec> outputs = op->infer(specs);
  Node node{std::move(op), {inputs.begin(), inputs.end()}, {}, layer_};
  for (const TensorSpec& output : outputs)
    node.outputs.push_back(add_value(output, Source::op, nodes_.size()));
  if (of_variable) variable_casts_[{inputs[0].id, cast->dtype}] = node.outputs[0];
  nodes_.push_back(std::move(node));
  return nodes_.back().outputs;
}

Value Graph::feed(std::string_view name, const TensorSpec& spec) {
  for (const Feed& feed : feeds_) {
    if (feed.name != name) continue;
    if (!(this->spec(feed.value) == spec)) {
      fail("Graph: the feed '{}' is {}. Received: {}", name, this->spec(feed.value).str(), spec.str());
    }
    return feed.value;
  }
  const Value value = add_value(spec, Source::feed, feeds_.size());
  feeds_.push_back({std::string(name), value});
  return value;
}

Value Graph::constant(Tensor value) {
  const Value result = add_value(value.spec(), Source::constant, constants_.size());
  constants_.push_back(std::move(value));
  return result;
}

Value Graph::variable(const Variable& variable) {
  const auto [place, added] = variable_values_.try_emplace(variable.id());
  if (added) {
    place->second = add_value(variable.spec(), Source::variable, variables_.size());
    variables_.push_back(variable);
  }
  return place->second;
}

void Graph::assign(const Variable& variable, Value value) {
  if (!(spec(value) == variable.spec())) {
    fail("Variable '{}' is {}. Received: an assignment of {}", variable.name(), variable.spec().str(),
         spec(value).str());
  }
  for (const Assignment& earlier : assignments_) {
    if (earlier.variable == variable) fail("Variable '{}': assigned twice in one step", variable.name());
  }
  this->variable(variable);
  assignments_.push_back({variable, value});
}

void Graph::reassign(const Variable& variable, const std::function<Value(Value)>& change) {
  for (std::size_t i = 0; i < assignments_.size(); ++i) {
    if (!(assignments_[i].variable == variable)) continue;
    const Value value = change(assignments_[i].value);
    assignments_[i].value = value;
    return;
  }
  assign(variable, change(this->variable(variable)));
}

void Graph::begin_layer(std::string_view name) {
  outer_layers_.push_back(layer_.size());
  if (!layer_.empty()) layer_ += '/';
  layer_ += name;
}

void Graph::end_layer() {
  if (outer_layers_.empty()) fail("Graph: end_layer without begin_layer");
  layer_.resize(outer_layers_.back());
  outer_layers_.pop_back();
}

void Graph::swap_nodes(std::size_t first, std::size_t second) {
  Node &before = nodes_[first], &after = nodes_[second];
  const Value between = before.outputs[0], result = after.outputs[0];
  std::swap(before.op, after.op);
  values_[static_cast<std::size_t>(between.id)].spec = info(result).spec;
  before.outputs = after.outputs;
  before.outputs[0] = between;
  after.outputs = {result};
  for (const Value output : before.outputs)
    values_[static_cast<std::size_t>(output.id)].index = static_cast<std::int32_t>(first);
}

void Graph::replace_node(std::size_t node, std::shared_ptr<const Op> op, std::vector<Value> inputs) {
  std::vector<TensorSpec> given, wanted;
  for (const Value input : inputs) given.push_back(spec(input));
  for (const Value output : nodes_[node].outputs) wanted.push_back(spec(output));
  if (op->infer(given) != wanted)
    fail("Graph: op {} computes something else than node {}", op->class_name(), node);
  nodes_[node].op = std::move(op);
  nodes_[node].inputs = std::move(inputs);
}

std::vector<bool> fixed_values(const Graph& graph) {
  std::vector<bool> fixed(graph.value_count());
  for (std::size_t i = 0; i < graph.value_count(); ++i) {
    const Graph::Source source = graph.info({static_cast<std::int32_t>(i)}).source;
    fixed[i] = source == Graph::Source::variable || source == Graph::Source::constant;
  }
  for (const Graph::Node& node : graph.nodes()) {
    bool all = !node.inputs.empty();
    for (const Value input : node.inputs) all = all && fixed[static_cast<std::size_t>(input.id)];
    for (const Value output : node.outputs) fixed[static_cast<std::size_t>(output.id)] = all;
  }
  return fixed;
}

const Op* Graph::producer(Value value) const {
  const ValueInfo& from = info(value);
  return from.source == Source::op ? nodes_[static_cast<std::size_t>(from.index)].op.get() : nullptr;
}

std::span<const Value> Graph::producer_inputs(Value value) const {
  const ValueInfo& from = info(value);
  if (from.source != Source::op) return {};
  return nodes_[static_cast<std::size_t>(from.index)].inputs;
}

}  // namespace fovea
