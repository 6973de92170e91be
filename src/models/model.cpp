#include "fovea/model.h"

#include <atomic>

#include "layers/layer_support.h"
#include "models/model_impl.h"

namespace fovea {
namespace {

std::atomic<std::uint64_t> current_seed{0};

std::vector<SymbolicTensor> chain(const std::vector<Layer>& layers) {
  if (layers.empty()) fail("Sequential: needs at least an Input");
  if (layers[0].impl()->class_name() != "InputLayer") {
    fail("Sequential: the first layer must be an Input, such as Input({{150, 150, 3}}). Received: {}",
         layers[0].impl()->class_name());
  }
  SymbolicTensor input = layers[0].call({})[0];
  SymbolicTensor output = input;
  for (std::size_t i = 1; i < layers.size(); ++i) output = layers[i](output);
  return {input, output};
}

}  // namespace

void set_random_seed(std::uint64_t seed) { current_seed = seed; }
std::uint64_t random_seed() { return current_seed; }

Model::Model(std::shared_ptr<ModelImpl> impl) : Layer(std::move(impl)) {
  model().initialize_weights(random_seed(), "");
}

Model::Model(const std::vector<SymbolicTensor>& inputs, const std::vector<SymbolicTensor>& outputs,
             const NameOption& options)
    : Model(std::make_shared<ModelImpl>(inputs, outputs, false)) {
  impl_->name = options.name;
  if (options.dtype) set_policy(*impl_, *options.dtype);
}

Sequential::Sequential(const std::vector<Layer>& layers, const NameOption& options) {
  const std::vector<SymbolicTensor> ends = chain(layers);
  impl_ = std::make_shared<ModelImpl>(std::vector{ends[0]}, std::vector{ends[1]}, true);
  impl_->name = options.name;
  if (options.dtype) set_policy(*impl_, *options.dtype);
  model().initialize_weights(random_seed(), "");
}

ModelImpl& Model::model() const {
  if (!impl_) fail("Model: an empty handle was used");
  return static_cast<ModelImpl&>(*impl_);
}

std::vector<SymbolicTensor> Model::inputs() const { return model().inputs(); }
std::vector<SymbolicTensor> Model::outputs() const { return model().outputs(); }

std::vector<Layer> Model::layers() const {
  std::vector<Layer> result;
  for (const auto& layer : model().layers()) result.emplace_back(layer);
  return result;
}

Layer Model::get_layer(std::string_view name) const {
  std::string known;
  for (const auto& layer : model().layers()) {
    if (layer->name == name) return Layer(layer);
    known += (known.empty() ? "" : ", ") + layer->name;
  }
  fail("get_layer: there is no layer '{}'. Layers are: {}", name, known);
}

std::vector<Variable> Model::weights() const { return model().collect_weights(false); }
std::vector<Variable> Model::trainable_weights() const { return model().collect_weights(true); }

std::int64_t Model::count_params() const {
  std::int64_t count = 0;
  for (const Variable& weight : weights()) count += weight.spec().shape.elements();
  return count;
}

std::vector<Tensor> Model::get_weights() const {
  std::vector<Tensor> result;
  for (const Variable& weight : weights()) result.push_back(weight.value().clone());
  return result;
}

void Model::set_weights(const std::vector<Tensor>& values) const {
  std::vector<Variable> targets = weights();
  if (values.size() != targets.size()) {
    fail("set_weights: the model has {} weights. Received: {}", targets.size(), values.size());
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i].shape() != targets[i].spec().shape) {
      fail("set_weights: weight {} ('{}') has shape {}. Received: {}", i, targets[i].name(),
           targets[i].spec().shape.str(), values[i].shape().str());
    }
  }
  for (std::size_t i = 0; i < values.size(); ++i) targets[i].assign(values[i]);
}

bool Model::compiled() const { return model().compiled != nullptr; }

Optimizer Model::optimizer() const {
  if (!compiled()) fail("Model '{}': compile it first", model().shown_name());
  return model().compiled->options.optimizer;
}

void Model::set_stop_training(bool stop) const { model().stop_training = stop; }
bool Model::stop_training() const { return model().stop_training; }
ModelInfo& Model::info() const { return model().info; }

KernelRecord merged(const KernelRecord& earlier, const KernelRecord& later) {
  KernelRecord result = later;
  if (result.instruction_set.empty()) result.instruction_set = earlier.instruction_set;
  std::set<std::pair<std::string, std::string>> known;
  for (const KernelChoice& choice : later.choices) known.emplace(choice.region, choice.shapes);
  for (const KernelChoice& choice : earlier.choices) {
    if (known.count({choice.region, choice.shapes}) == 0) result.choices.push_back(choice);
  }
  return result;
}

KernelRecord Model::kernels() const {
  ModelImpl& impl = model();
  const std::lock_guard lock(impl.runtime_mutex);
  return impl.runtime ? merged(impl.record, impl.runtime->kernels()) : impl.record;
}

void Model::set_kernels(const KernelRecord& record) const {
  ModelImpl& impl = model();
  const std::lock_guard lock(impl.runtime_mutex);
  impl.record = record;
  impl.runtime.reset();  // its plans went by the old one
}

}  // namespace fovea
