#include "backends/cpu/kernels/reduce/extremes.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/reduce/extremes.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "backends/cpu/kernels/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

template <bool kMax>
void extreme_wide_rows(const float* x, std::int64_t rows, std::int64_t columns, float* y) {
  for_vectors(columns, [&](std::int64_t c, std::int64_t used) HWY_ATTR {
    Vector best = load_first(y + c, used);
    for (std::int64_t row = 0; row < rows; ++row) {
      const Vector v = load_first(x + row * columns + c, used);
      const auto wins = kMax ? hn::Gt(v, best) : hn::Lt(v, best);
      best = hn::IfThenElse(hn::Or(wins, hn::IsNaN(v)), v, best);
    }
    store_first(best, y + c, used);
  });
}

/// Few columns would leave lanes empty: there, several rows side by side count as one.
template <bool kMax>
void extreme_row_block(const float* x, std::int64_t rows, std::int64_t columns, float* y) {
  constexpr std::int64_t kWidth = 4 * kMaxLanes;
  if (columns == 0 || columns >= kMaxLanes) return extreme_wide_rows<kMax>(x, rows, columns, y);
  const std::int64_t together = kWidth / columns;
  float wide[kWidth];
  std::fill_n(wide, kWidth, kWeakest<kMax>);
  extreme_wide_rows<kMax>(x, rows / together, together * columns, wide);
  for (std::int64_t i = 0; i < together * columns; ++i)
    y[i % columns] = extreme_of<kMax>(y[i % columns], wide[i]);
  x += rows / together * together * columns;
  for (std::int64_t i = 0; i < rows % together * columns; ++i)
    y[i % columns] = extreme_of<kMax>(y[i % columns], x[i]);
}

void extreme_row_block_of(bool largest, const float* x, std::int64_t rows, std::int64_t columns, float* y) {
  if (largest) return extreme_row_block<true>(x, rows, columns, y);
  extreme_row_block<false>(x, rows, columns, y);
}

void count_block(const float* x, const float* y, std::int64_t rows, std::int64_t columns, float* winners) {
  const D d;
  const Vector one = hn::Set(d, 1.0F);
  if (columns > 1) {
    for_vectors(columns, [&](std::int64_t c, std::int64_t used) HWY_ATTR {
      const Vector extreme = load_first(y + c, used);
      Vector count = load_first(winners + c, used);
      for (std::int64_t row = 0; row < rows; ++row) {
        const auto equal = hn::Eq(load_first(x + row * columns + c, used), extreme);
        count = hn::Add(count, hn::IfThenElseZero(equal, one));
      }
      store_first(count, winners + c, used);
    });
    return;
  }
  const Vector extreme = hn::Set(d, y[0]);
  Vector count = hn::Zero(d);
  std::int64_t row = 0;
  for (; row + lane_count() <= rows; row += lane_count()) {
    count = hn::Add(count, hn::IfThenElseZero(hn::Eq(hn::LoadU(d, x + row), extreme), one));
  }
  winners[0] += hn::GetLane(hn::SumOfLanes(d, count));
  for (; row < rows; ++row) winners[0] += x[row] == y[0] ? 1.0F : 0.0F;
}

void share_block(const float* x, const float* y, const float* share, std::int64_t rows, std::int64_t columns,
                 float* dx) {
  if (columns > 1) {
    for (std::int64_t row = 0; row < rows; ++row, x += columns, dx += columns) {
      for_vectors(columns, [&](std::int64_t c, std::int64_t used) HWY_ATTR {
        const auto equal = hn::Eq(load_first(x + c, used), load_first(y + c, used));
        store_first(hn::IfThenElseZero(equal, load_first(share + c, used)), dx + c, used);
      });
    }
    return;
  }
  const Vector extreme = hn::Set(D(), y[0]), part = hn::Set(D(), share[0]);
  for_vectors(rows, [&](std::int64_t i, std::int64_t used) HWY_ATTR {
    store_first(hn::IfThenElseZero(hn::Eq(load_first(x + i, used), extreme), part), dx + i, used);
  });
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

HWY_EXPORT(extreme_row_block_of);
HWY_EXPORT(count_block);
HWY_EXPORT(share_block);

void extreme_rows(bool largest, const float* x, std::int64_t rows, std::int64_t columns, float* y) {
  HWY_DYNAMIC_DISPATCH(extreme_row_block_of)(largest, x, rows, columns, y);
}

void count_winners(const float* x, const float* y, std::int64_t rows, std::int64_t columns, float* winners) {
  HWY_DYNAMIC_DISPATCH(count_block)(x, y, rows, columns, winners);
}

void give_shares(const float* x, const float* y, const float* share, std::int64_t rows, std::int64_t columns,
                 float* dx) {
  HWY_DYNAMIC_DISPATCH(share_block)(x, y, share, rows, columns, dx);
}

}  // namespace fovea::cpu
#endif
