#pragma once

#include <cstddef>
#include <cstdint>

#include "core/thread_pool.h"
#include "fovea/ops.h"
#include "fovea/tensor.h"

namespace fovea::cpu {

/// A depthwise convolution over N,H,W,C float32 data with kernels of shape (kernel_h, kernel_w, channels,
/// multiplier):
///   y[n, oy, ox, c * multiplier + m] = sum over ky, kx of
///     x[n, oy * stride_h - pad_top + ky * dilation_h, ox * stride_w - pad_left + kx * dilation_w, c]
///     * w[ky, kx, c, m]
/// with zero outside of x. Padding at the bottom and right follows from out_height and out_width.
struct DepthwiseShape {
  std::int64_t batch = 1;
  std::int64_t height = 1;
  std::int64_t width = 1;
  std::int64_t channels = 1;
  std::int64_t multiplier = 1;
  std::int64_t kernel_h = 1;
  std::int64_t kernel_w = 1;
  std::int64_t stride_h = 1;
  std::int64_t stride_w = 1;
  std::int64_t pad_top = 0;
  std::int64_t pad_left = 0;
  std::int64_t dilation_h = 1;
  std::int64_t dilation_w = 1;
  std::int64_t out_height = 1;
  std::int64_t out_width = 1;

  std::int64_t out_channels() const { return channels * multiplier; }
  std::int64_t taps() const { return kernel_h * kernel_w; }
};

/// The shape of a depthwise convolution of images `x` to `y`.
DepthwiseShape depthwise_shape(const ops::DepthwiseConv2DAttributes& attributes, const Shape& x,
                               const Shape& kernel, const Shape& y);

/// What is done to each result: nothing, or max(., 0), at most `largest` unless that is 0. A NaN stays.
struct DepthwiseActivation {
  bool relu = false;
  float largest = 0;
};

/// Are there channels and taps, and does what a tile keeps of each tap, pointers and sums, fit into the
/// thread's scratch memory? It does up to some ten thousand taps.
bool depthwise_takes(const DepthwiseShape& shape);

/// Bytes of scratch memory that each pass wants; any alignment will do. The same for every instruction set
/// and every number of threads.
std::size_t depthwise_forward_workspace(const DepthwiseShape& shape);
std::size_t depthwise_backward_input_workspace(const DepthwiseShape& shape);
std::size_t depthwise_backward_filter_workspace(const DepthwiseShape& shape);

/// y = activation(conv(x, w) + bias); `bias` has channels * multiplier elements or is null.
void depthwise_forward(const DepthwiseShape& shape, const float* x, const float* w, const float* bias,
                       DepthwiseActivation activation, float* y, void* workspace, ThreadPool& pool);

/// dx = the gradient of the loss by x, from dy, its gradient by conv(x, w).
void depthwise_backward_input(const DepthwiseShape& shape, const float* dy, const float* w, float* dx,
                              void* workspace, ThreadPool& pool);

/// dw = the gradient by w.
void depthwise_backward_filter(const DepthwiseShape& shape, const float* x, const float* dy, float* dw,
                               void* workspace, ThreadPool& pool);

}  // namespace fovea::cpu
