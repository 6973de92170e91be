// The register kernel of the gradient by the weights: P input channels (or taps and channels side by side) x
// V vectors of filters are accumulated in registers while the pixels pass by. Included once per instruction
// set.

#if defined(FOVEA_CONV2D_BACKWARD_FILTER_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FOVEA_CONV2D_BACKWARD_FILTER_INL_H_
#undef FOVEA_CONV2D_BACKWARD_FILTER_INL_H_
#else
#define FOVEA_CONV2D_BACKWARD_FILTER_INL_H_
#endif

#include <cstdint>

#include "backends/cpu/kernels/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

/// sum[p * sum_row + f] = the sum over rows and columns of x[row * x_row + column * x_pixel + p] *
/// dy[row * dy_row + column * dy_pixel + f], for P p and V vectors of f.
struct GradientTile {
  const float* x;
  const float* dy;
  float* sum;
  std::int64_t sum_row;
  std::int64_t rows, x_row, dy_row;
  std::int64_t columns, x_pixel, dy_pixel;
  std::int64_t last_lanes;    // filters in the last vector
  bool accumulate;            // add to what `sum` holds
  const float* const* ahead;  // ahead[column] + ahead_offset is read soon, to be prefetched; null for none
  std::int64_t ahead_offset;
};

template <int P, int V, bool kWhole, bool kAhead>
HWY_NOINLINE void gradient_tile(const GradientTile& a) {
  const D d;
  const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(d));
  Vector sum[P][V];
  if (a.accumulate) {
    FOVEA_UNROLL
    for (int p = 0; p < P; ++p) {
      FOVEA_UNROLL
      for (int v = 0; v < V; ++v)
        sum[p][v] = kWhole || v < V - 1 ? hn::LoadU(d, a.sum + p * a.sum_row + v * lanes)
                                        : load_first(a.sum + p * a.sum_row + v * lanes, a.last_lanes);
    }
  } else {
    FOVEA_UNROLL
    for (int p = 0; p < P; ++p) {
      FOVEA_UNROLL
      for (int v = 0; v < V; ++v) sum[p][v] = hn::Zero(d);
    }
  }
  for (std::int64_t row = 0; row < a.rows; ++row) {
    const float* HWY_RESTRICT x = a.x + row * a.x_row;
    const float* HWY_RESTRICT dy = a.dy + row * a.dy_row;
    for (std::int64_t i = 0; i < a.columns; ++i, x += a.x_pixel, dy += a.dy_pixel) {
      if constexpr (kAhead) {
        if (a.ahead != nullptr) __builtin_prefetch(a.ahead[i] + a.ahead_offset, 0, 2);  // into L2
      }
      Vector g[V];
      FOVEA_UNROLL
      for (int v = 0; v < V; ++v) {
        g[v] = kWhole || v < V - 1 ? hn::LoadU(d, dy + v * lanes) : load_first(dy + v * lanes, a.last_lanes);
      }
      FOVEA_UNROLL
      for (int p = 0; p < P; ++p) {
        const Vector s = hn::Set(d, x[p]);
        FOVEA_UNROLL
        for (int v = 0; v < V; ++v) sum[p][v] = hn::MulAdd(s, g[v], sum[p][v]);
      }
    }
  }
  FOVEA_UNROLL
  for (int p = 0; p < P; ++p) {
    FOVEA_UNROLL
    for (int v = 0; v < V; ++v) {
      float* const to = a.sum + p * a.sum_row + v * lanes;
      if (kWhole || v < V - 1) {
        hn::StoreU(sum[p][v], d, to);
      } else {
        store_first(sum[p][v], to, a.last_lanes);
      }
    }
  }
}

