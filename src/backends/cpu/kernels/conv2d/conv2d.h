#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "backends/cpu/kernels/batch_norm/result_sums.h"
#include "core/thread_pool.h"
#include "fovea/ops.h"

namespace fovea::cpu {

/// A two-dimensional convolution over N,H,W,C float32 data with kernels of shape
/// (kernel_h, kernel_w, in_channels / groups, filters):
///   y[n, oy, ox, f] = sum over ky, kx, c of
///     x[n, oy * stride_h - pad_top + ky * dilation_h, ox * stride_w - pad_left + kx * dilation_w, c]
///     * w[ky, kx, c, f]
/// with zero outside of x. Padding at the bottom and right follows from out_height and out_width.
struct Conv2DShape {
  std::int64_t batch = 1;
  std::int64_t height = 1;
  std::int64_t width = 1;
  std::int64_t in_channels = 1;
  std::int64_t filters = 1;
  std::int64_t kernel_h = 1;
  std::int64_t kernel_w = 1;
  std::int64_t stride_h = 1;
  std::int64_t stride_w = 1;
  std::int64_t pad_top = 0;
  std::int64_t pad_left = 0;
  std::int64_t dilation_h = 1;
  std::int64_t dilation_w = 1;
  std::int64_t groups = 1;
  std::int64_t out_height = 1;
  std::int64_t out_width = 1;
};

/// What becomes of each sum: min(relu(sum + bias + residual), largest).
struct ConvEpilogue {
  const float* bias = nullptr;      ///< `filters` elements, or null
  const float* residual = nullptr;  ///< as y, or null; not with a pooling
  bool relu = false;
  float largest = std::numeric_limits<float>::infinity();  ///< with relu; ReLU6's is 6
  const ResultSums* sums = nullptr;  ///< of what comes of it, or null; not with a ReLU or a pooling
};

/// Bytes of weights in the order in which the forward pass reads them, of scratch memory that the backward
/// passes want; any alignment will do, 64 is best. The same for every instruction set and every number of
/// threads.
std::size_t conv2d_packed_bytes(const Conv2DShape& shape);
std::size_t conv2d_backward_input_workspace(const Conv2DShape& shape);
std::size_t conv2d_backward_filter_workspace(const Conv2DShape& shape);

/// Fills `packed` with the weights.
void conv2d_pack(const Conv2DShape& shape, const float* w, void* packed, ThreadPool& pool);
/// y = epilogue(conv(x, w)) for the weights in `packed`.
void conv2d_forward(const Conv2DShape& shape, const float* x, const void* packed,
                    const ConvEpilogue& epilogue, float* y, ThreadPool& pool);

/// Pieces of the ResultSums of the forward pass and of the gradient by the input.
std::int64_t conv2d_sum_pieces(const Conv2DShape& shape);
std::int64_t conv2d_backward_input_sum_pieces(const Conv2DShape& shape);

/// A pooling of the result in windows that do not overlap, without padding, as it is made; the map before it
/// is never written.
struct PooledOutput {
  ops::PoolKind kind = ops::PoolKind::max;
  std::int64_t window_h = 2, window_w = 2;
  bool relu = false;                ///< after the pooling
  bool marks_dead = false;          ///< the winner is kDeadWindow where y <= 0
  float* y = nullptr;               ///< (batch, out_height / window_h, out_width / window_w, filters)
  std::uint8_t* winners = nullptr;  ///< as pool_forward's, or null; none for averages
};

/// Is a window's row of results, for a block of filters, small enough to be kept while it is pooled?
bool conv2d_pools(const Conv2DShape& shape, const PooledOutput& pooled);

/// conv2d_forward and a pooling of its result.
void conv2d_pool_forward(const Conv2DShape& shape, const float* x, const void* packed,
                         const ConvEpilogue& epilogue, const PooledOutput& pooled, ThreadPool& pool);

/// dx = epilogue(the gradient of the loss by x), from dy, its gradient by conv(x, w). An epilogue that reads
/// or sums is for strides of 1.
void conv2d_backward_input(const Conv2DShape& shape, const float* dy, const float* w, float* dx,
                           void* workspace, ThreadPool& pool, const ConvEpilogue& epilogue = {});

/// dw = the gradient by w; db, unless null, the gradient by the bias.
void conv2d_backward_filter(const Conv2DShape& shape, const float* x, const float* dy, float* dw, float* db,
                            void* workspace, ThreadPool& pool);

}  // namespace fovea::cpu
