// Transposing blocks of 32-bit elements in registers. Included once per instruction set.

#if defined(FOVEA_TRANSPOSE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FOVEA_TRANSPOSE_INL_H_
#undef FOVEA_TRANSPOSE_INL_H_
#else
#define FOVEA_TRANSPOSE_INL_H_
#endif

#include "backends/cpu/kernels/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

/// to[column * to_row + row] = from[row * from_row + column], 4 x 4.
HWY_INLINE void transpose_4x4(const float* from, std::int64_t from_row, float* to, std::int64_t to_row) {
#if HWY_TARGET == HWY_SCALAR
  for (std::int64_t column = 0; column < 4; ++column) {
    for (std::int64_t row = 0; row < 4; ++row) to[column * to_row + row] = from[row * from_row + column];
  }
#else
  const hn::FixedTag<float, 4> d;
  const auto a = hn::LoadU(d, from), b = hn::LoadU(d, from + from_row), c = hn::LoadU(d, from + 2 * from_row),
             e = hn::LoadU(d, from + 3 * from_row);
  const auto ab = hn::InterleaveLower(d, a, b), ce = hn::InterleaveLower(d, c, e);
  hn::StoreU(hn::ConcatLowerLower(d, ce, ab), d, to);
  hn::StoreU(hn::ConcatUpperUpper(d, ce, ab), d, to + to_row);
  const auto ab_upper = hn::InterleaveUpper(d, a, b), ce_upper = hn::InterleaveUpper(d, c, e);
  hn::StoreU(hn::ConcatLowerLower(d, ce_upper, ab_upper), d, to + 2 * to_row);
  hn::StoreU(hn::ConcatUpperUpper(d, ce_upper, ab_upper), d, to + 3 * to_row);
#endif
}

/// As transpose_4x4, for rows x columns.
inline void transpose(const float* from, std::int64_t from_row, std::int64_t rows, std::int64_t columns,
                      float* to, std::int64_t to_row) {
  // Blocks write whole cache lines, and no more of them than may lie a multiple of 4096 bytes apart without
  // pushing each other out of L1.
  constexpr std::int64_t kRows = 16, kColumns = 8;
  const std::int64_t whole_rows = rows / 4 * 4, whole_columns = columns / 4 * 4;
  for (std::int64_t row = 0; row < whole_rows; row += kRows) {
    const std::int64_t row_end = std::min(row + kRows, whole_rows);
    for (std::int64_t column = 0; column < whole_columns; column += kColumns) {
      const std::int64_t column_end = std::min(column + kColumns, whole_columns);
      for (std::int64_t r = row; r < row_end; r += 4) {
        for (std::int64_t c = column; c < column_end; c += 4) {
          transpose_4x4(from + r * from_row + c, from_row, to + c * to_row + r, to_row);
        }
      }
    }
    for (std::int64_t c = whole_columns; c < columns; ++c) {
      for (std::int64_t r = row; r < row_end; ++r) to[c * to_row + r] = from[r * from_row + c];
    }
  }
  for (std::int64_t row = whole_rows; row < rows; ++row) {
    for (std::int64_t column = 0; column < columns; ++column)
      to[column * to_row + row] = from[row * from_row + column];
  }
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
