#pragma once

#include <cstdint>

#include "core/thread_pool.h"
#include "ops/random.h"

namespace fovea::cpu {

/// Images of `height` x `width` made from x, whose images have less than 2^31 elements. The rest is
/// AffineTransformOp's.
struct AffineTransform {
  std::int64_t samples, x_height, x_width, channels, height, width;
  bool bilinear;
  FillMode fill_mode;
  float fill_value;
};

void affine_transform(const AffineTransform& transform, const float* x, const float* matrices, float* y,
                      ThreadPool& pool);

}  // namespace fovea::cpu
