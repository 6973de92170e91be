#pragma once

#include <cstdint>
#include <limits>

#include "fovea/bfloat16.h"

// Products of matrices of bfloat16 by the instruction vdpbf16ps (AVX512_BF16): for each float of a vector,
// two products of bfloat16 are added to it, twice the multiply-adds of a float32 one. The sums are float32.

namespace fovea::cpu {

/// Has this machine the instruction, and may AVX-512 be used (FOVEA_MAX_ISA)?
bool has_bfloat16_dot();

/// Filters, or columns, of a block of packed weights; there is a vector of this many floats.
inline constexpr std::int64_t kDotLanes = 16, kDotBlock = 64;

/// c[row][f] = sum over i < pairs of a[row][2i] b[2i][f] + a[row][2i + 1] b[2i + 1][f], for some rows and
/// the filters of one block. `b` is packed [pair][filter][2], whole vectors of filters.
struct DotRows {
  const bfloat16* a = nullptr;
  std::int64_t a_row = 0;   ///< elements to the next row
  std::int64_t a_pair = 2;  ///< and to a row's next pair
  std::int64_t pairs = 0;
  const bfloat16* b = nullptr;
  std::int64_t filters = 0;  ///< those that are written; at most kDotBlock

  /// The sums as they are, in `sums`, or else as min(relu(sum + bias + residual), largest) in `out`.
  float* sums = nullptr;
  std::int64_t sums_row = 0;
  bool accumulate = false;  ///< sums start from what is there
  bfloat16* out = nullptr;
  const float* bias = nullptr;         ///< of these filters, in whole vectors; or null
  const bfloat16* residual = nullptr;  ///< strided as `out`; or null
  std::int64_t out_row = 0;
  bool relu = false;
  float largest = std::numeric_limits<float>::infinity();
};

/// Of `rows` rows. Only where has_bfloat16_dot().
void dot_rows(DotRows product, std::int64_t rows);

/// to[i * to_pair + 2 j] = rows[2 i][first + j], and behind it rows[2 i + 1][first + j], for i < pairs and
/// j < count; a null row counts as zeros. Only where has_bfloat16_dot().
void interleave(const bfloat16* const* rows, std::int64_t first, std::int64_t pairs, std::int64_t count,
                bfloat16* to, std::int64_t to_pair);

}  // namespace fovea::cpu
