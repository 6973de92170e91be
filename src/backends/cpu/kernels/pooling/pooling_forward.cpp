#include "backends/cpu/kernels/pooling/pooling.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/pooling/pooling_forward.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "backends/cpu/kernels/pooling/pooling-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

/// One row of outputs: window(what of it is inside, index of its first channel in y) for each.
template <class EachWindow>
HWY_INLINE void for_windows(const PoolShape& s, const float* x, std::int64_t row, EachWindow&& window) {
  const std::int64_t n = row / s.out_height, oh = row % s.out_height;
  const std::int64_t top = oh * s.stride_h - s.pad_top;
  const Range kh = intersection({-top, s.height - top}, {0, s.window_h});
  const float* image = x + (n * s.height + top + kh.begin) * s.width * s.channels;
  for (std::int64_t ow = 0; ow < s.out_width; ++ow) {
    const std::int64_t left = ow * s.stride_w - s.pad_left;
    const Range kw = intersection({-left, s.width - left}, {0, s.window_w});
    window(Window{image + (left + kw.begin) * s.channels, kh.size(), kw.size(), s.width * s.channels,
                  kh.begin * s.window_w + kw.begin, s.window_w},
           (row * s.out_width + ow) * s.channels);
  }
}

template <bool kMax, bool kWinners>
void extreme_rows(const PoolShape& s, const float* x, bool relu, float* y, std::uint8_t* winners,
                  Range rows) {
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    for_windows(s, x, row, [&](const Window& w, std::int64_t at) HWY_ATTR {
      std::uint8_t* const won = kWinners ? winners + at : nullptr;
      if (w.rows == 2 && w.columns == 2) {
        extreme_of<kMax, kWinners, 2, 2>(w, s.channels, relu, s.marks_dead, y + at, won);
      } else {
        extreme_of<kMax, kWinners, 0, 0>(w, s.channels, relu, s.marks_dead, y + at, won);
      }
    });
  }
}

void mean_rows(const PoolShape& s, const float* x, float* y, Range rows) {
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    for_windows(s, x, row,
                [&](const Window& w, std::int64_t at) HWY_ATTR { mean_of(w, s.channels, y + at); });
  }
}

void run_pool_forward(const PoolShape& s, const float* x, bool relu, float* y, std::uint8_t* winners,
                      ThreadPool& pool) {
  const EvenParts pieces =
      pieces_of_rows(s.batch * s.out_height, s.stride_h * s.width * s.channels + s.out_width * s.channels);
  pool.parallel_for(pieces.parts, [&](std::int64_t piece) {
    const Range rows = pieces.range(piece);
    if (s.kind == ops::PoolKind::average) return mean_rows(s, x, y, rows);
    if (s.kind == ops::PoolKind::max) {
      return winners != nullptr ? extreme_rows<true, true>(s, x, relu, y, winners, rows)
                                : extreme_rows<true, false>(s, x, relu, y, winners, rows);
    }
    return winners != nullptr ? extreme_rows<false, true>(s, x, relu, y, winners, rows)
                              : extreme_rows<false, false>(s, x, relu, y, winners, rows);
  });
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

HWY_EXPORT(run_pool_forward);

void pool_forward(const PoolShape& shape, const float* x, bool relu, float* y, std::uint8_t* winners,
                  ThreadPool& pool) {
  HWY_DYNAMIC_DISPATCH(run_pool_forward)(shape, x, relu, y, winners, pool);
}

}  // namespace fovea::cpu
#endif
