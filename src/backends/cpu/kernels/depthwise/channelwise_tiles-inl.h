// The register kernels: a vector of channels at a time, R x P results are accumulated while the inputs that
// they share pass by. Which pixel each input is stands in a list of pointers, so that a pixel beyond the
// border is one of zeros and no tile is special. Included once per instruction set.

#if defined(FOVEA_CHANNELWISE_TILES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FOVEA_CHANNELWISE_TILES_INL_H_
#undef FOVEA_CHANNELWISE_TILES_INL_H_
#else
#define FOVEA_CHANNELWISE_TILES_INL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "backends/cpu/kernels/depthwise/channelwise.h"
#include "backends/cpu/kernels/vector-inl.h"
#include "hwy/cache_control.h"

// A row of inputs is longer than FOVEA_UNROLL allows for.
#ifndef FOVEA_UNROLL_ROW
#if HWY_COMPILER_CLANG
#define FOVEA_UNROLL_ROW _Pragma("unroll")
#else
#define FOVEA_UNROLL_ROW _Pragma("GCC unroll 32")
#endif
#endif

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

// 32 registers hold 2 x 7 sums, the weights of a row of taps and an input; 16 registers 2 x 4 sums. Images of
// the usual nets are multiples of 7 wide.
#if HWY_TARGET <= HWY_AVX3
inline constexpr int kWideTile = 7;
#else
inline constexpr int kWideTile = 4;
#endif
inline constexpr int kNarrowTile = 4;

/// Where the vectors of channels begin: side by side, the last one moved back so that it is whole. With fewer
/// channels than lanes there is one, and it is not.
HWY_INLINE std::int64_t vector_begin(std::int64_t v, std::int64_t channels) {
  const std::int64_t lanes = lane_count();
  return std::max<std::int64_t>(0, std::min(v * lanes, channels - lanes));
}

struct ChannelTile {
  const float* const* in;  // a pointer for each input of the tile
  const float* weights;    // [vector of channels][tap][lane]
  const float* bias;       // null for zero
  float* out;
  std::int64_t out_row, out_pixel;
  std::int64_t channels, taps;
  std::int64_t in_ahead, out_ahead;  // floats from a tile's inputs and results to those that are prefetched
  DepthwiseActivation activation;
  bool stream;  // write around the caches; `out` is aligned and every vector full
};

/// Into L2. Prefetches into L1 wait for its few miss buffers, and the loads wait with them: half as fast.
HWY_INLINE void prefetch(const float* at) { __builtin_prefetch(at, 0, 2); }

/// As Keras' relu, this keeps a NaN.
template <int R, int P>
HWY_INLINE void activate(const DepthwiseActivation& activation, Vector (&sum)[R][P]) {
  if (!activation.relu) return;
  const D d;
  FOVEA_UNROLL_ROW
  for (int r = 0; r < R; ++r) {
    FOVEA_UNROLL_ROW
    for (int p = 0; p < P; ++p) sum[r][p] = hn::IfThenZeroElse(hn::Lt(sum[r][p], hn::Zero(d)), sum[r][p]);
  }
  if (activation.largest == 0) return;
  const Vector largest = hn::Set(d, activation.largest);
  FOVEA_UNROLL_ROW
  for (int r = 0; r < R; ++r) {
    FOVEA_UNROLL_ROW
    for (int p = 0; p < P; ++p) sum[r][p] = hn::IfThenElse(hn::Gt(sum[r][p], largest), largest, sum[r][p]);
  }
}

/// A cache line that is written only in part must be there first.
template <int R, int P>
HWY_INLINE void prefetch_results(const ChannelTile& a, std::int64_t c) {
  FOVEA_UNROLL_ROW
  for (int r = 0; r < R; ++r) {
    FOVEA_UNROLL_ROW
    for (int p = 0; p < P; ++p) prefetch(a.out + a.out_ahead + r * a.out_row + p * a.out_pixel + c);
  }
}

