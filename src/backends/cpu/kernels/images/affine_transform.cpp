#include "backends/cpu/kernels/images/affine_transform.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/images/affine_transform.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "backends/cpu/kernels/vector-inl.h"

// A run of a row at a time: where its pixels come from and with what weights is computed in vectors, then
// pixel by pixel the neighbours are read. Those outside of the image have no weight, and are read from its
// edge; what they would have had goes to the fill value.

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

constexpr std::int64_t kRun = 8 * kMaxLanes;

/// Where a place outside of [0, size) is taken from.
HWY_INLINE Vector mapped(Vector at, std::int64_t size, FillMode mode) {
  const D d;
  if (mode == FillMode::constant) return at;
  const Vector zero = hn::Zero(d), n = hn::Set(d, static_cast<float>(size)),
               last = hn::Set(d, static_cast<float>(size - 1)), one = hn::Set(d, 1.0F);
  if (size <= 1) return zero;
  Vector below = at, above = at;
  if (mode == FillMode::reflect) {
    const Vector period = hn::Add(n, n);
    below = hn::Add(at, hn::Mul(period, hn::Trunc(hn::Div(hn::Neg(at), period))));
    below = hn::IfThenElse(hn::Lt(below, hn::Neg(n)), hn::Add(below, period), hn::Sub(hn::Neg(below), one));
    above = hn::Sub(at, hn::Mul(period, hn::Trunc(hn::Div(at, period))));
    above = hn::IfThenElse(hn::Ge(above, n), hn::Sub(hn::Sub(period, above), one), above);
  } else if (mode == FillMode::wrap) {
    below = hn::Add(at, hn::Mul(n, hn::Add(hn::Trunc(hn::Div(hn::Neg(at), last)), one)));
    above = hn::Sub(at, hn::Mul(n, hn::Trunc(hn::Div(at, last))));
  }
  at = hn::IfThenElse(hn::Lt(at, zero), below, hn::IfThenElse(hn::Gt(at, last), above, at));
  return hn::Min(hn::Max(at, zero), last);
}

/// A neighbour along one axis: its offset, of a pixel inside, and its weight, which is 0 outside.
struct Neighbour {
  IntVector offset;
  Vector weight;
};

HWY_INLINE Neighbour neighbour(Vector at, Vector weight, std::int64_t size, std::int64_t stride) {
  const D d;
  const DInt di;
  const Vector last = hn::Set(d, static_cast<float>(size - 1));
  const auto inside = hn::And(hn::Ge(at, hn::Zero(d)), hn::Le(at, last));
  // Integers are bounded as such: a place that is no number must not be read from either.
  const IntVector index = hn::Min(hn::Max(hn::ConvertTo(di, hn::IfThenElseZero(inside, at)), hn::Zero(di)),
                                  hn::Set(di, static_cast<std::int32_t>(size - 1)));
  return {hn::Mul(index, hn::Set(di, static_cast<std::int32_t>(stride))), hn::IfThenElseZero(inside, weight)};
}

/// The nearest whole number, halves away from zero.
HWY_INLINE Vector rounded(Vector at) {
  const D d;
  const Vector whole = hn::Trunc(at), rest = hn::Abs(hn::Sub(at, whole));
  const Vector further = hn::CopySign(hn::Set(d, 1.0F), at);
  return hn::IfThenElse(hn::Ge(rest, hn::Set(d, 0.5F)), hn::Add(whole, further), whole);
}

/// The neighbours of a run's pixels: one, or two by two.
struct Taps {
  alignas(64) std::int32_t offsets[4][kRun];
  alignas(64) float weights[4][kRun];
  alignas(64) float fill[kRun];  ///< the weight of what lies outside
};

