#pragma once

#include <cstdint>

#include "ops/binary.h"

namespace fovea::cpu {

// Elementwise ops over `count` elements on the calling thread; the result may be any of the inputs.

/// z = x + y, ...; a maximum or minimum with NaN is NaN.
void binary_block(BinaryKind kind, const float* x, const float* y, float* z, std::int64_t count);
/// What of dz goes to x (`first`) or to y, where z is the larger (`largest`) or smaller of the two.
void select_gradient_block(bool largest, bool first, const float* x, const float* y, const float* dz,
                           float* result, std::int64_t count);
/// max(x, 0) - x t + log(1 + e^-|x|).
void sigmoid_cross_entropy_block(const float* x, const float* t, float* loss, std::int64_t count);
void cast_block(const std::uint8_t* x, float* y, std::int64_t count);
void cast_block(const std::int32_t* x, float* y, std::int64_t count);

}  // namespace fovea::cpu
