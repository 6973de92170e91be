#include "backends/cpu/kernels/conv2d/winograd_convolution.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/conv2d/winograd_convolution.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "backends/cpu/kernels/conv2d/strided_convolution-inl.h"
#include "backends/cpu/kernels/conv2d/winograd-inl.h"

// A block of tiles at a time: inputs -> V [position][tile][channel], products with the transformed weights U
// [filter block][position][channel][filter] -> M [position][tile][filter] for one block of filters, outputs.
// V and M stay in L2, U passes through it.

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

class WinogradForward {
 public:
  explicit WinogradForward(const StridedConvolution& convolution)
      : c(convolution),
        lanes(lane_count()),
        width(kMaxVectors * lanes),
        blocks(ceil_div(c.filters, width)),
        channels(round_up(c.channels, kMaxLanes)),
        tiles(c.batch, c.pooled == nullptr ? c.out_height : c.out_height / 2 * 2,
              c.pooled == nullptr ? c.out_width : c.out_width / 2 * 2, channels + kMaxFilterBlock),
        splits(blocks,
               ceil_div(blocks, ceil_div(kEnoughPieces, std::max<std::int64_t>(1, tiles.blocks.parts)))) {}

  /// Transforms the weights of some channels.
  void pack(std::int64_t piece) const {
    const std::int64_t first = piece * kMaxLanes, count = std::min(kMaxLanes, c.channels - first);
    for (std::int64_t f = 0; f < c.filters; f += lanes) {
      const std::int64_t used = std::min(lanes, c.filters - f);
      alignas(64) float kernels[kMaxLanes * 9 * kMaxLanes];
      gather_kernels(c.weights + first * c.weight_channel + f * c.weight_filter, count, used, kernels);
      for (std::int64_t i = 0; i < count; ++i) pack_kernels(kernels + i * 9 * kMaxLanes, first + i, f);
    }
  }
  std::int64_t packing_pieces() const { return ceil_div(c.channels, kMaxLanes); }
  void compute(std::int64_t piece) const {
    auto* const inputs = reinterpret_cast<float*>(thread_scratch());
    const Range range = tiles.blocks.range(piece / splits.parts);
    const Range filter_blocks = splits.range(piece % splits.parts);
    const std::int64_t input_position = position_stride(range.size() * channels);
    float* const products = inputs + kPositions * input_position;
    for (std::int64_t i = range.begin; i < range.end; ++i) {
      const WinogradTiles::Place at = tiles.place(i);
      float* const to = inputs + (i - range.begin) * channels;
      const std::int64_t top = at.top - c.pad_top, left = at.left - c.pad_left;
      const auto line = [](const Vector* from, Vector* transformed)
                            HWY_ATTR { transform_inputs(from, transformed); };
      if (c.pooled_in != nullptr) {
        with_pooled_tile<6>(*c.pooled_in, at.image, c.in_height / 2, c.in_width / 2, c.channels, top, left,
                            [&](const auto& tile)
                                HWY_ATTR { transform_tile<6>(tile, line, to, input_position); });
      } else {
        const ImageTile<6> tile(c.in + at.image * c.in_image, c.in_height, c.in_width, c.channels, top, left);
        transform_tile<6>(tile, line, to, input_position);
      }
    }
    for (std::int64_t b = filter_blocks.begin; b < filter_blocks.end; ++b) {
      const std::int64_t filters = block_width(b), product_position = position_stride(range.size() * filters);
      TileArguments a{};
      a.in_pixel = channels;
      a.out_pixel = filters;
      a.rows = a.runs = 1;
      a.run_length = c.channels;
      a.last_lanes = lanes;
      for (std::int64_t p = 0; p < kPositions; ++p) {
        a.in = inputs + p * input_position;
        a.weights = weights_of(b) + p * c.channels * filters;
        a.out = products + p * product_position;
        line_of_tiles(filters / lanes, range.size(), a);
      }
      for (std::int64_t i = range.begin; i < range.end; ++i) {
        const float* const from = products + (i - range.begin) * filters;
        if (c.pooled == nullptr) {
          write_outputs(tiles.place(i), b, from, product_position);
        } else {
          write_pooled(tiles.place(i), b, from, product_position);
        }
      }
    }
  }

