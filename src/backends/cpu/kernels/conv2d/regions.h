#pragma once

#include "backends/cpu/kernels/conv2d/conv2d.h"
#include "fovea/ops.h"
#include "fovea/tensor.h"

namespace fovea::cpu {

/// The shape of a convolution of an image `x` to `y`.
Conv2DShape conv2d_shape(const ops::Conv2DAttributes& attributes, const Shape& x, const Shape& kernel,
                         const Shape& y);

}  // namespace fovea::cpu
