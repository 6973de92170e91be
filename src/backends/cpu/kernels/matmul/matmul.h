#pragma once

#include <cstddef>
#include <cstdint>

#include "core/thread_pool.h"
#include "ops/unary.h"

namespace fovea::cpu {

/// c (m, n) = op(a) (m, k) op(b) (k, n), row by row in memory; a transposed operand lies there as (k, m) or
/// (n, k).
struct MatMulShape {
  std::int64_t m = 0, n = 0, k = 0;
  bool transpose_a = false, transpose_b = false;
};

/// Where the operands are; bias (n) and activation may be null.
struct MatMulOperands {
  const float *a, *b, *bias;
  const UnaryOp* activation;
  float* c;
};

std::size_t matmul_workspace(const MatMulShape& shape);

/// c = activation(op(a) op(b) + bias). An element's products are added in the order of k, in float, with
/// fused multiply-adds where the machine has them; where few rows meet a deep b, in several runs whose sums
/// are added.
void matmul(const MatMulShape& shape, const MatMulOperands& operands, void* workspace, ThreadPool& pool);

}  // namespace fovea::cpu