void find_taps(const AffineTransform& t, const float* m, std::int64_t row, Range columns, Taps& taps) {
  const D d;
  const DInt di;
  const Vector down = hn::Set(d, static_cast<float>(row)), one = hn::Set(d, 1.0F);
  const auto place = [&](const float* line, Vector across) HWY_ATTR {
    // Not fused: a place at an edge is there or beyond as the formula has it.
    const Vector sum = hn::Add(hn::Mul(hn::Set(d, line[0]), across), hn::Mul(hn::Set(d, line[1]), down));
    return hn::Add(sum, hn::Set(d, line[2]));
  };
  const std::int64_t stride = t.x_width * t.channels;
  for (std::int64_t i = 0; i < columns.size(); i += lane_count()) {
    const Vector across = hn::ConvertTo(d, hn::Iota(di, static_cast<std::int32_t>(columns.begin + i)));
    const Vector x = mapped(place(m, across), t.x_width, t.fill_mode);
    const Vector y = mapped(place(m + 3, across), t.x_height, t.fill_mode);
    if (!t.bilinear) {
      const Neighbour h = neighbour(rounded(x), one, t.x_width, t.channels);
      const Neighbour v = neighbour(rounded(y), one, t.x_height, stride);
      const Vector weight = hn::Mul(h.weight, v.weight);
      hn::Store(hn::Add(h.offset, v.offset), di, taps.offsets[0] + i);
      hn::Store(weight, d, taps.weights[0] + i);
      hn::Store(hn::Sub(one, weight), d, taps.fill + i);
      continue;
    }
    const Vector left = hn::Floor(x), top = hn::Floor(y);
    const Vector right_part = hn::Sub(x, left), lower_part = hn::Sub(y, top);
    const Neighbour h[] = {neighbour(left, hn::Sub(one, right_part), t.x_width, t.channels),
                           neighbour(hn::Add(left, one), right_part, t.x_width, t.channels)};
    const Neighbour v[] = {neighbour(top, hn::Sub(one, lower_part), t.x_height, stride),
                           neighbour(hn::Add(top, one), lower_part, t.x_height, stride)};
    FOVEA_UNROLL
    for (int k = 0; k < 4; ++k) {
      hn::Store(hn::Add(v[k / 2].offset, h[k % 2].offset), di, taps.offsets[k] + i);
      hn::Store(hn::Mul(v[k / 2].weight, h[k % 2].weight), d, taps.weights[k] + i);
    }
    const Vector inside = hn::Mul(hn::Add(h[0].weight, h[1].weight), hn::Add(v[0].weight, v[1].weight));
    hn::Store(hn::Sub(one, inside), d, taps.fill + i);
  }
}

/// `Step` channels of each pixel of a run, from channel `first` on.
template <int Neighbours, int Step>
void read_channels(const AffineTransform& t, const float* x, const Taps& taps, std::int64_t count,
                   std::int64_t first, float* y) {
  for (std::int64_t i = 0; i < count; ++i) {
    float sums[Step];
    const float fill = taps.fill[i] * t.fill_value;
    FOVEA_UNROLL
    for (int c = 0; c < Step; ++c) sums[c] = fill;
    FOVEA_UNROLL
    for (int k = 0; k < Neighbours; ++k) {
      const float weight = taps.weights[k][i];
      const float* pixel = x + taps.offsets[k][i] + first;
      FOVEA_UNROLL
      for (int c = 0; c < Step; ++c) sums[c] += weight * pixel[c];
    }
    FOVEA_UNROLL
    for (int c = 0; c < Step; ++c) y[i * t.channels + first + c] = sums[c];
  }
}

template <int Neighbours>
void read_pixels(const AffineTransform& t, const float* x, const Taps& taps, std::int64_t count, float* y) {
  std::int64_t first = 0;
  for (; first + 3 <= t.channels; first += 3) read_channels<Neighbours, 3>(t, x, taps, count, first, y);
  for (; first < t.channels; ++first) read_channels<Neighbours, 1>(t, x, taps, count, first, y);
}

void run_affine_transform(const AffineTransform& t, const float* x, const float* matrices, float* y,
                          ThreadPool& pool) {
  const std::int64_t row_floats = t.width * t.channels;
  const EvenParts pieces = pieces_of_rows(t.samples * t.height, 16 * row_floats);
  pool.parallel_for(pieces.parts, [&](std::int64_t piece) {
    const Range rows = pieces.range(piece);
    Taps taps;
    for (std::int64_t row = rows.begin; row < rows.end; ++row) {
      const std::int64_t sample = row / t.height;
      const float* image = x + sample * t.x_height * t.x_width * t.channels;
      for (std::int64_t begin = 0; begin < t.width; begin += kRun) {
        const Range columns{begin, std::min(t.width, begin + kRun)};
        find_taps(t, matrices + 6 * sample, row % t.height, columns, taps);
        float* to = y + row * row_floats + begin * t.channels;
        if (t.bilinear) {
          read_pixels<4>(t, image, taps, columns.size(), to);
        } else {
          read_pixels<1>(t, image, taps, columns.size(), to);
        }
      }
    }
  });
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

HWY_EXPORT(run_affine_transform);

void affine_transform(const AffineTransform& transform, const float* x, const float* matrices, float* y,
                      ThreadPool& pool) {
  HWY_DYNAMIC_DISPATCH(run_affine_transform)(transform, x, matrices, y, pool);
}

}  // namespace fovea::cpu
#endif
