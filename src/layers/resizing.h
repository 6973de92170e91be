#pragma once

#include <cstdint>

#include "fovea/layer.h"

namespace fovea {

/// The middle of images, or of smaller ones what has the proportions of that size, resized.
Value center_cropped(GraphBuilder& g, Value images, std::int64_t height, std::int64_t width);

/// Images of at most that size from where a part with its proportions would begin, resized to it: what
/// Keras' RandomCrop makes of images that are not larger.
Value cut_and_resized(GraphBuilder& g, Value images, std::int64_t height, std::int64_t width);

}  // namespace fovea
