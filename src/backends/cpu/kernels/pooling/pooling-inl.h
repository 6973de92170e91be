// One window of a forward pooling, one input element's windows of a backward one, vectorised over channels.
// Included once per instruction set.

#if defined(FOVEA_POOLING_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FOVEA_POOLING_INL_H_
#undef FOVEA_POOLING_INL_H_
#else
#define FOVEA_POOLING_INL_H_
#endif

#include <cstdint>
#include <type_traits>

#include "backends/cpu/kernels/conv2d/conv2d.h"
#include "backends/cpu/kernels/vector-inl.h"
#include "ops/pool2d.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

/// What of a window lies inside of the image: rows x columns pixels from x on. Its first pixel is number
/// `first` of the whole window, whose rows are `window_w` pixels apart in that count.
struct Window {
  const float* x;
  std::int64_t rows, columns, x_row;
  std::int64_t first, window_w;
};

/// The winner, kDeadWindow where y <= 0.
HWY_INLINE IntVector marked(Vector y, IntVector winner) {
  const DInt di;
  return hn::IfThenElse(hn::RebindMask(di, hn::Le(y, hn::Zero(D()))), hn::Set(di, kDeadWindow), winner);
}

/// y[c] = the largest (smallest) x[., c], winners[c] its number; the first one of equals, and a NaN only when
/// it comes first. `relu`: y = max(y, 0), and NaN for NaN. `dead`: the winner is kDeadWindow where y <= 0.
/// kRows and kColumns, unless 0, are the window's size.
template <bool kMax, bool kWinners, int kRows, int kColumns>
HWY_INLINE void extreme_of(const Window& w, std::int64_t channels, bool relu, bool dead, float* y,
                           std::uint8_t* winners) {
  const DInt di;
  const std::int64_t rows = kRows == 0 ? w.rows : kRows;
  const std::int64_t columns = kColumns == 0 ? w.columns : kColumns;
  for_vectors(channels, [&](std::int64_t c, std::int64_t used) HWY_ATTR {
    Vector best = load_first(w.x + c, used);
    IntVector winner = hn::Set(di, static_cast<std::int32_t>(w.first));
    for (std::int64_t row = 0; row < rows; ++row) {
      for (std::int64_t column = 0; column < columns; ++column) {
        if (row == 0 && column == 0) continue;
        const Vector x = load_first(w.x + row * w.x_row + column * channels + c, used);
        const auto wins = kMax ? hn::Gt(x, best) : hn::Lt(x, best);
        best = hn::IfThenElse(wins, x, best);
        if constexpr (kWinners) {
          const auto number = static_cast<std::int32_t>(w.first + row * w.window_w + column);
          winner = hn::IfThenElse(hn::RebindMask(di, wins), hn::Set(di, number), winner);
        }
      }
    }
    if (kWinners && dead) winner = marked(best, winner);
    if (relu) best = hn::IfThenZeroElse(hn::Lt(best, hn::Zero(D())), best);
    store_first(best, y + c, used);
    if constexpr (kWinners) store_bytes(winner, winners + c, used);
  });
}

/// y[c] = the mean of x[., c].
HWY_INLINE void mean_of(const Window& w, std::int64_t channels, float* y) {
  const D d;
  const Vector count = hn::Set(d, static_cast<float>(w.rows * w.columns));
  for_vectors(channels, [&](std::int64_t c, std::int64_t used) HWY_ATTR {
    Vector sum = hn::Zero(d);
    for (std::int64_t row = 0; row < w.rows; ++row) {
      for (std::int64_t column = 0; column < w.columns; ++column) {
        sum = hn::Add(sum, load_first(w.x + row * w.x_row + column * channels + c, used));
      }
    }
    store_first(hn::Div(sum, count), y + c, used);
  });
}

