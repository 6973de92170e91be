#pragma once

#include "backends/cpu/kernels/conv2d/conv2d.h"

namespace fovea::cpu {

/// conv2d_backward_filter for 1x1 kernels of any stride, without padding and groups.
bool pointwise_backward_filter_takes(const Conv2DShape& shape);
std::size_t pointwise_backward_filter_workspace(const Conv2DShape& shape);
void pointwise_backward_filter(const Conv2DShape& shape, const float* x, const float* dy, float* dw,
                               float* db, float* workspace, ThreadPool& pool);

}  // namespace fovea::cpu
