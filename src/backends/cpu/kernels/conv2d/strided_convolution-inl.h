// The register kernel: P pixels x V vectors of filters are accumulated in registers while the taps and
// channels pass by; an input element is broadcast, a row of packed weights loaded. Included once per
// instruction set.

#if defined(FOVEA_STRIDED_CONVOLUTION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FOVEA_STRIDED_CONVOLUTION_INL_H_
#undef FOVEA_STRIDED_CONVOLUTION_INL_H_
#else
#define FOVEA_STRIDED_CONVOLUTION_INL_H_
#endif

#include <cstdint>

#include "backends/cpu/kernels/batch_norm/result_sums-inl.h"
#include "backends/cpu/kernels/conv2d/strided_convolution.h"
#include "backends/cpu/kernels/vector-inl.h"
#include "hwy/cache_control.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

/// P pixels by V vectors of filters: out[p][f] = start[f] + sum over rows, runs, i < run_length of
/// in[row * in_row + run * in_run + p * in_pixel + i] * weights[row * weight_row + run * weight_run + i][f].
struct TileArguments {
  const float* in;
  float* out;
  const float* weights;
  const float* bias;      // start; null for zero
  const float* residual;  // is added at the end, strided as `out`; null for none
  BlockSums* sums;        // of the results; null for none. From the first filter on
  const float* ahead;     // what follows in memory and is read next, to be prefetched; null for none
  std::int64_t in_pixel, out_pixel;
  std::int64_t rows, in_row, weight_row;
  std::int64_t runs, in_run, weight_run, run_length;
  std::int64_t last_lanes;  // filters in the last vector
  bool accumulate;          // start from what `out` holds
  bool relu;
  float largest;  // with relu
  bool stream;    // write around the caches; `out` is aligned and every vector full
};

/// What a tile reads besides, at the places of its results: each line is prefetched while the channels pass.
struct TileLines {
  explicit TileLines(const TileArguments& a) {
    if (a.residual != nullptr) from[tensors++] = a.residual;
    if (a.sums == nullptr || a.sums->all->x == nullptr) return;
    const std::int64_t at = a.out - a.sums->all->results;
    from[tensors++] = a.sums->all->x + at;
    if (a.sums->all->after != nullptr) from[tensors++] = a.sums->all->after + at;
  }
  HWY_INLINE void prefetch(std::int64_t offset) const {
    for (int i = 0; i < tensors; ++i) hwy::Prefetch(from[i] + offset);
  }
  const float* from[3];
  int tensors = 0;
};

