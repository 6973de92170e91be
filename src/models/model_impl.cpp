#include "models/model_impl.h"

#include <algorithm>

#include "core/philox.h"
#include "layers/size_limits.h"
#include "models/layer_order.h"

namespace fovea {

ModelImpl::ModelImpl(std::vector<SymbolicTensor> inputs, std::vector<SymbolicTensor> outputs, bool sequential)
    : inputs_(std::move(inputs)), outputs_(std::move(outputs)), sequential_(sequential) {
  if (inputs_.empty() || outputs_.empty()) fail("Model: needs at least one input and one output");
  sort_calls();
  layers_ = layers_in_keras_order(inputs_, outputs_);
  name_layers();
}

void ModelImpl::sort_calls() {
  std::set<const LayerCall*> done;
  for (const SymbolicTensor& input : inputs_) {
    if (done.insert(input.call().get()).second) calls_.push_back(input.call());
  }
  // Depth first without recursion: a call is appended once everything it reads has been.
  std::set<const LayerCall*> open;
  for (const SymbolicTensor& output : outputs_) {
    std::vector<std::shared_ptr<LayerCall>> stack{output.call()};
    while (!stack.empty()) {
      const std::shared_ptr<LayerCall> call = stack.back();
      if (done.count(call.get()) != 0) {
        stack.pop_back();
        continue;
      }
      if (call->inputs.empty()) {
        fail("Model: the output depends on input '{}' of shape {}, which is not among the model's inputs",
             call->layer->name.empty() ? std::string(call->layer->class_name()) : call->layer->name,
             call->output_shapes[0].str());
      }
      bool ready = true;
      for (auto input = call->inputs.rbegin(); input != call->inputs.rend(); ++input) {
        if (done.count(input->call().get()) != 0) continue;
        ready = false;
        stack.push_back(input->call());
      }
      if (!ready) continue;
      stack.pop_back();
      done.insert(call.get());
      calls_.push_back(call);
    }
  }
}

void ModelImpl::name_layers() {
  std::set<std::string> taken;
  // By first call, as Keras, which names a layer when it is made.
  std::vector<std::pair<std::uint64_t, std::shared_ptr<LayerImpl>>> numbered;
  for (const auto& layer : layers()) numbered.emplace_back(calls_of(*layer)[0]->number, layer);
  std::sort(numbered.begin(), numbered.end());
  std::vector<std::shared_ptr<LayerImpl>> all;
  for (const auto& [number, layer] : numbered) all.push_back(layer);
  for (const auto& layer : all) {
    if (layer->name.empty()) continue;
    if (!taken.insert(layer->name).second)
      fail("Model: two layers are named '{}'; names must differ", layer->name);
  }
  // As Keras counts: conv2d, conv2d_1, conv2d_2.
  std::map<std::string, int> counts;
  for (const auto& layer : all) {
    if (!layer->name.empty()) continue;
    const std::string stem = layer->default_name();
    std::string candidate;
    do {
      const int count = counts[stem]++;
      candidate = count == 0 ? stem : fmt::format("{}_{}", stem, count);
    } while (!taken.insert(candidate).second);
    layer->name = candidate;
  }
}

std::vector<std::shared_ptr<LayerCall>> ModelImpl::calls_of(const LayerImpl& layer) const {
  std::vector<std::shared_ptr<LayerCall>> result;
  for (const auto& call : calls_) {
    if (call->layer.get() == &layer) result.push_back(call);
  }
  std::sort(result.begin(), result.end(), [](const auto& a, const auto& b) { return a->number < b->number; });
  return result;
}

void ModelImpl::set_trainable(bool value) {
  trainable = value;
  for (const auto& layer : layers_) layer->set_trainable(value);
}

void ModelImpl::collect_into(std::vector<Weight>& result, std::set<const void*>& seen,
                             bool trainable_only) const {
  for (const auto& layer : layers_) {
    if (const ModelImpl* inner = as_model(*layer)) {
      inner->collect_into(result, seen, trainable_only);
      continue;
    }
    if (trainable_only && !layer->trainable) continue;
    for (std::size_t i = 0; i < layer->weights.size(); ++i) {
      const ParameterSpec& spec = layer->parameter_specs[i];
      if (trainable_only && !spec.trainable) continue;
      if (seen.insert(layer->weights[i].id()).second) result.push_back({layer->weights[i], &spec});
    }
  }
}

std::vector<ModelImpl::Weight> ModelImpl::collect(bool trainable_only) const {
  std::vector<Weight> result;
  std::set<const void*> seen;
  if (!trainable_only || trainable) collect_into(result, seen, trainable_only);
  return result;
}

std::vector<Variable> ModelImpl::collect_weights(bool trainable_only) const {
  std::vector<Variable> result;
  for (const Weight& weight : collect(trainable_only)) result.push_back(weight.variable);
  return result;
}

ModelImpl::Shapes ModelImpl::all_output_shapes(std::span<const Shape> inputs) const {
  if (inputs.size() != inputs_.size())
    fail_rule(fmt::format("takes {} inputs. Received: {}", inputs_.size(), inputs.size()));
  Shapes shapes;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Shape& expected = inputs_[i].shape();
    bool fits = inputs[i].rank() == expected.rank();
    for (std::size_t axis = 1; fits && axis < expected.rank(); ++axis) {  // any batch

      const auto at = static_cast<std::ptrdiff_t>(axis);
      fits =
          expected[at] == Shape::unknown || inputs[i][at] == Shape::unknown || inputs[i][at] == expected[at];
    }
    if (!fits) {
      fail_rule(fmt::format("input {} must have shape {}. Received: {}", i, expected.str(), inputs[i].str()));
    }
    shapes[inputs_[i].call().get()] = {inputs[i]};
  }
  for (const auto& call : calls_) {
    if (shapes.count(call.get()) != 0) continue;
    std::vector<Shape> given;
    for (const SymbolicTensor& input : call->inputs)
      given.push_back(shapes.at(input.call().get())[input.index()]);
    std::vector<Shape>& made = shapes[call.get()] = call->layer->output_shapes(given);
    require_modest_shapes(*call->layer, made);
  }
  return shapes;
}

