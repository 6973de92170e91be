#pragma once

#include <cstddef>
#include <cstdint>

#include "core/thread_pool.h"
#include "ops/unary.h"

namespace fovea::cpu {

/// Pooling over N,H,W,C float32 images. A window covers rows oh * stride_h - pad_top + kh, kh < window_h, and
/// columns likewise; what lies outside of the image is not there.
struct PoolShape {
  ops::PoolKind kind = ops::PoolKind::max;
  std::int64_t batch = 1, height = 1, width = 1, channels = 1;
  std::int64_t out_height = 1, out_width = 1;
  std::int64_t window_h = 1, window_w = 1, stride_h = 1, stride_w = 1, pad_top = 0, pad_left = 0;
  bool marks_dead = false;  ///< forward: the winner is kDeadWindow where y <= 0
};

/// y (N,OH,OW,C) from x; `winners`, unless null, gets kh * window_w + kw of the first extreme of each window.
/// Windows with winners have at most 256 elements. `relu`: y = max(y, 0), which keeps a NaN; not for
/// averages.
void pool_forward(const PoolShape& shape, const float* x, bool relu, float* y, std::uint8_t* winners,
                  ThreadPool& pool);

/// What else happens beside the gathering: before it a product of dy with the slope of a ReLU after the
/// pooling, whose result was `after` (only where pool_backward_takes_relu); while dx is in the caches, a
/// product with the slope of the activation before the pooling, dx *= f'(source), and the sum over all
/// pixels, the gradient of the bias before that.
struct PoolBackwardExtras {
  const float* after = nullptr;
  const UnaryBackwardOp* activation = nullptr;
  const float* source = nullptr;
  float* sums = nullptr;  ///< (C), or null
};

/// Maximum and minimum with windows that do not overlap.
bool pool_backward_takes_relu(const PoolShape& shape);

std::size_t pool_backward_workspace(const PoolShape& shape, bool with_sums);

/// dx (N,H,W,C) from dy, and from the winners for maximum and minimum. Contributions to an element are added
/// in the order of the windows.
void pool_backward(const PoolShape& shape, const float* dy, const std::uint8_t* winners, float* dx,
                   const PoolBackwardExtras& extras, void* workspace, ThreadPool& pool);

}  // namespace fovea::cpu
