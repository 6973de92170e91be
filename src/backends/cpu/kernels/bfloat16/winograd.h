#pragma once

#include <cstddef>

#include "backends/cpu/kernels/bfloat16/convolution.h"

// Winograd's convolutions (conv2d/winograd.h) that read and write bfloat16. The transforms are float32. The
// products are too, or else of transforms that are rounded to bfloat16, in pairs (dot.h): those cost half as
// much, and their results are off by some 0.9 % (the relative L2 error), five times what rounding a result to
// bfloat16 costs.

namespace fovea::cpu {

enum class WinogradProducts : std::uint8_t { floats, pairs };

/// Of an even number of channels and filters, where has_bfloat16_dot().
bool winograd_pairs_take(const Conv2DShape& shape);

/// As PooledOutput and PooledGradient, in bfloat16.
struct HalfPooledOutput {
  ops::PoolKind kind = ops::PoolKind::max;
  bool relu = false;
  bool marks_dead = false;
  bfloat16* y = nullptr;
  std::uint8_t* winners = nullptr;
};
struct HalfPooledGradient {
  const bfloat16* dy = nullptr;
  const std::uint8_t* winners = nullptr;
  const bfloat16* after = nullptr;
};

/// The passes of a shape that winograd_takes. The bias is in floats, of whole vectors of filters.
struct HalfWinogradForward {
  const bfloat16* x = nullptr;
  const void* packed = nullptr;
  const float* bias = nullptr;
  const bfloat16* residual = nullptr;
  bool relu = false;
  float largest = std::numeric_limits<float>::infinity();
  bfloat16* y = nullptr;
  const HalfPooledOutput* pooled = nullptr;  ///< instead of y: max, min or mean over 2x2 windows
};
std::size_t half_winograd_packed_bytes(const Conv2DShape& shape, WinogradProducts products);
void half_winograd_pack(const Conv2DShape& shape, WinogradProducts products, const bfloat16* w, void* packed,
                        ThreadPool& pool);
void half_winograd_forward(const Conv2DShape& shape, WinogradProducts products,
                           const HalfWinogradForward& pass, ThreadPool& pool);

/// dx from dy, or from what a pooling knows of it.
std::size_t half_winograd_backward_input_workspace(const Conv2DShape& shape, WinogradProducts products);
void half_winograd_backward_input(const Conv2DShape& shape, WinogradProducts products, const bfloat16* dy,
                                  const HalfPooledGradient* pooled_dy, const bfloat16* w, bfloat16* dx,
                                  void* workspace, ThreadPool& pool);

/// dw from x and dy by products of pairs of tiles; the sums, or the rounded sums, the other one is null.
std::size_t paired_winograd_backward_filter_workspace(const Conv2DShape& shape);
void paired_winograd_backward_filter(const Conv2DShape& shape, const bfloat16* x, const bfloat16* dy,
                                     float* dw, bfloat16* rounded_dw, void* workspace, ThreadPool& pool);

}  // namespace fovea::cpu