/// out[r][p] = activation(bias + sum over ky, kx < K of in[r * S + ky][p * S + kx] * weights[ky][kx]).
template <int K, int S, int R, int P>
HWY_NOINLINE void channel_tile(const ChannelTile& a) {
  constexpr int kRows = (R - 1) * S + K, kColumns = (P - 1) * S + K;
  const D d;
  const std::int64_t lanes = lane_count(), vectors = ceil_div(a.channels, lanes);
  const float* HWY_RESTRICT weights = a.weights;
  for (std::int64_t v = 0; v < vectors; ++v, weights += K * K * lanes) {
    const std::int64_t c = vector_begin(v, a.channels);
    const Vector start = a.bias == nullptr ? hn::Zero(d) : hn::LoadU(d, a.bias + c);
    Vector sum[R][P];
    FOVEA_UNROLL_ROW
    for (int r = 0; r < R; ++r) {
      FOVEA_UNROLL_ROW
      for (int p = 0; p < P; ++p) sum[r][p] = start;
    }
    // What no tile has read before: the last rows, to the right. Vectors of many pixels in turn are more
    // streams than a hardware prefetcher follows.
    FOVEA_UNROLL_ROW
    for (int y = HWY_MAX(0, kRows - R * S); y < kRows; ++y) {
      const float* const row = a.in[y * kColumns + HWY_MAX(0, kColumns - P * S)] + a.in_ahead;
      FOVEA_UNROLL_ROW
      for (int x = 0; x < P * S; ++x) prefetch(row + (v * P * S + x) * lanes);
    }
    if (!a.stream) prefetch_results<R, P>(a, c);
    FOVEA_UNROLL_ROW
    for (int y = 0; y < kRows; ++y) {
      FOVEA_UNROLL_ROW
      for (int x = 0; x < kColumns; ++x) {
        const Vector in = hn::LoadU(d, a.in[y * kColumns + x] + c);
        FOVEA_UNROLL_ROW
        for (int r = 0; r < R; ++r) {
          FOVEA_UNROLL_ROW
          for (int p = 0; p < P; ++p) {
            const int ky = y - r * S, kx = x - p * S;
            if (ky < 0 || ky >= K || kx < 0 || kx >= K) continue;
            sum[r][p] = hn::MulAdd(in, hn::LoadU(d, weights + (ky * K + kx) * lanes), sum[r][p]);
          }
        }
      }
    }
    activate(a.activation, sum);
    FOVEA_UNROLL_ROW
    for (int r = 0; r < R; ++r) {
      float* out = a.out + r * a.out_row + c;
      FOVEA_UNROLL_ROW
      for (int p = 0; p < P; ++p) {
        if (a.stream) {
          hn::Stream(sum[r][p], d, out + p * a.out_pixel);
        } else {
          hn::StoreU(sum[r][p], d, out + p * a.out_pixel);
        }
      }
    }
  }
}

/// One row of P results with any taps: in[tap][p]. Not `Whole`: fewer channels than lanes.
template <int P, bool Whole>
HWY_NOINLINE void any_tile(const ChannelTile& a) {
  const D d;
  const std::int64_t lanes = lane_count(), vectors = ceil_div(a.channels, lanes);
  const float* HWY_RESTRICT weights = a.weights;
  for (std::int64_t v = 0; v < vectors; ++v) {
    const std::int64_t c = vector_begin(v, a.channels);
    const auto load = [&](const float* from)
                          HWY_ATTR { return Whole ? hn::LoadU(d, from + c) : load_first(from, a.channels); };
    if (a.taps > 0) {
      FOVEA_UNROLL
      for (int p = 0; p < P; ++p) prefetch(a.in[(a.taps - 1) * P + p] + a.in_ahead + c);
    }
    if (!a.stream) prefetch_results<1, P>(a, c);
    const Vector start = a.bias == nullptr ? hn::Zero(d) : load(a.bias);
    Vector sum[1][P];
    FOVEA_UNROLL
    for (int p = 0; p < P; ++p) sum[0][p] = start;
    const float* const* in = a.in;
    for (std::int64_t tap = 0; tap < a.taps; ++tap, in += P, weights += lanes) {
      const Vector w = hn::LoadU(d, weights);
      FOVEA_UNROLL
      for (int p = 0; p < P; ++p) sum[0][p] = hn::MulAdd(load(in[p]), w, sum[0][p]);
    }
    activate(a.activation, sum);
    FOVEA_UNROLL
    for (int p = 0; p < P; ++p) {
      float* out = a.out + p * a.out_pixel + c;
      if (!Whole) {
        store_first(sum[0][p], out, a.channels);
      } else if (a.stream) {
        hn::Stream(sum[0][p], d, out);
      } else {
        hn::StoreU(sum[0][p], d, out);
      }
    }
  }
}

using TileFunction = void (*)(const ChannelTile&);

/// The tiles of one kernel size and stride.
struct TileFunctions {
  std::int64_t kernel, stride;
  TileFunction wide[2], narrow[2], single[2];  // by rows - 1
};

template <int K, int S>
constexpr TileFunctions tile_functions() {
  return {K,
          S,
          {channel_tile<K, S, 1, kWideTile>, channel_tile<K, S, 2, kWideTile>},
          {channel_tile<K, S, 1, kNarrowTile>, channel_tile<K, S, 2, kNarrowTile>},
          {channel_tile<K, S, 1, 1>, channel_tile<K, S, 2, 1>}};
}

inline constexpr TileFunctions kTileFunctions[] = {tile_functions<3, 1>(), tile_functions<3, 2>(),
                                                   tile_functions<5, 1>(), tile_functions<5, 2>(),
                                                   tile_functions<7, 1>(), tile_functions<7, 2>()};
inline constexpr std::int64_t kMostInputs = (7 + 2) * ((kWideTile - 1) * 2 + 7);

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
