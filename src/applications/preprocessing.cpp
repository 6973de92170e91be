#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "core/format.h"
#include "fovea/applications.h"
#include "layers/operation.h"
#include "models/model_impl.h"

// What Keras users do to pixels before a pretrained network, as layers of the network. Source:
// keras/src/applications/imagenet_utils.py, preprocess_input.

namespace fovea::applications {
namespace {

// Of ImageNet: red, green, blue from 0 to 1 in torch's mode; blue, green, red from 0 to 255 in caffe's.
constexpr std::array kTorchMeans{0.485, 0.456, 0.406}, kTorchDeviations{0.229, 0.224, 0.225};
constexpr std::array kCaffeMeans{103.939, 116.779, 123.68};

/// x[..., ::-1]
Layer reversed_channels() {
  std::shared_ptr<OperationLayer> operation = make_operation("keras.src.ops.numpy>GetItem");
  KeyPart all{.kind = KeyPart::Kind::ellipsis}, backwards{.kind = KeyPart::Kind::slice, .step = -1};
  operation->operands = {{}, {.key = Key{{all, backwards}}}};
  return Layer(operation);
}

SymbolicTensor preprocessed(const SymbolicTensor& pixels, std::string_view mode) {
  std::vector<double> scale(3), offset(3);
  if (mode == "tf") return Rescaling(1 / 127.5, -1)(pixels);
  if (mode == "unit") return Rescaling(1.0 / 255)(pixels);
  if (mode == "torch") {
    for (std::size_t i = 0; i < 3; ++i) {
      scale[i] = 1 / (255 * kTorchDeviations[i]);
      offset[i] = -kTorchMeans[i] / kTorchDeviations[i];
    }
    return Rescaling(scale, offset)(pixels);
  }
  for (std::size_t i = 0; i < 3; ++i) offset[i] = -kCaffeMeans[i];
  return Rescaling(1, offset)(reversed_channels()(pixels));
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

std::vector<std::string> preprocessing_modes() { return {"tf", "torch", "caffe", "unit"}; }

Model with_preprocessing(const Model& model, std::string_view mode) {
  const std::vector<std::string> modes = preprocessing_modes();
  if (std::find(modes.begin(), modes.end(), mode) == modes.end())
    fail("with_preprocessing: there is no mode '{}'; there are {}", mode, fmt::join(modes, ", "));
  auto& impl = static_cast<ModelImpl&>(*model.impl());
  if (impl.inputs().size() != 1) {
    fail("with_preprocessing: the model must have one input. Received: {}", impl.inputs().size());
  }
  const SymbolicTensor& old = impl.inputs()[0];
  const Shape& shape = old.shape();
  const bool of_colours = mode == "torch" || mode == "caffe";
  if (shape.rank() != 4 || (of_colours && shape[-1] != 3)) {
    fail("with_preprocessing: mode '{}' is for images{}. Received: an input of shape {}", mode,
         of_colours ? " of three channels" : "", shape.str());
  }
  const SymbolicTensor pixels = Input(shape.slice(1), {old.dtype(), old.call()->layer->name});
  Model result({pixels}, called_again(impl, preprocessed(pixels, mode)), {model.name()});
  result.info() = model.info();
  if (impl.compiled) result.compile(impl.compiled->options);
  return result;
}

}  // namespace fovea::applications
