#pragma once

#include <cstddef>
#include <limits>

#include "backends/cpu/kernels/conv2d/conv2d.h"
#include "fovea/bfloat16.h"

// The passes of a convolution (conv2d.h) over bfloat16, as products of matrices (dot.h): a row of the first
// is what one output pixel reads, [ky][kx][channel]. It lies in memory where the kernel is 1x1, and is copied
// together otherwise. Only where has_bfloat16_dot(), and without groups.

namespace fovea::cpu {

struct DotEpilogue {
  const bfloat16* bias = nullptr;      ///< `filters` elements, or null
  const bfloat16* residual = nullptr;  ///< as y, or null
  bool relu = false;
  float largest = std::numeric_limits<float>::infinity();  ///< with relu
};

/// Bytes of packed weights, and of the other memory that a pass wants.
std::size_t dot_packed_bytes(const Conv2DShape& shape);
std::size_t dot_forward_workspace(const Conv2DShape& shape);
void dot_pack(const Conv2DShape& shape, const bfloat16* w, void* packed, ThreadPool& pool);
/// y = epilogue(conv(x, w)), rounded once.
void dot_forward(const Conv2DShape& shape, const bfloat16* x, const void* packed, const DotEpilogue& epilogue,
                 bfloat16* y, void* workspace, ThreadPool& pool);

/// Of 1x1 kernels without padding, for an even number of filters.
bool dot_backward_input_takes(const Conv2DShape& shape);
std::size_t dot_backward_input_workspace(const Conv2DShape& shape);
void dot_backward_input(const Conv2DShape& shape, const bfloat16* dy, const bfloat16* w, bfloat16* dx,
                        void* workspace, ThreadPool& pool);

/// The sums in float32, or rounded; one of the two is null.
std::size_t dot_backward_filter_workspace(const Conv2DShape& shape);
void dot_backward_filter(const Conv2DShape& shape, const bfloat16* x, const bfloat16* dy, float* dw,
                         bfloat16* rounded_dw, void* workspace, ThreadPool& pool);

}  // namespace fovea::cpu
