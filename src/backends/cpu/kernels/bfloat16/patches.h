#pragma once

#include <algorithm>
#include <cstring>

#include "backends/cpu/kernels/bfloat16/dot.h"
#include "backends/cpu/kernels/conv2d/conv2d.h"
#include "backends/cpu/kernels/cut.h"

// A convolution as a product of matrices: a patch is what one output pixel reads, [ky][kx][channel].

namespace fovea::cpu {

inline std::int64_t depth_of(const Conv2DShape& s) { return s.kernel_h * s.kernel_w * s.in_channels; }
/// Elements from a patch to the next: an even number.
inline std::int64_t patch_size(const Conv2DShape& s) { return round_up(depth_of(s), 2); }
/// What may be written behind the last patch.
inline constexpr std::int64_t kPatchSlack = 32;

/// Weights as dot.h reads them: [block of columns][pair of rows][column][2].
class PackedMatrix {
 public:
  PackedMatrix(std::int64_t rows, std::int64_t columns)
      : pairs(ceil_div(rows, 2)), blocks(ceil_div(columns, kDotBlock)), columns_(columns) {}
  std::int64_t width(std::int64_t b) const {
    return std::min(kDotBlock, round_up(columns_, kDotLanes) - b * kDotBlock);
  }
  std::int64_t used(std::int64_t b) const { return std::min(kDotBlock, columns_ - b * kDotBlock); }
  std::int64_t block_begin(std::int64_t b) const { return b * kDotBlock * pairs * 2; }
  std::int64_t size() const { return round_up(columns_, kDotLanes) * pairs * 2; }

  const std::int64_t pairs, blocks;

 private:
  std::int64_t columns_;
};

/// Where the convolution reads its input.
class Patches {
 public:
  Patches(const Conv2DShape& shape, const bfloat16* from) : s_(shape), x_(from) {}

  /// Of that tap of an output pixel; null in the padding.
  const bfloat16* at(std::int64_t pixel, std::int64_t ky, std::int64_t kx) const {
    const std::int64_t ox = pixel % s_.out_width, row = pixel / s_.out_width;
    const std::int64_t y = row % s_.out_height * s_.stride_h - s_.pad_top + ky * s_.dilation_h;
    const std::int64_t x = ox * s_.stride_w - s_.pad_left + kx * s_.dilation_w;
    if (y < 0 || y >= s_.height || x < 0 || x >= s_.width) return nullptr;
    return x_ + ((row / s_.out_height * s_.height + y) * s_.width + x) * s_.in_channels;
  }

  /// The patches of `count` pixels from `first` on, each with a zero behind it if its size is odd.
  void gather(std::int64_t first, std::int64_t count, bfloat16* to) const {
    const std::int64_t size = patch_size(s_);
    while (count > 0) {
      const std::int64_t begin = first % s_.out_width, row = first / s_.out_width;
      const std::int64_t pixels = std::min(count, s_.out_width - begin);
      const std::int64_t image = row / s_.out_height, top = row % s_.out_height * s_.stride_h - s_.pad_top;
      for (std::int64_t ox = begin; ox < begin + pixels; ++ox, to += size)
        gather_patch(image, top, ox * s_.stride_w - s_.pad_left, to);
      first += pixels;
      count -= pixels;
    }
  }

 private:
  /// Runs up to this length are copied as so many elements: what comes behind them is written next.
  static constexpr std::int64_t kShort = 16;

  void gather_patch(std::int64_t image, std::int64_t top, std::int64_t left, bfloat16* to) const {
    const std::int64_t channels = s_.in_channels, run = s_.kernel_w * channels, row = s_.width * channels;
    const bool whole = s_.dilation_w == 1 && left >= 0 && left + s_.kernel_w <= s_.width;
    const bfloat16* const end = x_ + s_.batch * s_.height * row;
    for (std::int64_t ky = 0; ky < s_.kernel_h; ++ky, to += run) {
      const std::int64_t y = top + ky * s_.dilation_h;
      const bfloat16* const line = x_ + (image * s_.height + y) * row;
      if (y < 0 || y >= s_.height) {
        std::fill_n(to, run, bfloat16());
      } else if (!whole) {
        gather_taps(line, left, to);
      } else if (run <= kShort && end - (line + left * channels) >= kShort) {
        std::memcpy(static_cast<void*>(to), line + left * channels, kShort * sizeof(bfloat16));
      } else {
        copy(line + left * channels, run, to);
      }
    }
    if (s_.kernel_h * run % 2 != 0) *to = bfloat16();
  }

  void gather_taps(const bfloat16* line, std::int64_t x, bfloat16* to) const {
    const std::int64_t channels = s_.in_channels;
    for (std::int64_t kx = 0; kx < s_.kernel_w; ++kx, x += s_.dilation_w, to += channels) {
      if (x < 0 || x >= s_.width) {
        std::fill_n(to, channels, bfloat16());
      } else {
        copy(line + x * channels, channels, to);
      }
    }
  }

  static void copy(const bfloat16* from, std::int64_t count, bfloat16* to) {
    std::memcpy(static_cast<void*>(to), from, static_cast<std::size_t>(count) * sizeof(bfloat16));
  }

  const Conv2DShape& s_;
  const bfloat16* x_;
};

}  // namespace fovea::cpu
