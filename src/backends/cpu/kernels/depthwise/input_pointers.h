#pragma once

#include <cstdint>

namespace fovea::cpu {

/// The images that tiles read.
struct InputImages {
  const float* data;
  std::int64_t height, width, channels;
  const float* zeros;  ///< a pixel of them, for what lies beyond the border
};

/// Points to a block of `rows` x `columns` pixels of image n, the first of them at (y, x): [row][column].
/// `offsets` are those of the block's pixels from its first, as block_offsets() makes them.
inline void point_to_block(const InputImages& in, std::int64_t n, std::int64_t y, std::int64_t x,
                           std::int64_t rows, std::int64_t columns, const std::int64_t* offsets,
                           const float** pointers) {
  if (y >= 0 && x >= 0 && y + rows <= in.height && x + columns <= in.width) {
    const float* const first = in.data + ((n * in.height + y) * in.width + x) * in.channels;
    for (std::int64_t i = 0; i < rows * columns; ++i) pointers[i] = first + offsets[i];
    return;
  }
  for (std::int64_t r = 0; r < rows; ++r) {
    const bool row_inside = y + r >= 0 && y + r < in.height;
    const float* const row = in.data + (n * in.height + (row_inside ? y + r : 0)) * in.width * in.channels;
    for (std::int64_t c = 0; c < columns; ++c) {
      const bool inside = row_inside && x + c >= 0 && x + c < in.width;
      *pointers++ = inside ? row + (x + c) * in.channels : in.zeros;
    }
  }
}

inline void block_offsets(const InputImages& in, std::int64_t rows, std::int64_t columns,
                          std::int64_t* offsets) {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; ++c) *offsets++ = (r * in.width + c) * in.channels;
  }
}

/// Points to the inputs of `count` results of a row, tap by tap: [tap row][tap column][result]. The taps of
/// the first result begin at (y, x).
struct TapGrid {
  std::int64_t rows, columns, row_step, column_step;  ///< taps, and pixels from tap to tap
};
inline void point_to_taps(const InputImages& in, std::int64_t n, std::int64_t y, std::int64_t x,
                          const TapGrid& taps, std::int64_t count, std::int64_t stride,
                          const float** pointers) {
  for (std::int64_t ky = 0; ky < taps.rows; ++ky) {
    const std::int64_t at_y = y + ky * taps.row_step;
    const bool row_inside = at_y >= 0 && at_y < in.height;
    const float* const row = in.data + (n * in.height + (row_inside ? at_y : 0)) * in.width * in.channels;
    for (std::int64_t kx = 0; kx < taps.columns; ++kx) {
      std::int64_t at_x = x + kx * taps.column_step;
      for (std::int64_t i = 0; i < count; ++i, at_x += stride) {
        *pointers++ = row_inside && at_x >= 0 && at_x < in.width ? row + at_x * in.channels : in.zeros;
      }
    }
  }
}

}  // namespace fovea::cpu
