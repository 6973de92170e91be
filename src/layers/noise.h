#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "fovea/layer.h"

namespace fovea {

/// 0 with probability `rate`, otherwise 1 / (1 - rate), of that shape and the type of `like`; rate below 1.
Value dropout_factors(const LoweringContext& context, Value like, const Shape& shape, double rate,
                      std::uint64_t stream);
/// The shape of the mask for x that noise_shape asks for; Error where they do not fit.
Shape mask_shape(const LayerImpl& layer, const Shape& x, const std::optional<Shape>& noise_shape);
/// Fails unless 0 <= rate <= 1.
void require_rate(const LayerImpl& layer, std::string_view option, double rate);

/// The random numbers of this use of a layer that may have a seed of its own.
inline std::uint64_t stream_of(const LoweringContext& context, const std::optional<std::int64_t>& seed) {
  return context.stream ^ static_cast<std::uint64_t>(seed.value_or(0));
}

}  // namespace fovea
