#pragma once

#include <string_view>

#include "fovea/graph.h"

namespace fovea {

/// Fails with the known names when there is none such; `who` starts the message.
void require_activation(std::string_view who, std::string_view activation);
/// Emits the activation by Keras' name.
Value lower_activation(GraphBuilder& graph, std::string_view activation, Value x);

}  // namespace fovea