template <int V, bool kWhole, bool kAhead>
void gradient_tile_of(std::int64_t entries, const GradientTile& a) {
  constexpr int kLargest = largest_tile(V);
  switch (entries) {
    case 1:
      return gradient_tile<1, V, kWhole, kAhead>(a);
    case 2:
      return gradient_tile<2, V, kWhole, kAhead>(a);
    case 3:
      return gradient_tile<3, V, kWhole, kAhead>(a);
    case 4:
      return gradient_tile<4, V, kWhole, kAhead>(a);
    case 5:
      return gradient_tile<5, V, kWhole, kAhead>(a);
    case 6:
      return gradient_tile<6, V, kWhole, kAhead>(a);
    case 7:
      return gradient_tile<HWY_MIN(kLargest, 7), V, kWhole, kAhead>(a);
    case 8:
      return gradient_tile<HWY_MIN(kLargest, 8), V, kWhole, kAhead>(a);
    case 9:
      return gradient_tile<HWY_MIN(kLargest, 9), V, kWhole, kAhead>(a);
    case 10:
      return gradient_tile<HWY_MIN(kLargest, 10), V, kWhole, kAhead>(a);
    case 11:
      return gradient_tile<HWY_MIN(kLargest, 11), V, kWhole, kAhead>(a);
    default:
      return gradient_tile<HWY_MIN(kLargest, 12), V, kWhole, kAhead>(a);
  }
}

template <int V, bool kAhead>
void gradient_tile_of(std::int64_t entries, const GradientTile& a) {
  const bool whole = a.last_lanes == static_cast<std::int64_t>(hn::Lanes(D()));
  return whole ? gradient_tile_of<V, true, kAhead>(entries, a)
               : gradient_tile_of<V, false, kAhead>(entries, a);
}

/// kAhead: does the caller want anything prefetched?
template <bool kAhead = false>
void gradient_tile_of(std::int64_t vectors, std::int64_t entries, const GradientTile& a) {
  switch (vectors) {
    case 1:
      return gradient_tile_of<1, kAhead>(entries, a);
    case 2:
      return gradient_tile_of<2, kAhead>(entries, a);
    case 3:
      return gradient_tile_of<HWY_MIN(kMaxVectors, 3), kAhead>(entries, a);
    default:
      return gradient_tile_of<HWY_MIN(kMaxVectors, 4), kAhead>(entries, a);
  }
}

/// sum[f] += the sum over `count` pixels of dy.
inline void add_pixels(const float* dy, std::int64_t pixel, std::int64_t count, std::int64_t filters,
                       float* sum) {
  const D d;
  const std::int64_t lanes = lane_count();
  // Several sums at a time: one waits for the addition before.
  constexpr int kSums = 4;
  std::int64_t f = 0;
  for (; f + kSums * lanes <= filters; f += kSums * lanes) {
    Vector total[kSums];
    FOVEA_UNROLL
    for (int v = 0; v < kSums; ++v) total[v] = hn::LoadU(d, sum + f + v * lanes);
    for (std::int64_t i = 0; i < count; ++i) {
      FOVEA_UNROLL
      for (int v = 0; v < kSums; ++v)
        total[v] = hn::Add(total[v], hn::LoadU(d, dy + i * pixel + f + v * lanes));
    }
    FOVEA_UNROLL
    for (int v = 0; v < kSums; ++v) hn::StoreU(total[v], d, sum + f + v * lanes);
  }
  for (; f < filters; f += lanes) {
    const std::int64_t used = std::min(lanes, filters - f);
    Vector total = load_first(sum + f, used);
    for (std::int64_t i = 0; i < count; ++i) total = hn::Add(total, load_first(dy + i * pixel + f, used));
    store_first(total, sum + f, used);
  }
}

/// to[i] = sum over parts of from[part * part_size + i], in the order of the parts.
inline void reduce_parts(const float* from, std::int64_t parts, std::int64_t part_size, std::int64_t count,
                         float* to) {
  const D d;
  const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t i = 0; i < count; i += lanes) {
    const std::int64_t used = std::min(lanes, count - i);
    Vector total = load_first(from + i, used);
    for (std::int64_t part = 1; part < parts; ++part) {
      total = hn::Add(total, load_first(from + part * part_size + i, used));
    }
    store_first(total, to + i, used);
  }
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
