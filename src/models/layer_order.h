#pragma once

#include <memory>
#include <vector>

#include "fovea/layer.h"

namespace fovea {

/// Each layer between `inputs` and `outputs` once, as Keras lists them: those furthest from the outputs
/// first, and among equals in the order in which a depth-first search from the outputs meets them. Summaries,
/// weights and the names of weights in files follow this order.
std::vector<std::shared_ptr<LayerImpl>> layers_in_keras_order(const std::vector<SymbolicTensor>& inputs,
                                                              const std::vector<SymbolicTensor>& outputs);

}  // namespace fovea