/// A row of `count` windows side by side in rows of x that are `x_row` apart and `channels` a pixel; results
/// go to p.y and p.winners, the first at `at`, `pixel` apart.
template <bool kMax, bool kWinners, int kRows, int kColumns>
HWY_INLINE void extreme_row(const PooledOutput& p, const float* x, std::int64_t x_row, std::int64_t channels,
                            std::int64_t count, std::int64_t pixel, std::int64_t at) {
  for (std::int64_t i = 0; i < count; ++i, at += pixel, x += p.window_w * channels) {
    extreme_of<kMax, kWinners, kRows, kColumns>({x, p.window_h, p.window_w, x_row, 0, p.window_w}, channels,
                                                p.relu, p.marks_dead, p.y + at,
                                                kWinners ? p.winners + at : nullptr);
  }
}

inline void pool_row(const PooledOutput& p, const float* x, std::int64_t x_row, std::int64_t channels,
                     std::int64_t count, std::int64_t pixel, std::int64_t at) {
  const auto extreme = [&](auto max, auto winners) HWY_ATTR {
    constexpr bool kMax = decltype(max)::value, kWinners = decltype(winners)::value;
    if (p.window_h == 2 && p.window_w == 2)
      return extreme_row<kMax, kWinners, 2, 2>(p, x, x_row, channels, count, pixel, at);
    extreme_row<kMax, kWinners, 0, 0>(p, x, x_row, channels, count, pixel, at);
  };
  constexpr std::true_type yes;
  constexpr std::false_type no;
  switch (p.kind) {
    case ops::PoolKind::max:
      return p.winners != nullptr ? extreme(yes, yes) : extreme(yes, no);
    case ops::PoolKind::min:
      return p.winners != nullptr ? extreme(no, yes) : extreme(no, no);
    case ops::PoolKind::average:
      for (std::int64_t i = 0; i < count; ++i, at += pixel, x += p.window_w * channels)
        mean_of({x, p.window_h, p.window_w, x_row, 0, p.window_w}, channels, p.y + at);
  }
}

/// The windows that hold one pixel: rows x columns outputs from dy on. In the first of them the pixel is
/// number `number`; in the next column it is `stride_w` less, in the next row `row_numbers` less.
struct Windows {
  const float* dy;
  const std::uint8_t* winners;
  std::int64_t rows, columns, dy_row;
  std::int64_t number, stride_w, row_numbers;
};

/// dx[c] = the sum of dy over the windows that this pixel won.
HWY_INLINE void add_won(const Windows& w, std::int64_t channels, float* dx) {
  const D d;
  const DInt di;
  for_vectors(channels, [&](std::int64_t c, std::int64_t used) HWY_ATTR {
    Vector sum = hn::Zero(d);
    for (std::int64_t row = 0; row < w.rows; ++row) {
      for (std::int64_t column = 0; column < w.columns; ++column) {
        const std::int64_t at = row * w.dy_row + column * channels + c;
        const auto number = static_cast<std::int32_t>(w.number - row * w.row_numbers - column * w.stride_w);
        const auto won = hn::Eq(load_bytes(w.winners + at, used), hn::Set(di, number));
        sum = hn::Add(sum, hn::IfThenElseZero(hn::RebindMask(d, won), load_first(w.dy + at, used)));
      }
    }
    store_first(sum, dx + c, used);
  });
}

/// dx[c] = the sum over the windows that hold this pixel of dy / the pixels of that window inside the image,
/// count(row, column).
template <class Count>
HWY_INLINE void add_shares(const Windows& w, std::int64_t channels, float* dx, Count&& count) {
  const D d;
  for_vectors(channels, [&](std::int64_t c, std::int64_t used) HWY_ATTR {
    Vector sum = hn::Zero(d);
    for (std::int64_t row = 0; row < w.rows; ++row) {
      for (std::int64_t column = 0; column < w.columns; ++column) {
        const Vector dy = load_first(w.dy + row * w.dy_row + column * channels + c, used);
        sum = hn::Add(sum, hn::Div(dy, hn::Set(d, static_cast<float>(count(row, column)))));
      }
    }
    store_first(sum, dx + c, used);
  });
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