  std::int64_t pieces() const { return tiles.blocks.parts * splits.parts; }

 private:
  /// Where a piece for each block of tiles makes fewer, blocks of filters are pieces too, and each transforms
  /// the inputs.
  static constexpr std::int64_t kEnoughPieces = 8;

  /// [channel][ky][kx][filter], zero for the filters after `used`.
  void gather_kernels(const float* from, std::int64_t count, std::int64_t used, float* kernels) const {
    for (std::int64_t tap = 0; tap < 9; ++tap) {
      const float* const weights = from + tap / 3 * c.weight_h + tap % 3 * c.weight_w;
      float* const to = kernels + tap * kMaxLanes;
      if (c.weight_filter == 1) {
        for (std::int64_t i = 0; i < count; ++i) {
          const float* const row = weights + i * c.weight_channel;
          hn::Store(load_first(row, used), D(), to + i * 9 * kMaxLanes);
        }
      } else {
        for (std::int64_t f = 0; f < used; ++f) {
          for (std::int64_t i = 0; i < count; ++i)
            to[i * 9 * kMaxLanes + f] = weights[i * c.weight_channel + f * c.weight_filter];
        }
        for (std::int64_t f = used; f < lanes; ++f) {
          for (std::int64_t i = 0; i < count; ++i) to[i * 9 * kMaxLanes + f] = 0;
        }
      }
    }
  }

  /// Transforms the kernels of one channel and a vector of filters from `f` on.
  void pack_kernels(const float* kernels, std::int64_t channel, std::int64_t f) const {
    const D d;
    const std::int64_t b = f / width, position = c.channels * block_width(b);
    float* const to = weights_of(b) + channel * block_width(b) + f % width;
    Vector half[3][6];
    for (int ky = 0; ky < 3; ++ky) {
      Vector g[3];
      for (int kx = 0; kx < 3; ++kx) g[kx] = hn::Load(d, kernels + (3 * ky + kx) * kMaxLanes);
      transform_weights(g, half[ky]);
    }
    for (int column = 0; column < 6; ++column) {
      const Vector g[3] = {half[0][column], half[1][column], half[2][column]};
      Vector t[6];
      transform_weights(g, t);
      for (int row = 0; row < 6; ++row) hn::StoreU(t[row], d, to + (row * 6 + column) * position);
    }
  }

  std::int64_t block_width(std::int64_t b) const {
    return std::min(width, round_up(c.filters, lanes) - b * width);
  }
  float* weights_of(std::int64_t b) const { return c.packed + kPositions * c.channels * b * width; }

  /// result(row, column, value) of each output of a tile, the bias included.
  template <class Result>
  HWY_INLINE void outputs(std::int64_t b, const float* products, std::int64_t position, std::int64_t f,
                          std::int64_t used, Result&& result) const {
    const D d;
    const float* const biases = c.epilogue.bias;
    const Vector bias = biases == nullptr ? hn::Zero(d) : load_first(biases + b * width + f, used);
    transform_square<kTileInputs, kTileOutputs>(
        [](const Vector* from, Vector* to) HWY_ATTR { transform_products(from, to); },
        [&](int row, int column)
            HWY_ATTR { return hn::LoadU(d, products + (row * kTileInputs + column) * position + f); },
        [&](int row, int column, Vector value) HWY_ATTR { result(row, column, hn::Add(value, bias)); });
  }

  HWY_INLINE Vector activated(Vector value) const {
    return c.epilogue.relu ? clipped_relu(value, c.epilogue.largest) : value;
  }

  /// The four windows of a tile.
  void write_pooled(const WinogradTiles::Place& at, std::int64_t b, const float* products,
                    std::int64_t position) const {
    const std::int64_t first = b * width, filters = std::min(width, c.filters - first);
    const std::int64_t height = c.out_height / 2, row_pixels = c.out_width / 2;
    const std::int64_t top = at.top / 2, left = at.left / 2;
    for_vectors(filters, [&](std::int64_t f, std::int64_t used) HWY_ATTR {
      Vector y[kTileOutputs][kTileOutputs];
      outputs(b, products, position, f, used,
              [&](int row, int column, Vector value) HWY_ATTR { y[row][column] = activated(value); });
      for (int row = 0; row < 2 && top + row < height; ++row) {
        for (int column = 0; column < 2 && left + column < row_pixels; ++column) {
          const std::int64_t pixel = (at.image * height + top + row) * row_pixels + left + column;
          write_window({y[2 * row][2 * column], y[2 * row][2 * column + 1], y[2 * row + 1][2 * column],
                        y[2 * row + 1][2 * column + 1]},
                       pixel * c.filters + first + f, used);
        }
      }
    });
  }

