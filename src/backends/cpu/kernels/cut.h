#pragma once

#include <algorithm>
#include <cstdint>

#include "core/thread_pool.h"

namespace fovea::cpu {

/// The widest vector in use, in floats: packed rows are padded to a multiple of it.
inline constexpr std::int64_t kMaxLanes = 16;

/// The widest block of filters of any instruction set: how work is cut does not depend on it.
inline constexpr std::int64_t kMaxFilterBlock = 64;

inline std::int64_t round_up(std::int64_t value, std::int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

inline std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return a >= 0 ? (a + b - 1) / b : -(-a / b); }

inline std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

struct Range {
  std::int64_t begin = 0, end = 0;
  std::int64_t size() const { return end - begin; }
};

inline Range intersection(Range a, Range b) {
  const std::int64_t begin = std::max(a.begin, b.begin);
  return {begin, std::max(begin, std::min(a.end, b.end))};
}

/// The i in [0, count) with 0 <= start + i * step < size.
inline Range inside(std::int64_t start, std::int64_t step, std::int64_t count, std::int64_t size) {
  return intersection({ceil_div(-start, step), ceil_div(size - start, step)}, {0, count});
}

/// Cuts [0, count) into equal parts (they differ by one at most) of at most `largest`.
struct EvenParts {
  EvenParts(std::int64_t count, std::int64_t largest)
      : parts(ceil_div(count, largest)), small(parts > 0 ? count / parts : 0), extra(count - small * parts) {}
  std::int64_t size(std::int64_t part) const { return small + (part < extra ? 1 : 0); }
  std::int64_t begin(std::int64_t part) const { return small * part + std::min(part, extra); }
  Range range(std::int64_t part) const { return {begin(part), begin(part) + size(part)}; }
  std::int64_t parts, small, extra;
};

/// Floats that a piece of work which only streams through memory reads and writes: some ten microseconds,
/// several times what waking a sleeping thread costs. Less than that is one piece, and one piece runs on the
/// calling thread.
inline constexpr std::int64_t kPieceFloats = 64 * 1024;

/// `count` rows of `row_floats` each, cut into pieces of about kPieceFloats.
inline EvenParts pieces_of_rows(std::int64_t count, std::int64_t row_floats) {
  return {count, std::max<std::int64_t>(1, kPieceFloats / std::max<std::int64_t>(1, row_floats))};
}

/// A result beyond this many floats would be gone from the caches before anyone reads it: kernels that read
/// nothing of it again may write around them.
inline constexpr std::int64_t kStreamFloats = 8 * 1024 * 1024;

/// Multiply-adds below which several pieces are not worth another thread: a few microseconds of one core.
inline constexpr std::int64_t kSmallProducts = 128 * 1024;

/// piece(i) for each i in [0, pieces), on the calling thread alone where all of them together are
/// `multiply_adds` and these are few.
template <class Piece>
void for_pieces(ThreadPool& pool, std::int64_t pieces, std::int64_t multiply_adds, Piece&& piece) {
  if (multiply_adds >= kSmallProducts) return pool.parallel_for(pieces, piece);
  for (std::int64_t i = 0; i < pieces; ++i) piece(i);
}

}  // namespace fovea::cpu
