#pragma once

#include <cstddef>
#include <cstdint>

#include "backends/cpu/kernels/conv2d/conv2d.h"

// The backward passes of a convolution under a max or min pooling of 2x2 windows: at most one in four
// elements of the gradient by its result is not zero, and the map of them is never written.

namespace fovea::cpu {

/// What the pooling knows of the gradient by the convolution's result (N, OH, OW, F): element (2 i + k / 2, 2
/// j + k % 2) is dy[i, j] where winners[i, j] is k, and zero otherwise, as everywhere in a dead window.
/// `after`, unless null, is the result of a ReLU after the pooling: dy counts where it is positive.
struct PooledGradient {
  const float* dy = nullptr;  ///< (N, OH / 2, OW / 2, F)
  const std::uint8_t* winners = nullptr;
  const float* after = nullptr;
};

/// As winograd_backward_input, with its workspace.
void winograd_pooled_backward_input(const Conv2DShape& shape, const PooledGradient& gradient, const float* w,
                                    float* dx, void* workspace, ThreadPool& pool);

/// The gradient by the weights where a row of the kernel is at most kMaxLanes weights a filter, as in a net's
/// first layer: no more multiplications than there are winners. Without groups and dilation, with stride 1
/// and any padding. db, unless null, is the gradient by the bias, the sum over all pixels.
bool sparse_backward_filter_takes(const Conv2DShape& shape);
std::size_t sparse_backward_filter_workspace(const Conv2DShape& shape);
void sparse_backward_filter(const Conv2DShape& shape, const float* x, const PooledGradient& gradient,
                            float* dw, float* db, void* workspace, ThreadPool& pool);

/// The same for 3x3 kernels over many channels, with any padding: vectors hold channels, and windows without
/// a gradient cost nothing.
bool sparse_wide_backward_filter_takes(const Conv2DShape& shape);
std::size_t sparse_wide_backward_filter_workspace(const Conv2DShape& shape);
void sparse_wide_backward_filter(const Conv2DShape& shape, const float* x, const PooledGradient& gradient,
                                 float* dw, float* db, void* workspace, ThreadPool& pool);

}  // namespace fovea::cpu