  struct PoolWindow {
    Vector value[4];
  };

  HWY_INLINE void write_window(const PoolWindow& w, std::int64_t to, std::int64_t used) const {
    const D d;
    const DInt di;
    const PooledOutput& p = *c.pooled;
    if (p.kind == ops::PoolKind::average) {
      const Vector sum = hn::Add(hn::Add(hn::Add(w.value[0], w.value[1]), w.value[2]), w.value[3]);
      return store_first(hn::Div(sum, hn::Set(d, 4.0F)), p.y + to, used);
    }
    const bool max = p.kind == ops::PoolKind::max;
    Vector best = w.value[0];
    IntVector winner = hn::Zero(di);
    FOVEA_UNROLL
    for (int i = 1; i < 4; ++i) {
      const auto wins = max ? hn::Gt(w.value[i], best) : hn::Lt(w.value[i], best);
      best = hn::IfThenElse(wins, w.value[i], best);
      winner = hn::IfThenElse(hn::RebindMask(di, wins), hn::Set(di, i), winner);
    }
    if (p.relu) best = hn::IfThenZeroElse(hn::Lt(best, hn::Zero(d)), best);
    store_first(best, p.y + to, used);
    if (p.winners != nullptr) store_bytes(winner, p.winners + to, used);
  }

  void write_outputs(const WinogradTiles::Place& at, std::int64_t b, const float* products,
                     std::int64_t position) const {
    const std::int64_t first = b * width, filters = std::min(width, c.filters - first);
    const std::int64_t rows = std::min(kTileOutputs, c.out_height - at.top),
                       columns = std::min(kTileOutputs, c.out_width - at.left);
    const std::int64_t begin = at.image * c.out_image + at.top * c.out_row + at.left * c.out_pixel + first;
    const float* const residual = c.epilogue.residual;
    for_vectors(filters, [&](std::int64_t f, std::int64_t used) HWY_ATTR {
      outputs(b, products, position, f, used, [&](int row, int column, Vector value) HWY_ATTR {
        if (row >= rows || column >= columns) return;
        const std::int64_t to = begin + row * c.out_row + column * c.out_pixel + f;
        if (residual != nullptr) value = hn::Add(value, load_first(residual + to, used));
        store_first(activated(value), c.out + to, used);
      });
    });
  }

  const StridedConvolution& c;
  const std::int64_t lanes, width, blocks, channels;
  const WinogradTiles tiles;
  const EvenParts splits;  ///< of the blocks of filters
};

void pack_winograd(const StridedConvolution& c, ThreadPool& pool) {
  const WinogradForward forward(c);
  pool.parallel_for(forward.packing_pieces(), [&](std::int64_t piece) { forward.pack(piece); });
}

void run_winograd(const StridedConvolution& c, ThreadPool& pool) {
  const WinogradForward forward(c);
  pool.parallel_for(forward.pieces(), [&](std::int64_t piece) { forward.compute(piece); });
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

HWY_EXPORT(pack_winograd);
HWY_EXPORT(run_winograd);

std::int64_t winograd_weights_size(const StridedConvolution& c) {
  return kPositions * c.channels * round_up(c.filters, kMaxLanes);
}

void pack_winograd_convolution(const StridedConvolution& convolution, ThreadPool& pool) {
  HWY_DYNAMIC_DISPATCH(pack_winograd)(convolution, pool);
}

void run_winograd_convolution(const StridedConvolution& convolution, ThreadPool& pool) {
  HWY_DYNAMIC_DISPATCH(run_winograd)(convolution, pool);
}

}  // namespace fovea::cpu
#endif
