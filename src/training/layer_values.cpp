#include "training/layer_values.h"

#include <array>

#include "saving/legacy_weights.h"
#include "training/stepper.h"

namespace fovea {
namespace {

ModelImpl& impl_of(const Model& model) { return static_cast<ModelImpl&>(*model.impl()); }

std::vector<TensorSpec> checked_specs(const ModelImpl& model, const std::vector<Tensor>& inputs) {
  std::vector<TensorSpec> specs, samples;
  for (const Tensor& input : inputs) {
    if (input.shape().rank() == 0 || input.shape()[0] != inputs[0].shape()[0])
      fail("Model '{}': its inputs must have the same number of samples", model.shown_name());
    specs.push_back(input.spec());
    samples.push_back({input.shape().slice(1), input.dtype()});
  }
  check_input_specs(model, samples);
  return specs;
}

const Backend& backend_of(const ModelImpl& model, Computation computation) {
  return computation == Computation::reference ? reference_backend() : backend_for(model);
}

std::vector<Tensor> run(const Program& program, const std::vector<Tensor>& inputs) {
  std::vector<const void*> feeds(program.feed_count());
  const auto set = [&](const std::string& name, const void* data) {
    const int at = program.feed_index(name);
    if (at >= 0) feeds[static_cast<std::size_t>(at)] = data;
  };
  for (std::size_t i = 0; i < inputs.size(); ++i) set(feed_name('x', i), inputs[i].raw());
  const std::array<std::int64_t, 2> random_state = {static_cast<std::int64_t>(random_seed()), 0};
  set(kRandomStateFeed, random_state.data());
  std::vector<Tensor> results;
  std::vector<void*> outputs;
  for (const TensorSpec& spec : program.output_specs()) outputs.push_back(results.emplace_back(spec).raw());
  program.run(*program.new_context(), feeds.data(), outputs.data(), *compute_threads());
  return results;
}

}  // namespace

std::vector<NamedValue> layer_outputs(const Model& model, const std::vector<Tensor>& inputs,
                                      Computation computation) {
  const ModelImpl& impl = impl_of(model);
  const std::vector<TensorSpec> specs = checked_specs(impl, inputs);
  const Backend& backend = backend_of(impl, computation);
  Graph graph;
  std::vector<NamedValue> result;
  const std::vector<InnerValue> values = inner_values(graph, impl, specs);
  for (const InnerValue& value : values) result.push_back({value.path, value.class_name, {}});
  if (computation == Computation::reference) {
    for (const InnerValue& value : values) graph.add_output(value.value);
    const std::vector<Tensor> outputs = run(*make_program(graph, backend), inputs);
    for (std::size_t i = 0; i < result.size(); ++i) result[i].value = outputs[i];
    return result;
  }
  const auto store = std::make_shared<DerivedStore>();
  const KernelSelection selection = kernel_selection(impl, backend, false);
  for (std::size_t i = 0; i < result.size(); ++i) {
    const StepProgram step = make_inner_program(impl, specs, i, backend, store, selection);
    result[i].value = run(*step.program, inputs)[0];
  }
  return result;
}

std::vector<NamedValue> output_gradients(const Model& model, const std::vector<Tensor>& inputs,
                                         const std::vector<Tensor>& factors, Computation computation) {
  const ModelImpl& impl = impl_of(model);
  const std::vector<TensorSpec> specs = checked_specs(impl, inputs);
  std::vector<Shape> shapes;
  for (const TensorSpec& spec : specs) shapes.push_back(spec.shape);
  const std::vector<Shape> outputs = impl.output_shapes(shapes);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (i >= factors.size() || !(factors[i].shape() == outputs[i]))
      fail("Model '{}': the gradients need factors of shape {} for output {}", impl.shown_name(),
           outputs[i].str(), i);
  }
  std::vector<NamedValue> result;
  for (const NamedWeight& weight : trained_weights(impl))
    result.push_back({weight.path, {}, Tensor(weight.variable.spec())});
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (is_floating(inputs[i].dtype()))
      result.push_back({impl.inputs()[i].call()->layer->name, {}, Tensor(inputs[i].spec())});
  }
  const bool plain = computation == Computation::reference;
  const Backend& backend = backend_of(impl, computation);
  std::vector<bool> present;
  const StepProgram step = make_gradient_program(impl, specs, factors, plain, backend, present,
                                                 kernel_selection(impl, backend, false));
  const std::vector<Tensor> gradients = run(*step.program, inputs);
  for (std::size_t i = 0, at = 0; i < result.size(); ++i) {
    if (present[i]) result[i].value = gradients[at++];
  }
  return result;
}

}  // namespace fovea
