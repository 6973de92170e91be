#include "backends/cpu/kernels/bfloat16/winograd_pass.h"

#include "backends/cpu/kernels/bfloat16/dot.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/bfloat16/winograd_pass.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "backends/cpu/kernels/conv2d/strided_convolution-inl.h"
#include "backends/cpu/kernels/conv2d/winograd-inl.h"
#include "backends/cpu/kernels/conv2d/winograd_outputs-inl.h"

// As conv2d/winograd_convolution.cpp: a block of tiles at a time, inputs -> V [position][tile][channel],
// products with the transformed weights U -> M [position][tile][filter], outputs. U is [filter block]
// [position][channel][filter], or [filter block][position][pair of channels][filter][2].

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

/// A whole vector. Where pairs are multiplied, the machine has an instruction for it.
HWY_INLINE void store_rounded(Vector value, bfloat16* to) {
#if HWY_TARGET == HWY_AVX3
  __m256i halves;
  asm("vcvtneps2bf16 %1, %0" : "=v"(halves) : "v"(value.raw));
  std::memcpy(static_cast<void*>(to), &halves, sizeof halves);
#else
  store_first(value, to, lane_count());
#endif
}
HWY_INLINE void store_transformed(Vector value, bfloat16* to) { store_rounded(value, to); }
HWY_INLINE void store_transformed(Vector value, float* to) { hn::StoreU(value, D(), to); }

/// `T`: of the transforms that are multiplied.
template <class T>
class HalfWinogradRun {
 public:
  explicit HalfWinogradRun(const HalfWinograd& pass)
      : p(pass),
        c(pass.c),
        lanes(lane_count()),
        width(kPairs ? kDotBlock : kMaxVectors * lanes),
        blocks(ceil_div(c.filters, width)),
        channels(round_up(c.channels, kMaxLanes)),
        tiles(c.batch, pooled() ? c.out_height / 2 * 2 : c.out_height,
              pooled() ? c.out_width / 2 * 2 : c.out_width,
              channels * static_cast<std::int64_t>(sizeof(T)) / 4 + kMaxFilterBlock),
        splits(blocks,
               ceil_div(blocks, ceil_div(kEnoughPieces, std::max<std::int64_t>(1, tiles.blocks.parts)))) {}

  /// Transforms the weights of some channels.
  void pack(std::int64_t piece) const {
    const std::int64_t first = piece * kMaxLanes, count = std::min(kMaxLanes, c.channels - first);
    for (std::int64_t f = 0; f < c.filters; f += lanes) {
      const std::int64_t used = std::min(lanes, c.filters - f);
      alignas(64) float kernels[kMaxLanes * 9 * kMaxLanes];
      gather_kernels(p.weights + first * c.weight_channel + f * c.weight_filter, count, used, kernels);
      for (std::int64_t i = 0; i < count; i += kPairs ? 2 : 1)
        pack_kernels(kernels + i * 9 * kMaxLanes, first + i, f);
    }
  }
  std::int64_t packing_pieces() const { return ceil_div(c.channels, kMaxLanes); }

  void compute(std::int64_t piece) const {
    auto* const inputs = reinterpret_cast<T*>(thread_scratch());
    const Range range = tiles.blocks.range(piece / splits.parts);
    const Range filter_blocks = splits.range(piece % splits.parts);
    // From one position to the next, a cache line more, as position_stride() has it.
    const std::int64_t input_position = range.size() * channels + 64 / static_cast<std::int64_t>(sizeof(T));
    auto* const products = reinterpret_cast<float*>(inputs + kPositions * input_position);
    const HalfWinogradForward& end = p.end;
    const WinogradOutputs<bfloat16, HalfPooledOutput, Store> outputs(
        c, {end.bias, end.residual, end.relu, end.largest, end.y, end.pooled});
    for (std::int64_t i = range.begin; i < range.end; ++i)
      transform(tiles.place(i), inputs + (i - range.begin) * channels, input_position);
    for (std::int64_t b = filter_blocks.begin; b < filter_blocks.end; ++b) {
      const std::int64_t filters = block_width(b), product_position = position_stride(range.size() * filters);
      for (std::int64_t at = 0; at < kPositions; ++at)
        multiply(b, at, inputs + at * input_position, range.size(), products + at * product_position);
      for (std::int64_t i = range.begin; i < range.end; ++i) {
        const float* const from = products + (i - range.begin) * filters;
        for_vectors(std::min(width, c.filters - b * width), [&](std::int64_t f, std::int64_t used) HWY_ATTR {
          outputs.write(tiles.place(i), b * width + f, used, [&](int row, int column) HWY_ATTR {
            return hn::LoadU(D(), from + (row * kTileInputs + column) * product_position + f);
          });
        });
      }
    }
  }