std::vector<Shape> ModelImpl::output_shapes(std::span<const Shape> inputs) const {
  const Shapes shapes = all_output_shapes(inputs);
  std::vector<Shape> result;
  for (const SymbolicTensor& output : outputs_)
    result.push_back(shapes.at(output.call().get())[output.index()]);
  return result;
}

namespace {

/// l1 sum|y| + l2 sum y^2 of each sample, of everything that a layer gives.
void add_activity_penalties(const LoweringContext& context, const Regularizer& regularizer,
                            std::span<const Value> outputs) {
  if (context.penalties == nullptr || regularizer.empty()) return;
  GraphBuilder& g = context.graph;
  for (const Value output : outputs) {
    const TensorSpec& spec = g.spec(output);
    const DType dtype = is_floating(spec.dtype) ? ops::statistics_dtype(spec.dtype) : DType::float32;
    const Value y =
        ops::reshape(g, ops::cast(g, output, dtype), {spec.shape[0], spec.shape.slice(1).elements()});
    const auto add = [&](const char* function, double factor) {
      if (factor == 0) return;
      const Value sums = ops::reduce(g, ops::ReduceKind::sum, ops::unary(g, function, y), {1});
      context.penalties->push_back(ops::scale(g, sums, factor));
    };
    add("absolute", regularizer.l1);
    add("square", regularizer.l2);
  }
}

/// Floats that hold all whole numbers of a type, sums of bytes and products of three too; an int64, and
/// products of an int32, up to 2^53. Ops compute with floats alone.
DType carrier_of(DType whole) { return whole == DType::uint8 ? DType::float32 : DType::float64; }

/// What a layer made of whole numbers in their type, in which it wraps around.
std::vector<Value> in_dtype(GraphBuilder& g, std::vector<Value> values, std::optional<DType> whole) {
  if (!whole) return values;
  for (Value& value : values) {
    if (g.spec(value).dtype == DType::float64) value = ops::cast(g, value, DType::int64);
    value = ops::cast(g, value, *whole);
  }
  return values;
}

}  // namespace

std::vector<Value> ModelImpl::lower(const LoweringContext& context, std::span<const Value> inputs) const {
  return lower_observed(context, inputs, nullptr);
}

