#include "backends/cpu/kernels/reduce/reduce.h"

#include "backends/cpu/kernels/cut.h"
#include "backends/cpu/kernels/reduce/column_sums.h"
#include "backends/cpu/kernels/reduce/extremes.h"

namespace fovea::cpu {
namespace {

/// An item is a part of the reduced axis of one outer index, with `inner` partial results of its own; a piece
/// is some items. The parts of an outer index are added up in their order.
struct ReduceCut {
  explicit ReduceCut(const ReduceShape& s)
      : parts(s.size, std::max<std::int64_t>(1, kPieceFloats / std::max<std::int64_t>(1, s.inner))),
        items(s.outer * parts.parts),
        pieces(items,
               std::max<std::int64_t>(1, kPieceFloats / std::max<std::int64_t>(1, parts.size(0) * s.inner))) {
  }
  EvenParts parts;
  std::int64_t items;
  EvenParts pieces;
};

/// each(x of the item, rows, the item's partial results), for all items.
template <class Partial, class Each>
void for_items(const ReduceShape& s, const ReduceCut& cut, const float* x, Partial* partial, ThreadPool& pool,
               Each each) {
  pool.parallel_for(cut.pieces.parts, [&](std::int64_t piece) {
    for (std::int64_t item = cut.pieces.begin(piece); item < cut.pieces.range(piece).end; ++item) {
      const std::int64_t outer = item / cut.parts.parts, part = item % cut.parts.parts;
      each(x + (outer * s.size + cut.parts.begin(part)) * s.inner, cut.parts.size(part),
           partial + item * s.inner);
    }
  });
}

void reduce_sums(const ReduceShape& s, const ReduceCut& cut, const float* x, float* y, double* partial,
                 ThreadPool& pool) {
  for_items(s, cut, x, partial, pool, [&](const float* from, std::int64_t rows, double* sums) {
    std::fill_n(sums, s.inner, 0.0);
    add_rows(from, rows, s.inner, sums);
  });
  const double factor = s.kind == ops::ReduceKind::mean ? 1 / static_cast<double>(s.size) : 1;
  for (std::int64_t outer = 0; outer < s.outer; ++outer) {
    add_parts(partial + outer * cut.parts.parts * s.inner, cut.parts.parts, s.inner, factor,
              y + outer * s.inner);
  }
}

template <bool kMax>
void reduce_extremes(const ReduceShape& s, const ReduceCut& cut, const float* x, float* y, float* partial,
                     ThreadPool& pool) {
  for_items(s, cut, x, partial, pool, [&](const float* from, std::int64_t rows, float* best) {
    std::fill_n(best, s.inner, kWeakest<kMax>);
    extreme_rows(kMax, from, rows, s.inner, best);
  });
  for (std::int64_t outer = 0; outer < s.outer; ++outer) {
    for (std::int64_t i = 0; i < s.inner; ++i) {
      const float* parts = partial + outer * cut.parts.parts * s.inner + i;
      float best = parts[0];
      for (std::int64_t part = 1; part < cut.parts.parts; ++part)
        best = extreme_of<kMax>(best, parts[part * s.inner]);
      y[outer * s.inner + i] = best;
    }
  }
}

}  // namespace

std::size_t reduce_workspace(const ReduceShape& shape) {
  return static_cast<std::size_t>(ReduceCut(shape).items * shape.inner) * sizeof(double);
}

void reduce(const ReduceShape& shape, const float* x, float* y, void* workspace, ThreadPool& pool) {
  const ReduceCut cut(shape);
  switch (shape.kind) {
    case ops::ReduceKind::sum:
    case ops::ReduceKind::mean:
      return reduce_sums(shape, cut, x, y, static_cast<double*>(workspace), pool);
    case ops::ReduceKind::max:
      return reduce_extremes<true>(shape, cut, x, y, static_cast<float*>(workspace), pool);
    case ops::ReduceKind::min:
      return reduce_extremes<false>(shape, cut, x, y, static_cast<float*>(workspace), pool);
  }
}

std::size_t reduce_extreme_backward_workspace(const ReduceShape& shape) {
  return static_cast<std::size_t>(shape.outer * shape.inner) * sizeof(float);
}

void reduce_extreme_backward(const ReduceShape& s, const float* x, const float* y, const float* dy, float* dx,
                             void* workspace, ThreadPool& pool) {
  const EvenParts pieces = pieces_of_rows(s.outer, s.size * s.inner);
  pool.parallel_for(pieces.parts, [&](std::int64_t piece) {
    for (std::int64_t outer = pieces.begin(piece); outer < pieces.range(piece).end; ++outer) {
      const float* from = x + outer * s.size * s.inner;
      const float* extreme = y + outer * s.inner;
      float* share = static_cast<float*>(workspace) + outer * s.inner;
      std::fill_n(share, s.inner, 0.0F);
      count_winners(from, extreme, s.size, s.inner, share);
      for (std::int64_t i = 0; i < s.inner; ++i) share[i] = dy[outer * s.inner + i] / share[i];
      give_shares(from, extreme, share, s.size, s.inner, dx + outer * s.size * s.inner);
    }
  });
}

}  // namespace fovea::cpu
