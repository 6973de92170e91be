#pragma once

#include <cstdint>
#include <span>

namespace fovea {

/// Where an output row or column looks: two neighbours in the image (-1: in the border) and how far it is
/// from the first to the second.
struct Tap {
  std::int64_t low, high;
  float weight;
};

/// A row of an image at the width of the result: to[i, c] = low + (high - low) * weight of the columns'
/// pixels, in this order and without fused operations, so that every instruction set gives the same bits.
/// `row` has `width` pixels of `channels` bytes; `to` has room for kStretchSlack floats more than it gets.
void stretch_row(const std::uint8_t* row, std::int64_t width, std::int64_t channels,
                 std::span<const Tap> columns, float* to);
inline constexpr std::size_t kStretchSlack = 4;

/// to = top + (bottom - top) * weight, as above.
void blend_rows(std::span<const float> top, std::span<const float> bottom, float weight, float* to);

}  // namespace fovea
