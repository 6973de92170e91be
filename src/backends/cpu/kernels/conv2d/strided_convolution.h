#pragma once

#include <algorithm>
#include <cstdint>

#include "backends/cpu/kernels/conv2d/conv2d.h"
#include "backends/cpu/kernels/cut.h"

namespace fovea::cpu {

struct PooledGradient;

/// A forward convolution over strided views. The forward pass is one of these, the gradient by the input one
/// for each residue of the input position modulo the stride. Sizes of channels and filters are per group;
/// strides count elements.
struct StridedConvolution {
  std::int64_t batch = 0, groups = 1, channels = 0, filters = 0;

  const float* in = nullptr;
  /// What is read instead of `in`, by Winograd's kernel alone; null for none.
  const PooledGradient* pooled_in = nullptr;
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

  /// Its residual is laid out as `out`.
  ConvEpilogue epilogue = {};

  /// Where the results go instead of `out`; null for none. `out_pixel` is then the pixel of the pooled map.
  const PooledOutput* pooled = nullptr;

  /// packed_weights_size() floats.
  float* packed = nullptr;
};

/// The forward pass of a shape, without pointers.
StridedConvolution forward_convolution(const Conv2DShape& shape);
/// The same with all but the weights before they are packed and where the results go.
StridedConvolution forward_convolution(const Conv2DShape& shape, const float* x, const void* packed,
                                       const ConvEpilogue& epilogue);

/// The output positions whose whole window lies inside of the input, along one axis.
inline Range full_window(std::int64_t pad, std::int64_t stride, std::int64_t dilation, std::int64_t kernel,
                         std::int64_t in_size, std::int64_t out_size) {
  const std::int64_t reach = std::max<std::int64_t>(0, (kernel - 1) * dilation);
  return intersection(inside(-pad, stride, out_size, in_size),
                      inside(reach - pad, stride, out_size, in_size));
}

inline std::int64_t packed_weights_size(const StridedConvolution& c) {
  return c.groups * c.kernel_h * c.kernel_w * c.channels * round_up(c.filters, kMaxLanes);
}

/// Fills `packed` from `weights`, with the best instruction set that this machine has.
void pack_strided_convolution(const StridedConvolution& convolution, ThreadPool& pool);
/// Computes `out` from `packed`, which the same convolution has filled.
void run_strided_convolution(const StridedConvolution& convolution, ThreadPool& pool);
/// The same on the calling thread.
void run_strided_convolution(const StridedConvolution& convolution);

}  // namespace fovea::cpu
