#pragma once

#include <algorithm>
#include <cstdint>

#include "core/thread_pool.h"

namespace fovea::cpu {

/// A forward convolution over strided views. The forward pass is one of these, the gradient by the input one
/// for each residue of the input position modulo the stride. Sizes of channels and filters are per group;
/// strides count elements.
struct StridedConvolution {
  std::int64_t batch = 0, groups = 1, channels = 0, filters = 0;

  const float* in = nullptr;
  std::int64_t in_height = 0, in_width = 0;
  std::int64_t in_image = 0, in_row = 0, in_pixel = 0;

  float* out = nullptr;
  std::int64_t out_height = 0, out_width = 0;
  std::int64_t out_image = 0, out_row = 0, out_pixel = 0;

  /// Padding may be negative: the first tap then lies inside of the input.
  std::int64_t kernel_h = 0, kernel_w = 0, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
  std::int64_t pad_top = 0, pad_left = 0;

  const float* weights = nullptr;
  std::int64_t weight_h = 0, weight_w = 0, weight_channel = 0, weight_filter = 0, weight_group = 0;

  const float* bias = nullptr;
  bool relu = false;

  /// packed_weights_size() floats.
  float* packed = nullptr;
};

/// The widest vector in use, in floats: packed rows of filters are padded to a multiple of it.
inline constexpr std::int64_t kMaxLanes = 16;

inline std::int64_t round_up(std::int64_t value, std::int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

inline std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return a >= 0 ? (a + b - 1) / b : -(-a / b); }

inline std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

struct Range {
  std::int64_t begin = 0, end = 0;
  std::int64_t size() const { return end - begin; }
};

inline Range intersection(Range a, Range b) {
  const std::int64_t begin = std::max(a.begin, b.begin);
  return {begin, std::max(begin, std::min(a.end, b.end))};
}

/// The i in [0, count) with 0 <= start + i * step < size.
inline Range inside(std::int64_t start, std::int64_t step, std::int64_t count, std::int64_t size) {
  return intersection({ceil_div(-start, step), ceil_div(size - start, step)}, {0, count});
}

/// The output positions whose whole window lies inside of the input, along one axis.
inline Range full_window(std::int64_t pad, std::int64_t stride, std::int64_t dilation, std::int64_t kernel,
                         std::int64_t in_size, std::int64_t out_size) {
  const std::int64_t reach = std::max<std::int64_t>(0, (kernel - 1) * dilation);
  return intersection(inside(-pad, stride, out_size, in_size),
                      inside(reach - pad, stride, out_size, in_size));
}

/// Cuts [0, count) into equal parts (they differ by one at most) of at most `largest`.
struct EvenParts {
  EvenParts(std::int64_t count, std::int64_t largest)
      : parts(ceil_div(count, largest)), small(parts > 0 ? count / parts : 0), extra(count - small * parts) {}
  std::int64_t size(std::int64_t part) const { return small + (part < extra ? 1 : 0); }
  std::int64_t begin(std::int64_t part) const { return small * part + std::min(part, extra); }
  std::int64_t parts, small, extra;
};

inline std::int64_t packed_weights_size(const StridedConvolution& c) {
  return c.groups * c.kernel_h * c.kernel_w * c.channels * round_up(c.filters, kMaxLanes);
}

/// Packs the weights and computes `out`, with the best instruction set that this machine has.
void run_strided_convolution(const StridedConvolution& convolution, ThreadPool& pool);

}  // namespace fovea::cpu