std::vector<Value> ModelImpl::lower_observed(const LoweringContext& context, std::span<const Value> inputs,
                                             const CallObserver& observer, const std::string& prefix) const {
  // Of each call, how often its layer was called before.
  std::map<const LayerCall*, std::size_t> numbers;
  if (observer) {
    for (const auto& layer : layers_) {
      const auto calls = calls_of(*layer);
      for (std::size_t i = 0; i < calls.size(); ++i) numbers[calls[i].get()] = i;
    }
  }
  std::map<const LayerCall*, std::vector<Value>> values;
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    values[inputs_[i].call().get()] = {
        ops::cast(context.graph, inputs[i], inputs_[i].call()->layer->dtype_policy.compute_dtype())};
  }
  std::uint64_t position = 0;
  for (const auto& call : calls_) {
    ++position;
    if (values.count(call.get()) != 0) continue;
    const LayerImpl& layer = *call->layer;
    const bool training = call->arguments.training.value_or(context.training);
    std::vector<Value> given;
    std::vector<DType> dtypes;
    for (const SymbolicTensor& input : call->inputs) {
      given.push_back(values.at(input.call().get())[input.index()]);
      dtypes.push_back(context.graph.spec(given.back()).dtype);
    }
    // A layer computes in its own type, whatever the one before it has. Models cast for their inputs.
    DType dtype = layer.dtype_policy.compute_dtype();
    std::optional<DType> whole;
    if (as_model(layer) == nullptr) {
      dtype = layer.output_dtype(0, dtypes, training);
      if (!is_floating(dtype)) {
        whole = dtype;
        dtype = carrier_of(*whole);
      }
      for (Value& value : given) value = ops::cast(context.graph, value, dtype);
    }
    const LoweringContext inner{
        .graph = context.graph,
        .training = training,
        .weights = layer.weights,
        .stream = stream_id(fmt::format("{}/{}/{}", context.stream, layer.name, position)),
        .trainable = layer.trainable,
        .compute_dtype = dtype,
        .whole_dtype = whole,
        .given_dtypes = dtypes,
        .penalties = context.penalties,
    };
    context.graph.begin_layer(layer.name);
    // Before the layer's ops, which stay together then; those that it does not ask for are dropped.
    if (dtype != layer.dtype_policy.variable_dtype()) {
      for (std::size_t i = 0; i < layer.weights.size(); ++i) inner.weight(i);
    }
    if (!observer) {
      values[call.get()] = in_dtype(context.graph, layer.lower(inner, given), whole);
    } else {
      const std::size_t number = numbers.at(call.get());
      const std::string path = prefix + layer.name + (number == 0 ? "" : fmt::format(":{}", number));
      const ModelImpl* model = as_model(layer);
      values[call.get()] = model != nullptr ? model->lower_observed(inner, given, observer, path + "/")
                                            : in_dtype(context.graph, layer.lower(inner, given), whole);
      observer(path, *call, values[call.get()]);
    }
    add_activity_penalties(inner, layer.activity_regularizer, values[call.get()]);
    context.graph.end_layer();
  }
  std::vector<Value> result;
  for (const SymbolicTensor& output : outputs_)
    result.push_back(values.at(output.call().get())[output.index()]);
  return result;
}

void ModelImpl::initialize_weights(std::uint64_t seed, const std::string& path) {
  for (const auto& layer : layers()) {
    const std::string place = path + "/" + layer->name;
    if (auto* inner = dynamic_cast<ModelImpl*>(layer.get())) {
      inner->initialize_weights(seed, place);
      continue;
    }
    if (layer->initialized) continue;
    for (std::size_t i = 0; i < layer->weights.size(); ++i) {
      const ParameterSpec& parameter = layer->parameter_specs[i];
      Tensor value(parameter.shape, layer->weights[i].spec().dtype);
      parameter.initializer.get()->fill(value, seed, stream_id(place + "/" + parameter.name));
      layer->weights[i].assign(value);
    }
    layer->initialized = true;
  }
}

DType ModelImpl::output_dtype(std::size_t index, std::span<const DType>, bool) const {
  return outputs_[index].dtype();  // its Inputs cast
}

DType shown_dtype(const SymbolicTensor& tensor) {
  const LayerImpl& layer = *tensor.call()->layer;
  if (const ModelImpl* model = as_model(layer)) return shown_dtype(model->outputs()[tensor.index()]);
  if (!layer.keras_traits().shows_dtype) return layer.dtype_policy.compute_dtype();
  std::vector<DType> inputs;
  for (const SymbolicTensor& input : tensor.call()->inputs) inputs.push_back(shown_dtype(input));
  return layer.output_dtype(tensor.index(), inputs, tensor.call()->arguments.training.value_or(false));
}

const ModelImpl* as_model(const LayerImpl& layer) { return dynamic_cast<const ModelImpl*>(&layer); }

}  // namespace fovea