template <int P, int V>
HWY_NOINLINE void tile(const TileArguments& a) {
  const D d;
  const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const bool whole = a.last_lanes == lanes;
  Vector sum[P][V];
  if (a.accumulate) {
    FOVEA_UNROLL
    for (int p = 0; p < P; ++p) {
      FOVEA_UNROLL
      for (int v = 0; v < V; ++v) {
        sum[p][v] = load_first(a.out + p * a.out_pixel + v * lanes, v == V - 1 ? a.last_lanes : lanes);
      }
    }
  } else {
    FOVEA_UNROLL
    for (int v = 0; v < V; ++v) {
      const Vector start =
          a.bias == nullptr ? hn::Zero(d) : load_first(a.bias + v * lanes, v == V - 1 ? a.last_lanes : lanes);
      FOVEA_UNROLL
      for (int p = 0; p < P; ++p) sum[p][v] = start;
    }
  }
  const std::int64_t pixel = a.in_pixel;
  const TileLines lines(a);
  for (std::int64_t row = 0; row < a.rows; ++row) {
    for (std::int64_t run = 0; run < a.runs; ++run) {
      const float* HWY_RESTRICT in = a.in + row * a.in_row + run * a.in_run;
      const float* HWY_RESTRICT weights = a.weights + row * a.weight_row + run * a.weight_run;
      const auto add_channel = [&]() HWY_ATTR {
        Vector w[V];
        FOVEA_UNROLL
        for (int v = 0; v < V; ++v) w[v] = hn::LoadU(d, weights + v * lanes);
        FOVEA_UNROLL
        for (int p = 0; p < P; ++p) {
          const Vector x = hn::Set(d, in[p * pixel]);
          FOVEA_UNROLL
          for (int v = 0; v < V; ++v) sum[p][v] = hn::MulAdd(x, w[v], sum[p][v]);
        }
        ++in;
        weights += V * lanes;
      };
      if (lines.tensors > 0 && row == 0 && run == 0) {
        const float* ahead = a.ahead;
        for (std::int64_t i = 0; i < a.run_length; ++i) {
          if (i < P * V) lines.prefetch(i / V * a.out_pixel + i % V * lanes);
          if (ahead != nullptr) hwy::Prefetch(ahead), ahead += P;
          add_channel();
        }
      } else if (a.ahead == nullptr) {
        for (std::int64_t i = 0; i < a.run_length; ++i) add_channel();
      } else {
        // The next P pixels, a part with each channel: at once they would fill the queue of misses.
        const float* ahead = a.ahead;
        for (std::int64_t i = 0; i < a.run_length; ++i, ahead += P) {
          hwy::Prefetch(ahead);
          add_channel();
        }
      }
    }
  }
  if (a.residual != nullptr) {
    FOVEA_UNROLL
    for (int p = 0; p < P; ++p) {
      const float* const from = a.residual + p * a.out_pixel;
      FOVEA_UNROLL
      for (int v = 0; v < V; ++v)
        sum[p][v] = hn::Add(sum[p][v], load_first(from + v * lanes, v == V - 1 ? a.last_lanes : lanes));
    }
  }
  if (a.relu) {
    FOVEA_UNROLL
    for (int p = 0; p < P; ++p) {
      FOVEA_UNROLL
      for (int v = 0; v < V; ++v) sum[p][v] = clipped_relu(sum[p][v], a.largest);
    }
  }
  if (a.sums != nullptr) {
    FOVEA_UNROLL
    for (int v = 0; v < V; ++v) {
      VectorSums sums(*a.sums, v * lanes, v == V - 1 ? a.last_lanes : lanes);
      sums.begin(sum[0][v]);
      FOVEA_UNROLL
      for (int p = 0; p < P; ++p) sum[p][v] = sums.add(sum[p][v], a.out + p * a.out_pixel + v * lanes);
      sums.finish();
    }
    a.sums->begun = true;
  }
  if (a.stream) {
    FOVEA_UNROLL
    for (int p = 0; p < P; ++p) {
      FOVEA_UNROLL
      for (int v = 0; v < V; ++v) hn::Stream(sum[p][v], d, a.out + p * a.out_pixel + v * lanes);
    }
    return;
  }
  FOVEA_UNROLL
  for (int p = 0; p < P; ++p) {
    float* out = a.out + p * a.out_pixel;
    FOVEA_UNROLL
    for (int v = 0; v < V - 1; ++v) hn::StoreU(sum[p][v], d, out + v * lanes);
    if (whole) {
      hn::StoreU(sum[p][V - 1], d, out + (V - 1) * lanes);
    } else {
      store_first(sum[p][V - 1], out + (V - 1) * lanes, a.last_lanes);
    }
  }
}

template <int V>
void tile_of(std::int64_t pixels, const TileArguments& a) {
  constexpr int kLargest = largest_tile(V);
  switch (pixels) {
    case 1:
      return tile<1, V>(a);
    case 2:
      return tile<2, V>(a);
    case 3:
      return tile<3, V>(a);
    case 4:
      return tile<4, V>(a);
    case 5:
      return tile<5, V>(a);
    case 6:
      return tile<6, V>(a);
    case 7:
      return tile<HWY_MIN(kLargest, 7), V>(a);
    case 8:
      return tile<HWY_MIN(kLargest, 8), V>(a);
    case 9:
      return tile<HWY_MIN(kLargest, 9), V>(a);
    case 10:
      return tile<HWY_MIN(kLargest, 10), V>(a);
    case 11:
      return tile<HWY_MIN(kLargest, 11), V>(a);
    default:
      return tile<HWY_MIN(kLargest, 12), V>(a);
  }
}

inline void tile_of(std::int64_t vectors, std::int64_t pixels, const TileArguments& a) {
  switch (vectors) {
    case 1:
      return tile_of<1>(pixels, a);
    case 2:
      return tile_of<2>(pixels, a);
    case 3:
      return tile_of<HWY_MIN(kMaxVectors, 3)>(pixels, a);
    default:
      return tile_of<HWY_MIN(kMaxVectors, 4)>(pixels, a);
  }
}

/// `count` pixels at a fixed step, in tiles of nearly equal size.
inline void line_of_tiles(std::int64_t vectors, std::int64_t count, TileArguments a) {
  const EvenParts parts(count, largest_tile(vectors));
  for (std::int64_t part = 0; part < parts.parts; ++part) {
    const std::int64_t pixels = parts.size(part);
    if (a.ahead != nullptr) a.ahead = a.in + pixels * a.in_pixel;
    tile_of(vectors, pixels, a);
    a.in += pixels * a.in_pixel;
    a.out += pixels * a.out_pixel;
    if (a.residual != nullptr) a.residual += pixels * a.out_pixel;
  }
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
