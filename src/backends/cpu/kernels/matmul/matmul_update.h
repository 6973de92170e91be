#pragma once

#include <cstddef>

#include "backends/cpu/kernels/matmul/matmul.h"
#include "backends/cpu/kernels/optimizers/update.h"

namespace fovea::cpu {

/// Why it is not made for products of that shape; null when it is.
const char* reason_against_matmul_update(const MatMulShape& shape);

std::size_t matmul_update_workspace(const MatMulShape& shape);

/// Of a weight's gradient a^T b (m, n): a (k, m), the layer's inputs, and b (k, n), the gradient by its
/// outputs.
struct GradientFactors {
  const float *a, *b;
};

/// One optimizer step of a weight (m, n) with that gradient; `weight` are all its elements. A block of the
/// gradient is applied while it is in L2, the whole is nowhere. The bits are those of matmul() and then
/// update_run().
void matmul_update(const MatMulShape& shape, const GradientFactors& factors, const UpdateStep& step,
                   const UpdateRun& weight, void* workspace, ThreadPool& pool);

}  // namespace fovea::cpu
