#pragma once

#include <cstdint>
#include <string>

#include "fovea/layer.h"

namespace fovea {

/// Fails unless it is "nearest", "bilinear", "bicubic", "lanczos3", "lanczos5" or "area".
void require_interpolation(const LayerImpl& layer, const std::string& interpolation);

/// One axis of images resampled to `size` places with half-pixel centres. With `antialias`, kernels are
/// widened where the image shrinks. As tf.image.resize does.
Value resampled(GraphBuilder& g, Value images, std::int64_t axis, std::int64_t size,
                const std::string& interpolation, bool antialias);

/// Both axes of images of whole numbers, rounded to whole numbers that the type has, as keras.ops does.
Value resampled_whole(GraphBuilder& g, Value images, Size2 size, const std::string& interpolation,
                      DType dtype);

}  // namespace fovea
