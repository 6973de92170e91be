#include "backends/cpu/kernels/matmul/matmul.h"

#include <cstring>

#include "backends/cpu/epilogue.h"
#include "backends/cpu/kernels/elementwise/unary.h"
#include "backends/cpu/kernels/matmul/shares.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/matmul/matmul.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "backends/cpu/kernels/matmul/matmul-inl.h"
#include "backends/cpu/kernels/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

/// How the work on a range of k is cut. A piece is a block of rows and some panels of b side by side; it goes
/// through the slices of k, packs each panel's part of a slice (which then lies in L2) and runs the tiles of
/// its rows over it, while its rows' part of a stays in L2 for all panels. Packing costs one pass over b for
/// each block of rows, so a matrix is never packed as a whole; for a few rows, which one tile takes, b is
/// read where it is.
class ProductCut {
 public:
  static constexpr std::int64_t kDepth = 256;  // of a slice
  static constexpr std::int64_t kRows = 240;   // of a piece
  static constexpr std::int64_t kPanels = 8;   // of a piece, at most
  static constexpr std::int64_t kPieces = 16;  // as many as there should be, for a few threads to share

  ProductCut(const MatMulShape& shape, const MatMulOperands& operands, Range depth, bool one_piece)
      : s_(shape),
        o_(operands),
        depth_(depth),
        panels_(ceil_div(shape.n, width_)),
        rows_(shape.m, kRows),
        groups_(panels_,
                one_piece ? kPanels : std::clamp<std::int64_t>(panels_ * rows_.parts / kPieces, 1, kPanels)),
        slices_(depth.size(), kDepth),
        relu_(o_.activation != nullptr && o_.activation->is_plain_relu()) {}

  std::int64_t pieces() const { return rows_.parts * groups_.parts; }

  void compute(std::int64_t piece) const {
    alignas(64) float packed[kDepth * kMaxVectors * kMaxLanes];
    const Range rows = rows_.range(piece % rows_.parts);
    const Range panels = groups_.range(piece / rows_.parts);
    // Without products (k = 0) the bias alone remains.
    const std::int64_t slices = std::max<std::int64_t>(1, slices_.parts);
    for (std::int64_t slice = 0; slice < slices; ++slice) {
      for (std::int64_t panel = panels.begin; panel < panels.end; ++panel) {
        Range columns = columns_of(panel);
        const Range part = slices_.range(slice);
        const Range depth{depth_.begin + part.begin, depth_.begin + part.end};
        const bool first = slice == 0, last = slice == slices - 1;
        if (!s_.transpose_b && rows.size() <= largest_tile(kMaxVectors)) {
          const Range whole{columns.begin, columns.end - columns.size() % lane_count()};
          if (whole.size() > 0)
            multiply(rows, depth, whole, !first, last, o_.b + depth.begin * s_.n + whole.begin, s_.n);
          columns.begin = whole.end;
          if (columns.size() == 0) continue;
        }
        pack(depth, columns, packed);
        multiply(rows, depth, columns, !first, last, packed, vectors_of(columns) * lane_count());
      }
    }
  }

 private:
  Range columns_of(std::int64_t panel) const {
    return {panel * width_, std::min(s_.n, (panel + 1) * width_)};
  }
  static std::int64_t vectors_of(Range columns) { return ceil_div(columns.size(), lane_count()); }

  /// packed[i][j] = op(b)[depth.begin + i][columns.begin + j], zero where the last vector ends behind n.
  void pack(Range depth, Range columns, float* packed) const {
    const std::int64_t used = columns.size(), row = vectors_of(columns) * lane_count();
    for (std::int64_t i = 0; i < depth.size() && used < row; ++i)
      std::fill(packed + i * row + used, packed + (i + 1) * row, 0.0F);
    if (s_.transpose_b) {
      return transpose(o_.b + columns.begin * s_.k + depth.begin, s_.k, used, depth.size(), packed, row);
    }
    const float* from = o_.b + depth.begin * s_.n + columns.begin;
    for (std::int64_t i = 0; i < depth.size(); ++i) {
      for_vectors(used, [&](std::int64_t j, std::int64_t lanes) HWY_ATTR {
        store_first(load_first(from + i * s_.n + j, lanes), packed + i * row + j, lanes);
      });
    }
  }

