#pragma once

#include "backends/cpu/kernels/bfloat16/winograd.h"
#include "backends/cpu/kernels/conv2d/strided_convolution.h"

namespace fovea::cpu {

/// A pass as one convolution; its weights, and what it reads and writes, are bfloat16.
struct HalfWinograd {
  StridedConvolution c;  ///< its sizes and strides
  WinogradProducts products = WinogradProducts::floats;
  const bfloat16* weights = nullptr;
  void* packed = nullptr;
  const bfloat16* in = nullptr;
  const HalfPooledGradient* pooled_in = nullptr;  ///< instead of `in`
  HalfWinogradForward end = {};                   ///< bias, residual, activation and where results go
};

void pack_half_winograd(const HalfWinograd& pass, ThreadPool& pool);
void run_half_winograd(const HalfWinograd& pass, ThreadPool& pool);

}  // namespace fovea::cpu
