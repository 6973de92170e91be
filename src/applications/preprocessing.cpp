#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/format.h"
#include "fovea/applications.h"
#include "layers/operation.h"
#include "models/model_impl.h"

// What Keras users do to pixels before a pretrained network, as layers of the network. Source:
// keras/src/applications/imagenet_utils.py, preprocess_input.

namespace fovea::applications {
namespace {

/// Pixels times `scale` plus `offset`, red, green, blue or the other way round.
struct Mode {
  std::string name;
  Numbers scale, offset = 0;
  bool blue_first = false;
  /// Do its numbers stand for three channels?
  bool of_colours() const { return offset.is_list; }
};

/// Means and deviations are ImageNet's: of values from 0 to 1 in torch's mode, from 0 to 255 in caffe's.
const std::vector<Mode>& modes() {
  static const std::vector<Mode> all = {
      {"tf", 1 / 127.5, -1},
      {"torch",
       {1 / (255 * 0.229), 1 / (255 * 0.224), 1 / (255 * 0.225)},
       {-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225}},
      {"caffe", 1, {-103.939, -116.779, -123.68}, true},
      {"unit", 1.0 / 255},
  };
  return all;
}

/// x[..., ::-1]
Layer reversed_channels() {
  std::shared_ptr<OperationLayer> operation = make_operation("keras.src.ops.numpy>GetItem");
  KeyPart all{.kind = KeyPart::Kind::ellipsis}, backwards{.kind = KeyPart::Kind::slice, .step = -1};
  operation->operands = {{}, {.key = Key{{all, backwards}}}};
  return Layer(operation);
}

SymbolicTensor preprocessed(const SymbolicTensor& pixels, const Mode& mode) {
  const Rescaling rescaling(mode.scale, mode.offset);
  return rescaling(mode.blue_first ? reversed_channels()(pixels) : pixels);
}

/// The model's outputs, with `input` in the place of its own.
std::vector<SymbolicTensor> called_again(const ModelImpl& model, const SymbolicTensor& input) {
  std::map<const LayerCall*, std::vector<SymbolicTensor>> made{{model.inputs()[0].call().get(), {input}}};
  const auto again = [&](const std::vector<SymbolicTensor>& tensors) {
    std::vector<SymbolicTensor> result;
    for (const SymbolicTensor& tensor : tensors)
      result.push_back(made.at(tensor.call().get())[tensor.index()]);
    return result;
  };
  for (const auto& call : model.calls()) {
    if (made.count(call.get()) == 0)
      made[call.get()] = Layer(call->layer).call(again(call->inputs), call->arguments);
  }
  return again(model.outputs());
}

}  // namespace

std::vector<std::string> preprocessing_modes() {
  std::vector<std::string> names;
  for (const Mode& mode : modes()) names.push_back(mode.name);
  return names;
}

Model with_preprocessing(const Model& model, std::string_view mode) {
  const auto found =
      std::find_if(modes().begin(), modes().end(), [&](const Mode& known) { return known.name == mode; });
  if (found == modes().end()) {
    fail("with_preprocessing: there is no mode '{}'; there are {}", mode,
         fmt::join(preprocessing_modes(), ", "));
  }
  auto& impl = static_cast<ModelImpl&>(*model.impl());
  if (impl.inputs().size() != 1) {
    fail("with_preprocessing: the model must have one input. Received: {}", impl.inputs().size());
  }
  const SymbolicTensor& old = impl.inputs()[0];
  const Shape& shape = old.shape();
  if (shape.rank() != 4 || (found->of_colours() && shape[-1] != 3)) {
    fail("with_preprocessing: mode '{}' is for images{}. Received: an input of shape {}", mode,
         found->of_colours() ? " of three channels" : "", shape.str());
  }
  const SymbolicTensor pixels = Input(shape.slice(1), {old.dtype(), old.call()->layer->name});
  Model result({pixels}, called_again(impl, preprocessed(pixels, *found)), {model.name()});
  result.info() = model.info();
  if (impl.compiled) result.compile(impl.compiled->options);
  return result;
}

}  // namespace fovea::applications
