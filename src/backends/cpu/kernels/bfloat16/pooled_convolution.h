#pragma once

#include "backends/cpu/kernels/bfloat16/convolution.h"
#include "backends/cpu/kernels/bfloat16/winograd.h"

namespace fovea::cpu {

/// Do two rows of results, and what they read, fit into the scratch memory? Pooling windows are 2x2.
bool dot_pools(const Conv2DShape& shape);

/// dot_forward (convolution.h) and a pooling of its results, which are never written. `bias` is in floats, of
/// whole blocks of filters, or null.
void dot_pool_forward(const Conv2DShape& shape, const bfloat16* x, const void* packed, const float* bias,
                      bool relu, const HalfPooledOutput& pooled, ThreadPool& pool);

}  // namespace fovea::cpu
