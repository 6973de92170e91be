#pragma once

#include <cstddef>

#include "backends/cpu/kernels/conv2d/conv2d.h"

// Winograd's minimal filtering F(4x4, 3x3): 36 multiplications instead of 144 make 4x4 outputs of a 3x3
// convolution with stride 1. Lavin & Gray 2015, "Fast Algorithms for Convolutional Neural Networks".

namespace fovea::cpu {

/// Is it a 3x3 convolution with stride 1, without dilation and groups, whose tiles fit into the scratch
/// memory?
bool winograd_can(const Conv2DShape& shape);
/// And of a size that the transforms pay for, as far as one can tell without measuring?
bool winograd_takes(const Conv2DShape& shape);
/// The same for the forward pass with a pooling of 2x2 windows, which also takes the 2 to 4 channels of a
/// net's first layer.
bool winograd_takes_pooled(const Conv2DShape& shape);

/// Bytes of transformed weights, of scratch memory for the backward passes: as for the direct kernels in
/// conv2d.h.
std::size_t winograd_packed_bytes(const Conv2DShape& shape);
std::size_t winograd_backward_input_workspace(const Conv2DShape& shape);
std::size_t winograd_backward_filter_workspace(const Conv2DShape& shape);

/// The passes of conv2d.h; the shape is one that Winograd can do.
void winograd_pack(const Conv2DShape& shape, const float* w, void* packed, ThreadPool& pool);
void winograd_forward(const Conv2DShape& shape, const float* x, const void* packed,
                      const ConvEpilogue& epilogue, float* y, ThreadPool& pool);
/// Max, min or mean over 2x2 windows.
bool winograd_pools(const PooledOutput& pooled);
void winograd_pool_forward(const Conv2DShape& shape, const float* x, const void* packed,
                           const ConvEpilogue& epilogue, const PooledOutput& pooled, ThreadPool& pool);
void winograd_backward_input(const Conv2DShape& shape, const float* dy, const float* w, float* dx,
                             void* workspace, ThreadPool& pool);
void winograd_backward_filter(const Conv2DShape& shape, const float* x, const float* dy, float* dw,
                              void* workspace, ThreadPool& pool);

}  // namespace fovea::cpu