  std::int64_t pieces() const { return tiles.blocks.parts * splits.parts; }

 private:
  static constexpr bool kPairs = std::is_same_v<T, bfloat16>;
  /// As in conv2d/winograd_convolution.cpp.
  static constexpr std::int64_t kEnoughPieces = 8;

  bool pooled() const { return p.end.pooled != nullptr; }
  std::int64_t block_width(std::int64_t b) const {
    return std::min(width, round_up(c.filters, kPairs ? kDotLanes : lanes) - b * width);
  }
  T* weights_of(std::int64_t b) const {
    return static_cast<T*>(p.packed) + kPositions * c.channels * b * width;
  }

  /// [channel][ky][kx][filter], zero for the filters after `used`.
  void gather_kernels(const bfloat16* from, std::int64_t count, std::int64_t used, float* kernels) const {
    std::fill_n(kernels, kMaxLanes * 9 * kMaxLanes, 0.0F);
    for (std::int64_t tap = 0; tap < 9; ++tap) {
      const bfloat16* const weights = from + tap / 3 * c.weight_h + tap % 3 * c.weight_w;
      for (std::int64_t i = 0; i < count; ++i) {
        float* const to = kernels + (i * 9 + tap) * kMaxLanes;
        if (c.weight_filter == 1) {
          hn::Store(load_first(weights + i * c.weight_channel, used), D(), to);
          continue;
        }
        for (std::int64_t f = 0; f < used; ++f)
          to[f] = static_cast<float>(weights[i * c.weight_channel + f * c.weight_filter]);
      }
    }
  }

  /// Transforms the kernels of one channel, or of two, and a vector of filters from `f` on.
  void pack_kernels(const float* kernels, std::int64_t channel, std::int64_t f) const {
    const std::int64_t b = f / width, position = c.channels * block_width(b);
    T* const to = weights_of(b) + channel * block_width(b) + f % width * (kPairs ? 2 : 1);
    Vector t[6][6];
    transform_kernel(kernels, t);
    if constexpr (kPairs) {
      const DUnsigned du;
      Vector second[6][6];
      transform_kernel(kernels + 9 * kMaxLanes, second);
      for (int i = 0; i < kPositions; ++i) {
        const auto pair =
            hn::Or(rounded_halves(t[i / 6][i % 6]), hn::ShiftLeft<16>(rounded_halves(second[i / 6][i % 6])));
        hn::StoreU(pair, du, reinterpret_cast<std::uint32_t*>(to + i * position));
      }
    } else {
      for (int i = 0; i < kPositions; ++i) hn::StoreU(t[i / 6][i % 6], D(), to + i * position);
    }
  }

  static void transform_kernel(const float* kernels, Vector t[6][6]) {
    Vector half[3][6];
    for (int ky = 0; ky < 3; ++ky) {
      Vector g[3];
      for (int kx = 0; kx < 3; ++kx) g[kx] = hn::Load(D(), kernels + (3 * ky + kx) * kMaxLanes);
      transform_weights(g, half[ky]);
    }
    for (int column = 0; column < 6; ++column) {
      const Vector g[3] = {half[0][column], half[1][column], half[2][column]};
      Vector line[6];
      transform_weights(g, line);
      for (int row = 0; row < 6; ++row) t[row][column] = line[row];
    }
  }

