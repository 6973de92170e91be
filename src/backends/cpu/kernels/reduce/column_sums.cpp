#include "backends/cpu/kernels/reduce/column_sums.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/reduce/column_sums.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "backends/cpu/kernels/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

/// Rows that are summed in float before their sum goes to a double.
inline constexpr std::int64_t kRowsInFloat = 64;
/// Columns whose sums, next to what passes by, stay in L1.
inline constexpr std::int64_t kColumnsInOrder = 1024;

/// V vectors of columns, the last one with `last` of them, of at most kRowsInFloat rows.
template <int V>
void add_column_block(const float* x, std::int64_t rows, std::int64_t columns, std::int64_t last,
                      double* sums) {
  const D d;
  const std::int64_t lanes = lane_count();
  Vector total[V];
  FOVEA_UNROLL
  for (int v = 0; v < V; ++v) total[v] = hn::Zero(d);
  for (std::int64_t row = 0; row < rows; ++row) {
    FOVEA_UNROLL
    for (int v = 0; v < V; ++v) {
      const float* from = x + row * columns + v * lanes;
      total[v] = hn::Add(total[v], v < V - 1 ? hn::LoadU(d, from) : load_first(from, last));
    }
  }
  alignas(64) float floats[V * kMaxLanes];
  FOVEA_UNROLL
  for (int v = 0; v < V; ++v) hn::Store(total[v], d, floats + v * lanes);
  const std::int64_t used = (V - 1) * lanes + last;
  for (std::int64_t c = 0; c < used; ++c) sums[c] += static_cast<double>(floats[c]);
}

/// As add_column_block for many columns: row by row, as memory lies, with the sums in L1.
void add_in_order(const float* x, std::int64_t rows, std::int64_t columns, std::int64_t count, double* sums) {
  alignas(64) float totals[kColumnsInOrder] = {};
  for (std::int64_t row = 0; row < rows; ++row) {
    for_vectors(count, [&](std::int64_t c, std::int64_t used) HWY_ATTR {
      store_first(hn::Add(load_first(totals + c, used), load_first(x + row * columns + c, used)), totals + c,
                  used);
    });
  }
  for (std::int64_t c = 0; c < count; ++c) sums[c] += static_cast<double>(totals[c]);
}

void add_wide_rows(const float* x, std::int64_t rows, std::int64_t columns, double* sums) {
  const std::int64_t lanes = lane_count();
  for (std::int64_t begin = 0; begin < rows; begin += kRowsInFloat) {
    const std::int64_t count = std::min(kRowsInFloat, rows - begin);
    const float* const from = x + begin * columns;
    std::int64_t c = 0;
    if (columns > 4 * lanes) {
      for (; c < columns; c += kColumnsInOrder)
        add_in_order(from + c, count, columns, std::min(kColumnsInOrder, columns - c), sums + c);
      continue;
    }
    if (columns == 4 * lanes) {
      add_column_block<4>(from, count, columns, lanes, sums);
      continue;
    }
    for (; c < columns; c += lanes)
      add_column_block<1>(from + c, count, columns, std::min(lanes, columns - c), sums + c);
  }
}

/// Few columns would leave lanes empty: there, several rows side by side count as one.
void add_row_block(const float* x, std::int64_t rows, std::int64_t columns, double* sums) {
  constexpr std::int64_t kWidth = 4 * kMaxLanes;
  if (columns == 0 || columns >= kMaxLanes) return add_wide_rows(x, rows, columns, sums);
  const std::int64_t together = kWidth / columns;
  double wide[kWidth] = {};
  add_wide_rows(x, rows / together, together * columns, wide);
  for (std::int64_t i = 0; i < together; ++i) {
    for (std::int64_t c = 0; c < columns; ++c) sums[c] += wide[i * columns + c];
  }
  x += rows / together * together * columns;
  for (std::int64_t row = 0; row < rows % together; ++row, x += columns) {
    for (std::int64_t c = 0; c < columns; ++c) sums[c] += static_cast<double>(x[c]);
  }
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

HWY_EXPORT(add_row_block);

void add_rows(const float* x, std::int64_t rows, std::int64_t columns, double* sums) {
  HWY_DYNAMIC_DISPATCH(add_row_block)(x, rows, columns, sums);
}

}  // namespace fovea::cpu
#endif
