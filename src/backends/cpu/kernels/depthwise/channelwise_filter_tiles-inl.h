// The register kernels of the gradient by the weights: a vector of channels at a time, R x P gradients are
// held while the inputs that they meet pass by, and the sums of the taps of a row. Included once per
// instruction set.

#if defined(FOVEA_CHANNELWISE_FILTER_TILES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FOVEA_CHANNELWISE_FILTER_TILES_INL_H_
#undef FOVEA_CHANNELWISE_FILTER_TILES_INL_H_
#else
#define FOVEA_CHANNELWISE_FILTER_TILES_INL_H_
#endif

#include "backends/cpu/kernels/depthwise/channelwise_tiles-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

// 32 registers hold 2 x 7 gradients and two rows of up to 7 sums; 16 registers 4 gradients and a row of sums.
#if HWY_TARGET <= HWY_AVX3
inline constexpr int kFilterTileRows = 2, kWideFilterTile = 7;
#else
inline constexpr int kFilterTileRows = 1, kWideFilterTile = 5;
#endif
inline constexpr int kNarrowFilterTile = 4;

struct FilterTile {
  const float* const* in;  // a pointer for each input of the tile, to its channel 0
  const float* dy;         // channel 0 of the first pixel
  float* sums;             // [vector of channels][tap][lane]
  std::int64_t dy_row, dy_pixel;
  Range channels;  // of these
  std::int64_t all_channels, taps;
  std::int64_t in_ahead, dy_ahead;  // floats from a tile's inputs and gradients to those that are prefetched
};

/// body(first channel, sums) for each vector of the block.
template <class Body>
HWY_INLINE void for_vectors_of(const FilterTile& a, std::int64_t taps, Body&& body) {
  const std::int64_t lanes = lane_count();
  float* HWY_RESTRICT sums = a.sums;
  for (std::int64_t c = a.channels.begin; c < a.channels.end; c += lanes, sums += taps * lanes) {
    body(std::max<std::int64_t>(0, std::min(c, a.all_channels - lanes)), sums);
  }
}

/// sums[ky][kx] += sum over r < R, p < P of in[r * S + ky][p * S + kx] * dy[r][p].
template <int K, int S, int R, int P>
HWY_NOINLINE void filter_tile(const FilterTile& a) {
  constexpr int kRows = (R - 1) * S + K, kColumns = (P - 1) * S + K;
  const D d;
  const std::int64_t lanes = lane_count();
  for_vectors_of(a, K * K, [&](std::int64_t c, float* HWY_RESTRICT sums) HWY_ATTR {
    // What no tile has read before, as channel_tile does it.
    FOVEA_UNROLL_ROW
    for (int y = HWY_MAX(0, kRows - R * S); y < kRows; ++y) {
      FOVEA_UNROLL_ROW
      for (int x = HWY_MAX(0, kColumns - P * S); x < kColumns; ++x)
        prefetch(a.in[y * kColumns + x] + a.in_ahead + c);
    }
    Vector dy[R][P];
    FOVEA_UNROLL_ROW
    for (int r = 0; r < R; ++r) {
      FOVEA_UNROLL_ROW
      for (int p = 0; p < P; ++p) {
        const float* const from = a.dy + r * a.dy_row + p * a.dy_pixel + c;
        prefetch(from + a.dy_ahead);
        dy[r][p] = hn::LoadU(d, from);
      }
    }
    FOVEA_UNROLL_ROW
    for (int y = 0; y < kRows; ++y) {
      // Row y of the inputs meets gradient r under the taps of row y - r * S.
      Vector sum[R][K];
      FOVEA_UNROLL_ROW
      for (int r = 0; r < R; ++r) {
        FOVEA_UNROLL_ROW
        for (int kx = 0; kx < K; ++kx) {
          const int ky = y - r * S;
          sum[r][kx] = ky < 0 || ky >= K ? hn::Zero(d) : hn::LoadU(d, sums + (ky * K + kx) * lanes);
        }
      }
      FOVEA_UNROLL_ROW
      for (int x = 0; x < kColumns; ++x) {
        const Vector in = hn::LoadU(d, a.in[y * kColumns + x] + c);
        FOVEA_UNROLL_ROW
        for (int r = 0; r < R; ++r) {
          FOVEA_UNROLL_ROW
          for (int kx = 0; kx < K; ++kx) {
            const int ky = y - r * S;
            if (ky < 0 || ky >= K || x < kx || (x - kx) % S != 0 || (x - kx) / S >= P) continue;
            sum[r][kx] = hn::MulAdd(in, dy[r][(x - kx) / S], sum[r][kx]);
          }
        }
      }
      FOVEA_UNROLL_ROW
      for (int r = 0; r < R; ++r) {
        FOVEA_UNROLL_ROW
        for (int kx = 0; kx < K; ++kx) {
          const int ky = y - r * S;
          if (ky >= 0 && ky < K) hn::StoreU(sum[r][kx], d, sums + (ky * K + kx) * lanes);
        }
      }
    }
  });
}

/// One row of P gradients with any taps: in[tap][p]. Not `Whole`: fewer channels than lanes.
template <int P, bool Whole>
HWY_NOINLINE void any_filter_tile(const FilterTile& a) {
  const D d;
  const std::int64_t lanes = lane_count();
  for_vectors_of(a, a.taps, [&](std::int64_t c, float* HWY_RESTRICT sums) HWY_ATTR {
    const auto load = [&](const float* from) HWY_ATTR {
      return Whole ? hn::LoadU(d, from + c) : load_first(from, a.all_channels);
    };
    Vector dy[P];
    FOVEA_UNROLL
    for (int p = 0; p < P; ++p) dy[p] = load(a.dy + p * a.dy_pixel);
    const float* const* in = a.in;
    for (std::int64_t tap = 0; tap < a.taps; ++tap, in += P) {
      Vector sum = hn::LoadU(d, sums + tap * lanes);
      FOVEA_UNROLL
      for (int p = 0; p < P; ++p) sum = hn::MulAdd(load(in[p]), dy[p], sum);
      hn::StoreU(sum, d, sums + tap * lanes);
    }
  });
}

/// The tiles of one kernel size and stride, by width (wide, narrow, single) and rows - 1.
struct FilterTileFunctions {
  std::int64_t kernel, stride;
  void (*run[3][kFilterTileRows])(const FilterTile&);
};

template <int K, int S>
constexpr FilterTileFunctions filter_tile_functions() {
  constexpr int kR = kFilterTileRows;
  FilterTileFunctions f{K, S, {}};
  f.run[0][0] = filter_tile<K, S, 1, kWideFilterTile>;
  f.run[1][0] = filter_tile<K, S, 1, kNarrowFilterTile>;
  f.run[2][0] = filter_tile<K, S, 1, 1>;
  f.run[0][kR - 1] = filter_tile<K, S, kR, kWideFilterTile>;
  f.run[1][kR - 1] = filter_tile<K, S, kR, kNarrowFilterTile>;
  f.run[2][kR - 1] = filter_tile<K, S, kR, 1>;
  return f;
}

inline constexpr FilterTileFunctions kFilterTileFunctions[] = {
    filter_tile_functions<3, 1>(), filter_tile_functions<3, 2>(), filter_tile_functions<5, 1>(),
    filter_tile_functions<5, 2>(), filter_tile_functions<7, 1>(), filter_tile_functions<7, 2>()};
inline constexpr std::int64_t kMostFilterInputs =
    ((kFilterTileRows - 1) * 2 + 7) * ((kWideFilterTile - 1) * 2 + 7);

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
