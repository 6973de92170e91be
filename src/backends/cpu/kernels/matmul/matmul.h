#pragma once

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

/// c = activation(op(a) op(b) + bias); bias (n) and activation may be null. An element's products are added
/// in the order of k, in float, with fused multiply-adds where the machine has them.
void matmul(const MatMulShape& shape, const float* a, const float* b, const float* bias,
            const UnaryOp* activation, float* c, ThreadPool& pool);

}  // namespace fovea::cpu
