#pragma once

#include "backends/cpu/kernels/conv2d/strided_convolution.h"

namespace fovea::cpu {

/// Floats of `packed` for a 3x3 convolution with stride 1.
std::int64_t winograd_weights_size(const StridedConvolution& convolution);

/// As those of strided_convolution.h, for a convolution without groups that is 3x3 with strides and dilations
/// of 1.
void pack_winograd_convolution(const StridedConvolution& convolution, ThreadPool& pool);
void run_winograd_convolution(const StridedConvolution& convolution, ThreadPool& pool);

}  // namespace fovea::cpu
