#pragma once

#include <variant>

#include "backends/backend.h"
#include "backends/cpu/kernels/conv2d/conv2d.h"
#include "fovea/ops.h"
#include "fovea/tensor.h"

namespace fovea::cpu {

/// The shape of a convolution of an image `x` to `y`.
Conv2DShape conv2d_shape(const ops::Conv2DAttributes& attributes, const Shape& x, const Shape& kernel,
                         const Shape& y);

/// Kernel::packed_form of weights that conv2d_pack() packs.
std::string conv2d_packed_form(const Conv2DShape& shape);

/// A convolution [+ bias] [+ ReLU] + a pooling [+ ReLU].
struct PooledRegion {
  int bias = -1, y = -1, winners = -1;  ///< positions among the region's inputs and outputs
  bool relu = false;                    ///< before the pooling
  Shape map;                            ///< before the pooling
  PooledOutput pooled;
};
/// Step `at` is the pooling.
std::variant<PooledRegion, Declined> read_pooled(const Region& region, std::size_t at);

/// [The slope of a ReLU +] the gradient of a pooling of 2x2 windows, and what reads that: the gradients by
/// bias, input and weights. Positions among the region's inputs and outputs, -1 for what there is not.
struct PooledBackwardRegion {
  Conv2DShape shape;
  int dy = -1, winners = -1, after = -1, x = -1, w = -1;
  int dx = -1, dw = -1, db = -1;
};
/// Declines what Winograd's and the sparse gradients do not take; types are the caller's matter.
std::variant<PooledBackwardRegion, Declined> read_pooled_backward(const Region& region);

}  // namespace fovea::cpu
