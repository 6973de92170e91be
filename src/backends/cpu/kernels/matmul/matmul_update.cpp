#include "backends/cpu/kernels/matmul/matmul_update.h"

#include <algorithm>

#include "core/thread_scratch.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/matmul/matmul_update.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "backends/cpu/kernels/matmul/matmul-inl.h"

// A block of whole rows of the gradient is computed in the thread's scratch memory and applied from there.
// Rows are whole because weight and slots are read and written in long runs then: applied tile by tile, while
// a tile is in L1, the same takes up to twice as long. The bits depend on no cut.

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

class GradientProduct {
 public:
  GradientProduct(const MatMulShape& shape, const float* a, const float* b, float* packed)
      : s_(shape), a_(a), b_(b), packed_(packed), panels_(ceil_div(shape.n, width_)) {}

  std::int64_t panels() const { return panels_; }

  /// b's columns of a panel: [k][column], zero where the last vector ends behind n.
  void pack(std::int64_t panel) const {
    const Range columns = columns_of(panel);
    const std::int64_t row = vectors_of(columns) * lane_count();
    float* const to = packed_ + panel * width_ * s_.k;
    for (std::int64_t i = 0; i < s_.k; ++i) {
      for_vectors(columns.size(), [&](std::int64_t j, std::int64_t used) HWY_ATTR {
        hn::StoreU(load_first(b_ + i * s_.n + columns.begin + j, used), D(), to + i * row + j);
      });
    }
  }

  /// These rows, (rows, n), in the thread's scratch memory.
  const float* rows(Range rows) const {
    auto* const block = reinterpret_cast<float*>(thread_scratch());
    float* const own = block + rows.size() * s_.n;  // their part of a: [k][row]
    for (std::int64_t i = 0; i < s_.k; ++i)
      std::copy_n(a_ + i * s_.m + rows.begin, rows.size(), own + i * rows.size());
    for (std::int64_t panel = 0; panel < panels_; ++panel) {
      const Range columns = columns_of(panel);
      const std::int64_t vectors = vectors_of(columns);
      ProductTile t{};
      t.a = own;
      t.a_row = 1;
      t.a_step = rows.size();
      t.b = packed_ + panel * width_ * s_.k;
      t.b_row = vectors * lane_count();
      t.depth = s_.k;
      t.c = block + columns.begin;
      t.c_row = s_.n;
      t.last_lanes = columns.size() - (vectors - 1) * lane_count();
      column_of_tiles(vectors, rows.size(), t);
    }
    return block;
  }

 private:
  Range columns_of(std::int64_t panel) const {
    return {panel * width_, std::min(s_.n, (panel + 1) * width_)};
  }
  static std::int64_t vectors_of(Range columns) { return ceil_div(columns.size(), lane_count()); }

  const MatMulShape& s_;
  const float *a_, *b_;
  float* const packed_;
  const std::int64_t width_ = kMaxVectors * lane_count();  // columns of a panel
  const std::int64_t panels_;
};

void run_matmul_update(const MatMulShape& s, const GradientFactors& factors, const UpdateStep& step,
                       const UpdateRun& weight, EvenParts blocks, float* packed, ThreadPool& pool) {
  const GradientProduct gradient(s, factors.a, factors.b, packed);
  const EvenParts panels = pieces_of_rows(gradient.panels(), s.k * kMaxFilterBlock);
  pool.parallel_for(panels.parts, [&](std::int64_t piece) {
    const Range range = panels.range(piece);
    for (std::int64_t panel = range.begin; panel < range.end; ++panel) gradient.pack(panel);
  });
  pool.parallel_for(blocks.parts, [&](std::int64_t piece) {
    const Range rows = blocks.range(piece);
    UpdateRun run = part_of(weight, rows.begin * s.n, rows.size() * s.n);
    run.gradient = gradient.rows(rows);
    update_run(step, run);
  });
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {
namespace {

constexpr std::int64_t kBlockFloats = 48 * 1024;
constexpr std::int64_t kLeastRows = 12;  // the tallest tile
constexpr std::int64_t kLargestDepth = 256;

/// Rows that are computed and applied together.
EvenParts blocks_of(const MatMulShape& s) { return {s.m, std::max(kLeastRows, kBlockFloats / s.n)}; }

}  // namespace

HWY_EXPORT(run_matmul_update);

const char* reason_against_matmul_update(const MatMulShape& s) {
  if (!s.transpose_a || s.transpose_b) return "is no product a^T b";
  if (s.m * s.n == 0) return "there are no elements";
  if (s.k > kLargestDepth) return "the products take longer than writing and reading the gradient";
  const std::int64_t scratch = blocks_of(s).size(0) * (s.n + s.k) * static_cast<std::int64_t>(sizeof(float));
  if (scratch > static_cast<std::int64_t>(kThreadScratchBytes)) return "its rows are too long for the caches";
  return nullptr;
}

std::size_t matmul_update_workspace(const MatMulShape& s) {
  return static_cast<std::size_t>(s.k * round_up(s.n, kMaxFilterBlock)) * sizeof(float);
}

void matmul_update(const MatMulShape& shape, const GradientFactors& factors, const UpdateStep& step,
                   const UpdateRun& weight, void* workspace, ThreadPool& pool) {
  HWY_DYNAMIC_DISPATCH(run_matmul_update)
  (shape, factors, step, weight, blocks_of(shape), static_cast<float*>(workspace), pool);
}

}  // namespace fovea::cpu
#endif
