#pragma once

#include "backends/cpu/kernels/cut.h"
#include "backends/cpu/kernels/matmul/matmul.h"

namespace fovea::cpu {

/// With few rows, all that takes time is reading b, and memory is read best from one end to the other: there,
/// each piece of work takes some rows of b, a share of k, and the shares' results are added up in their
/// order. The same for every instruction set and number of threads.
inline EvenParts product_shares(const MatMulShape& s) {
  constexpr std::int64_t kFewRows = 64, kMaxShares = 16, kLeastDepth = 256;
  const bool few = s.m <= kFewRows && !s.transpose_b && s.m * s.n * s.k >= kSmallProducts;
  const std::int64_t shares = few ? std::clamp<std::int64_t>(s.k / kLeastDepth, 1, kMaxShares) : 1;
  return {s.k, std::max<std::int64_t>(1, ceil_div(s.k, shares))};
}

}  // namespace fovea::cpu