  void multiply(Range rows, Range depth, Range columns, bool accumulate, bool last, const float* b,
                std::int64_t b_row) const {
    ProductTile t{};
    t.a_row = s_.transpose_a ? 1 : s_.k;
    t.a_step = s_.transpose_a ? s_.m : 1;
    t.a = o_.a + rows.begin * t.a_row + depth.begin * t.a_step;
    t.b = b;
    t.b_row = b_row;
    t.depth = depth.size();
    t.c_row = s_.n;
    t.c = o_.c + rows.begin * s_.n + columns.begin;
    t.start = o_.bias == nullptr ? nullptr : o_.bias + columns.begin;
    t.accumulate = accumulate;
    t.relu = last && relu_;
    const std::int64_t vectors = vectors_of(columns);
    t.last_lanes = columns.size() - (vectors - 1) * lane_count();
    column_of_tiles(vectors, rows.size(), t);
    if (!last || relu_ || o_.activation == nullptr) return;
    for (std::int64_t row = 0; row < rows.size(); ++row, t.c += t.c_row) {
      unary_forward(o_.activation->kind, o_.activation->parameters, t.c, t.c, columns.size());
    }
  }

  const MatMulShape& s_;
  const MatMulOperands& o_;
  const Range depth_;
  const std::int64_t width_ = kMaxVectors * lane_count();  // columns of a panel
  const std::int64_t panels_;
  const EvenParts rows_, groups_, slices_;
  const bool relu_;
};

/// Rows of c from the shares' results.
void join_shares(const MatMulShape& s, const MatMulOperands& o, const float* partial, std::int64_t shares,
                 Range rows) {
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    float* const c = o.c + row * s.n;
    for_vectors(s.n, [&](std::int64_t j, std::int64_t used) HWY_ATTR {
      Vector sum = o.bias == nullptr ? hn::Zero(D()) : load_first(o.bias + j, used);
      for (std::int64_t share = 0; share < shares; ++share)
        sum = hn::Add(sum, load_first(partial + (share * s.m + row) * s.n + j, used));
      store_first(sum, c + j, used);
    });
    if (o.activation != nullptr) unary_forward(o.activation->kind, o.activation->parameters, c, c, s.n);
  }
}

void run_matmul(const MatMulShape& s, const MatMulOperands& o, float* partial, ThreadPool& pool) {
  const EvenParts shares = product_shares(s);
  const std::int64_t products = s.m * s.n * s.k;
  if (shares.parts <= 1) {
    const ProductCut cut(s, o, {0, s.k}, false);
    return for_pieces(pool, cut.pieces(), products, [&](std::int64_t piece) { cut.compute(piece); });
  }
  pool.parallel_for(shares.parts, [&](std::int64_t share) {
    const MatMulOperands own{o.a, o.b, nullptr, nullptr, partial + share * s.m * s.n};
    const ProductCut cut(s, own, shares.range(share), true);
    for (std::int64_t piece = 0; piece < cut.pieces(); ++piece) cut.compute(piece);
  });
  const EvenParts rows = pieces_of_rows(s.m, s.n * shares.parts);
  pool.parallel_for(rows.parts,
                    [&](std::int64_t piece) { join_shares(s, o, partial, shares.parts, rows.range(piece)); });
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

HWY_EXPORT(run_matmul);

std::size_t matmul_workspace(const MatMulShape& shape) {
  const std::int64_t shares = product_shares(shape).parts;
  return shares <= 1 ? 0 : static_cast<std::size_t>(shares * shape.m * shape.n) * sizeof(float);
}

void matmul(const MatMulShape& shape, const MatMulOperands& operands, void* workspace, ThreadPool& pool) {
  HWY_DYNAMIC_DISPATCH(run_matmul)(shape, operands, static_cast<float*>(workspace), pool);
}

}  // namespace fovea::cpu
#endif