  void transform(const WinogradTiles::Place& at, T* to, std::int64_t position) const {
    const std::int64_t top = at.top - c.pad_top, left = at.left - c.pad_left;
    if (p.pooled_in != nullptr) {
      with_pooled_tile<6>(*p.pooled_in, at.image, c.in_height / 2, c.in_width / 2, c.channels, top, left,
                          [&](const auto& tile) HWY_ATTR { transform(tile, to, position); });
    } else {
      const ImageTile<6, bfloat16> tile(p.in + at.image * c.in_image, c.in_height, c.in_width, c.channels,
                                        top, left);
      transform(tile, to, position);
    }
  }
  template <class Tile>
  HWY_INLINE void transform(const Tile& tile, T* to, std::int64_t position) const {
    for_vectors(tile.channels(), [&](std::int64_t channel, std::int64_t used) HWY_ATTR {
      tile.read(channel, used, [&](auto&& value) HWY_ATTR {
        transform_square<6, kTileInputs>(
            [](const Vector* from, Vector* transformed)
                HWY_ATTR { transform_inputs(D(), from, transformed); },
            value,
            [&](int row, int column, Vector result) HWY_ATTR {
              store_transformed(result, to + (row * kTileInputs + column) * position + channel);
            });
      });
    });
  }

  void multiply(std::int64_t b, std::int64_t position, const T* inputs, std::int64_t rows,
                float* products) const {
    const std::int64_t filters = block_width(b);
    const T* const weights = weights_of(b) + position * c.channels * filters;
    if constexpr (kPairs) {
      DotRows t;
      t.a = inputs;
      t.a_row = channels;
      t.pairs = c.channels / 2;
      t.b = weights;
      t.filters = filters;
      t.sums = products;
      t.sums_row = filters;
      dot_rows(t, rows);
    } else {
      TileArguments t{};
      t.in_pixel = channels;
      t.out_pixel = filters;
      t.rows = t.runs = 1;
      t.run_length = c.channels;
      t.last_lanes = lanes;
      t.in = inputs;
      t.weights = weights;
      t.out = products;
      line_of_tiles(filters / lanes, rows, t);
    }
  }

  struct Store {
    HWY_INLINE void operator()(Vector value, bfloat16* to, std::int64_t used) const {
      // Products of floats run, too, where there is no instruction for bfloat16.
      if (kPairs && used == lane_count()) return store_rounded(value, to);
      store_first(value, to, used);
    }
  };

  const HalfWinograd& p;
  const StridedConvolution& c;
  const std::int64_t lanes, width, blocks, channels;
  const WinogradTiles tiles;
  const EvenParts splits;  ///< of the blocks of filters
};

template <class T>
void pack_weights(const HalfWinograd& pass, ThreadPool& pool) {
  const HalfWinogradRun<T> run(pass);
  pool.parallel_for(run.packing_pieces(), [&](std::int64_t piece) { run.pack(piece); });
}
template <class T>
void compute_all(const HalfWinograd& pass, ThreadPool& pool) {
  const HalfWinogradRun<T> run(pass);
  pool.parallel_for(run.pieces(), [&](std::int64_t piece) { run.compute(piece); });
}

void pack_half(const HalfWinograd& pass, ThreadPool& pool) {
  pass.products == WinogradProducts::pairs ? pack_weights<bfloat16>(pass, pool)
                                           : pack_weights<float>(pass, pool);
}
void run_half(const HalfWinograd& pass, ThreadPool& pool) {
  pass.products == WinogradProducts::pairs ? compute_all<bfloat16>(pass, pool)
                                           : compute_all<float>(pass, pool);
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

HWY_EXPORT(pack_half);
HWY_EXPORT(run_half);

void pack_half_winograd(const HalfWinograd& pass, ThreadPool& pool) {
  HWY_DYNAMIC_DISPATCH(pack_half)(pass, pool);
}
void run_half_winograd(const HalfWinograd& pass, ThreadPool& pool) {
  HWY_DYNAMIC_DISPATCH(run_half)(pass, pool);
}

}  // namespace fovea::cpu
#endif
