#include "fovea/layer.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>

#include "core/names.h"
#include "layers/layer_support.h"
#include "layers/operation.h"
#include "layers/size_limits.h"

namespace fovea {

#define FOVEA_LAYER(Name, Registered) std::shared_ptr<LayerImpl> make_##Name();
#include "layers/layers.inc"
#undef FOVEA_LAYER

namespace {

using Factory = std::shared_ptr<LayerImpl> (*)();

struct Registry {
  std::mutex mutex;
  std::map<std::string, Factory, std::less<>> factories = {
#define FOVEA_LAYER(Name, Registered) {Registered, make_##Name},
#include "layers/layers.inc"
#undef FOVEA_LAYER
  };
};

Registry& registry() {
  static Registry instance;
  return instance;
}

}  // namespace

void register_layer(std::string_view registered_name, std::shared_ptr<LayerImpl> (*make)()) {
  Registry& known = registry();
  const std::lock_guard lock(known.mutex);
  const auto [place, added] = known.factories.try_emplace(std::string(registered_name), make);
  if (!added && place->second != make) fail("register_layer: '{}' is registered already", registered_name);
}

std::shared_ptr<LayerImpl> make_layer(std::string_view registered_name) {
  if (is_operation(registered_name)) {
    if (std::shared_ptr<LayerImpl> operation = make_operation(registered_name)) return operation;
    fail(
        "The operation '{}' of keras.ops is not known. Write what it does as a layer of its own, in Python "
        "and here, and save the model again",
        registered_name.substr(registered_name.find('>') + 1));
  }
  Registry& known = registry();
  const std::lock_guard lock(known.mutex);
  const auto found = known.factories.find(registered_name);
  if (found == known.factories.end()) {
    fail(
        "Layer class '{}' is not known. A layer of one's own is made known with "
        "fovea::register_layer(\"{}\", ...) before loading",
        registered_name, registered_name);
  }
  return found->second();
}

void set_policy(LayerImpl& layer, const DTypePolicy& policy) {
  require_layer_policy(policy, layer.name.empty() ? layer.class_name() : std::string_view(layer.name));
  layer.dtype_policy = policy;
}

Value LoweringContext::weight(std::size_t index) const {
  const Value kept = variable(index);
  return compute_dtype ? ops::cast(graph, kept, *compute_dtype) : kept;
}

DType promoted(std::span<const DType> integers) {
  const auto rank = [](DType dtype) { return dtype == DType::uint8 ? 0 : dtype == DType::int32 ? 1 : 2; };
  return *std::max_element(integers.begin(), integers.end(),
                           [&](DType a, DType b) { return rank(a) < rank(b); });
}

WholeNumbers LayerImpl::whole_numbers(DType, bool) const { return WholeNumbers::floats; }

DType LayerImpl::output_dtype(std::size_t, std::span<const DType> inputs, bool training) const {
  if (inputs.empty() || std::any_of(inputs.begin(), inputs.end(), is_floating))
    return dtype_policy.compute_dtype();
  const DType dtype = promoted(inputs);
  switch (whole_numbers(dtype, training)) {
    case WholeNumbers::floats:
      return dtype_policy.compute_dtype();
    case WholeNumbers::kept:
      return dtype;
    case WholeNumbers::refused:
      break;
  }
  fail_rule(fmt::format(
      "takes floats{}, no whole numbers. Put a Rescaling before it, or give the Input the dtype float32. "
      "Received: {}",
      whole_numbers(dtype, false) == WholeNumbers::refused ? "" : " in training", fovea::name(dtype)));
}

std::vector<ParameterSpec> LayerImpl::parameters(std::span<const Shape>) const { return {}; }
std::string LayerImpl::explain_shape(std::span<const Shape>) const { return {}; }
std::string LayerImpl::explain_parameters(std::span<const Shape>) const { return {}; }

std::string LayerImpl::default_name() const {
  return snake_case(class_name().substr(class_name().rfind('>') + 1));
}

void LayerImpl::fail_rule(const std::string& rule) const {
  if (name.empty()) fail("Layer {}: {}", class_name(), rule);
  fail("Layer '{}' ({}): {}", name, class_name(), rule);
}

std::optional<std::vector<std::int64_t>> distinct_axes(const Axes& axes, std::size_t rank) {
  std::vector<std::int64_t> result = axes.values;
  for (std::int64_t& axis : result) axis += axis < 0 ? static_cast<std::int64_t>(rank) : 0;
  std::sort(result.begin(), result.end());
  const bool outside =
      !result.empty() && (result.front() < 0 || result.back() >= static_cast<std::int64_t>(rank));
  if (outside || std::adjacent_find(result.begin(), result.end()) != result.end()) return {};
  return result;
}

const Shape& require_one(const LayerImpl& layer, std::span<const Shape> inputs) {
  if (inputs.size() != 1) layer.fail_rule(fmt::format("takes one input. Received: {}", inputs.size()));
  return inputs[0];
}

namespace {

std::atomic<std::uint64_t> trainable_changes{0};

}  // namespace

std::uint64_t trainable_version() { return trainable_changes.load(std::memory_order_acquire); }

void Layer::set_trainable(bool trainable) const {
  impl_->set_trainable(trainable);
  trainable_changes.fetch_add(1, std::memory_order_acq_rel);
}

SymbolicTensor Layer::operator()(const SymbolicTensor& input, const CallArguments& arguments) const {
  return (*this)(std::vector<SymbolicTensor>{input}, arguments);
}

SymbolicTensor Layer::operator()(const std::vector<SymbolicTensor>& inputs,
                                 const CallArguments& arguments) const {
  return call(inputs, arguments)[0];
}

std::vector<SymbolicTensor> Layer::call(const std::vector<SymbolicTensor>& inputs,
                                        const CallArguments& arguments) const {
  if (!impl_) fail("Layer: an empty handle was called");
  std::vector<Shape> shapes;
  std::vector<DType> dtypes;
  for (const SymbolicTensor& input : inputs) {
    if (!input) impl_->fail_rule("called on an empty tensor");
    shapes.push_back(input.shape());
    dtypes.push_back(input.dtype());
  }
  static std::atomic<std::uint64_t> calls{0};
  auto made = std::make_shared<LayerCall>();
  made->number = ++calls;
  made->layer = impl_;
  made->inputs = inputs;
  made->arguments = arguments;
  require_modest_options(*impl_);
  made->output_shapes = impl_->output_shapes(shapes);
  require_modest_shapes(*impl_, made->output_shapes);
  for (std::size_t i = 0; i < made->output_shapes.size(); ++i)
    made->output_dtypes.push_back(impl_->output_dtype(i, dtypes, arguments.training.value_or(false)));
  impl_->build(shapes);
  std::erase_if(impl_->calls, [](const auto& call) { return call.expired(); });
  impl_->calls.push_back(made);
  std::vector<SymbolicTensor> outputs;
  for (std::size_t i = 0; i < made->output_shapes.size(); ++i) outputs.emplace_back(made, i);
  return outputs;
}

namespace {

std::shared_ptr<LayerCall> only_call(const std::shared_ptr<LayerImpl>& layer, const char* what) {
  if (!layer) fail("Layer: an empty handle was asked for its {}", what);
  std::vector<std::shared_ptr<LayerCall>> calls;
  for (const auto& entry : layer->calls) {
    if (std::shared_ptr<LayerCall> call = entry.lock()) calls.push_back(std::move(call));
  }
  if (calls.empty()) layer->fail_rule(fmt::format("it has no {}: it was not called yet", what));
  if (calls.size() > 1) {
    layer->fail_rule(
        fmt::format("it was called {} times, so which {} is meant is not clear; keep the tensor that "
                    "the call returned",
                    calls.size(), what));
  }
  return calls[0];
}

}  // namespace

SymbolicTensor Layer::input() const {
  const std::shared_ptr<LayerCall> call = only_call(impl_, "input");
  if (call->inputs.size() != 1)
    impl_->fail_rule(fmt::format("it has {} inputs, not one", call->inputs.size()));
  return call->inputs[0];
}

SymbolicTensor Layer::output() const {
  const std::shared_ptr<LayerCall> call = only_call(impl_, "output");
  if (call->output_shapes.size() != 1) {
    impl_->fail_rule(fmt::format("it has {} outputs, not one", call->output_shapes.size()));
  }
  return {call, 0};
}

void LayerImpl::build(std::span<const Shape> inputs) {
  const std::vector<ParameterSpec> wanted = parameters(inputs);
  if (built_) {
    // Called again, on other data: the weights stay and must still fit.
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (weights[i].spec().shape != wanted[i].shape) {
        fail_rule(fmt::format("its weight '{}' has shape {} from an earlier call; this call would need {}",
                              wanted[i].name, weights[i].spec().shape.str(), wanted[i].shape.str()));
      }
    }
    return;
  }
  for (const ParameterSpec& parameter : wanted) {
    if (!parameter.shape.is_known()) {
      fail_rule(fmt::format("its weight '{}' would have shape {}: the input's last size must be known",
                            parameter.name, parameter.shape.str()));
    }
    const DType dtype = parameter.dtype.value_or(dtype_policy.variable_dtype());
    weights.emplace_back(parameter.name, TensorSpec{parameter.shape, dtype});
    parameter_specs.push_back(parameter);
  }
  built_ = true;
}

}  // namespace fovea
