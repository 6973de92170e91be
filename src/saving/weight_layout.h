#pragma once

#include <string>
#include <vector>

#include "models/model_impl.h"

namespace fovea {

/// A group of an HDF5 file with weights, "layers/conv2d_1/vars", whose members are called 0, 1, ...
struct WeightGroup {
  std::string path;
  std::string name;   ///< of the layer: an attribute of the group
  std::string owner;  ///< "layer 'hello' (Conv2D)", for messages
  std::vector<Variable> variables;
};

/// Where Keras 3 puts the weights of a model and those of the models in it: under each layer's class in snake
/// case with a number, in the order of the layers.
std::vector<WeightGroup> weight_groups(const ModelImpl& model);

/// The state of an optimizer: "optimizer/vars", and the same below a nested model that is compiled.
struct OptimizerGroup {
  std::string path;
  const ModelImpl* model;
};
std::vector<OptimizerGroup> optimizer_groups(const ModelImpl& model);

}  // namespace fovea
