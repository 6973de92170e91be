#pragma once

#include "backends/cpu/kernels/conv2d/strided_convolution.h"
#include "backends/cpu/kernels/conv2d/winograd_cut.h"

namespace fovea::cpu {

/// The tiles of the outputs that are wanted: a pooling drops a last odd row and column.
WinogradTiles winograd_tiles(const StridedConvolution& convolution, std::int64_t floats_per_tile);

/// Floats of `packed` for a 3x3 convolution with stride 1.
std::int64_t winograd_weights_size(const StridedConvolution& convolution);

/// The gradient by the input as a convolution of dy, without pointers: its weights are turned by 180 degrees,
/// channels and filters exchanged.
StridedConvolution winograd_backward_convolution(const Conv2DShape& shape);

/// As those of strided_convolution.h, for a convolution without groups that is 3x3 with strides and dilations
/// of 1.
void pack_winograd_convolution(const StridedConvolution& convolution, ThreadPool& pool);
void run_winograd_convolution(const StridedConvolution& convolution, ThreadPool& pool);

/// The same for 2 to kFewChannels channels and a pooling of 2x2 windows, where a row of tiles fits into the
/// thread's scratch memory.
inline constexpr std::int64_t kFewChannels = 4;
bool winograd_takes_few_channels(const StridedConvolution& convolution);
void run_winograd_of_few_channels(const StridedConvolution& convolution, ThreadPool& pool);

}  // namespace fovea::cpu
