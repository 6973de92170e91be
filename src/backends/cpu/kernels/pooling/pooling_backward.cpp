#include <cstring>

#include "backends/cpu/kernels/elementwise/unary.h"
#include "backends/cpu/kernels/pooling/disjoint.h"
#include "backends/cpu/kernels/pooling/pooling.h"
#include "backends/cpu/kernels/reduce/column_sums.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/pooling/pooling_backward.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "backends/cpu/kernels/pooling/pooling-inl.h"

// Each element of dx gathers from the windows that hold it, so that every element is written once, by one
// thread.

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

/// The outputs whose window holds position `i` of an axis: those with o * stride - pad <= i < o * stride -
/// pad
/// + window.
inline Range windows_of(std::int64_t i, std::int64_t pad, std::int64_t stride, std::int64_t window,
                        std::int64_t out) {
  return intersection({ceil_div(i + pad - window + 1, stride), floor_div(i + pad, stride) + 1}, {0, out});
}

/// Positions of window `o` inside of an axis.
inline std::int64_t inside_of(std::int64_t o, std::int64_t pad, std::int64_t stride, std::int64_t window,
                              std::int64_t size) {
  const std::int64_t start = o * stride - pad;
  return intersection({start, start + window}, {0, size}).size();
}

template <bool kAverage>
void pool_backward_row(const PoolShape& s, const float* dy, const std::uint8_t* winners, float* dx,
                       std::int64_t row) {
  const std::int64_t n = row / s.height, h = row % s.height;
  const Range oh = windows_of(h, s.pad_top, s.stride_h, s.window_h, s.out_height);
  float* to = dx + row * s.width * s.channels;
  Windows w{};
  w.rows = oh.size();
  w.dy_row = s.out_width * s.channels;
  w.stride_w = s.stride_w;
  w.row_numbers = s.stride_h * s.window_w;
  const std::int64_t first_row = (n * s.out_height + oh.begin) * w.dy_row;
  const std::int64_t kh = h + s.pad_top - oh.begin * s.stride_h;
  Range ow{0, 0};
  for (std::int64_t column = 0; column < s.width; ++column, to += s.channels) {
    // As windows_of, without its divisions.
    const std::int64_t i = column + s.pad_left;
    while (ow.begin < s.out_width && ow.begin * s.stride_w + s.window_w <= i) ++ow.begin;
    while (ow.end < s.out_width && ow.end * s.stride_w <= i) ++ow.end;
    w.columns = std::max<std::int64_t>(0, ow.size());
    if (w.rows == 0 || w.columns == 0) {
      std::memset(to, 0, static_cast<std::size_t>(s.channels) * sizeof(float));
      continue;
    }
    const std::int64_t first = first_row + ow.begin * s.channels;
    w.dy = dy + first;
    if constexpr (kAverage) {
      add_shares(w, s.channels, to, [&](std::int64_t r, std::int64_t c) {
        return inside_of(oh.begin + r, s.pad_top, s.stride_h, s.window_h, s.height) *
               inside_of(ow.begin + c, s.pad_left, s.stride_w, s.window_w, s.width);
      });
    } else {
      w.winners = winners + first;
      w.number = kh * s.window_w + i - ow.begin * s.stride_w;
      add_won(w, s.channels, to);
    }
  }
}

void pool_backward_row_of(const PoolShape& s, const float* dy, const std::uint8_t* winners, float* dx,
                          std::int64_t row) {
  if (s.kind == ops::PoolKind::average) return pool_backward_row<true>(s, dy, winners, dx, row);
  pool_backward_row<false>(s, dy, winners, dx, row);
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

HWY_EXPORT(pool_backward_row_of);

namespace {

EvenParts backward_pieces(const PoolShape& s) {
  return pieces_of_rows(s.batch * s.height, 2 * s.width * s.channels);
}

}  // namespace

bool pool_backward_takes_relu(const PoolShape& shape) {
  return shape.kind != ops::PoolKind::average && windows_are_disjoint(shape);
}

std::size_t pool_backward_workspace(const PoolShape& shape, bool with_sums) {
  return with_sums ? static_cast<std::size_t>(backward_pieces(shape).parts * shape.channels) * sizeof(double)
                   : 0;
}

void pool_backward(const PoolShape& s, const float* dy, const std::uint8_t* winners, float* dx,
                   const PoolBackwardExtras& extras, void* workspace, ThreadPool& pool) {
  const EvenParts pieces = backward_pieces(s);
  auto* const sums = static_cast<double*>(workspace);
  const std::int64_t row_floats = s.width * s.channels;
  const bool disjoint = pool_backward_takes_relu(s) && extras.activation == nullptr;
  const bool aligned = reinterpret_cast<std::uintptr_t>(dx) % 64 == 0 && s.channels % kMaxLanes == 0;
  const DisjointBackward tensors{dy, winners, extras.after, dx,
                                 aligned && s.batch * s.height * row_floats > kStreamFloats};
  pool.parallel_for(pieces.parts, [&](std::int64_t piece) {
    double* const own = extras.sums == nullptr ? nullptr : sums + piece * s.channels;
    if (own != nullptr) std::fill_n(own, s.channels, 0.0);
    if (disjoint) return disjoint_backward_rows(s, tensors, pieces.range(piece), own);
    for (std::int64_t row = pieces.begin(piece); row < pieces.range(piece).end; ++row) {
      HWY_DYNAMIC_DISPATCH(pool_backward_row_of)(s, dy, winners, dx, row);
      float* const to = dx + row * row_floats;
      if (extras.activation != nullptr) {
        unary_backward(extras.activation->kind, extras.activation->parameters,
                       extras.source + row * row_floats, to, to, row_floats);
      }
      if (own != nullptr) add_rows(to, s.width, s.channels, own);
    }
  });
  if (extras.sums != nullptr) add_parts(sums, pieces.parts, s.channels, 1, extras.sums);
}

}  // namespace fovea::cpu
#endif
