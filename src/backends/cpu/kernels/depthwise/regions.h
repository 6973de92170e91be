#pragma once

#include <variant>

#include "backends/backend.h"
#include "backends/cpu/kernels/depthwise/depthwise.h"
#include "ops/unary.h"

namespace fovea::cpu {

/// What a depthwise kernel makes of an activation, null for none; declines all but ReLU and its clipped
/// forms.
std::variant<DepthwiseActivation, Declined> depthwise_activation(const UnaryOp* activation);

}  // namespace fovea::cpu
