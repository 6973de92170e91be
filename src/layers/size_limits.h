#pragma once

#include <span>

#include "fovea/layer.h"

namespace fovea {

/// Sizes from here on, of options or of axes, are refused: no tensor is as long, and what layers count with
/// them could no longer be counted in 64 bits.
inline constexpr std::int64_t size_limit = std::int64_t{1} << 31;

/// Fails when an option that is a whole number, or holds some, is beyond the limit. Options that may be left
/// out, such as seeds, are of any size; so are those of classes that are registered by others.
void require_modest_options(LayerImpl& layer);
/// Fails when a shape that the layer gives has a size beyond the limit.
void require_modest_shapes(const LayerImpl& layer, std::span<const Shape> shapes);

}  // namespace fovea
