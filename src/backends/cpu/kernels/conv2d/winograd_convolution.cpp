#include "backends/cpu/kernels/conv2d/winograd_convolution.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/conv2d/winograd_convolution.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "backends/cpu/kernels/conv2d/strided_convolution-inl.h"
#include "backends/cpu/kernels/conv2d/winograd-inl.h"
#include "backends/cpu/kernels/conv2d/winograd_outputs-inl.h"

// A block of tiles at a time: inputs -> V [position][tile][channel], products with the transformed weights U
// [filter block][position][channel][filter] -> M [position][tile][filter] for one block of filters, outputs.
// V and M stay in L2, U passes through it.

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

class WinogradForward {
 public:
  explicit WinogradForward(const StridedConvolution& convolution)
      : c(convolution),
        weights(convolution),
        lanes(lane_count()),
        width(weights.width),
        blocks(ceil_div(c.filters, width)),
        channels(round_up(c.channels, kMaxLanes)),
        tiles(winograd_tiles(c, channels + kMaxFilterBlock)),
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
                            HWY_ATTR { transform_inputs(D(), from, transformed); };
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
      const std::int64_t filters = weights.block_width(b),
                         product_position = position_stride(range.size() * filters);
      TileArguments a{};
      a.in_pixel = channels;
      a.out_pixel = filters;
      a.rows = a.runs = 1;
      a.run_length = c.channels;
      a.last_lanes = lanes;
      for (std::int64_t p = 0; p < kPositions; ++p) {
        a.in = inputs + p * input_position;
        a.weights = weights.block(b) + p * c.channels * filters;
        a.out = products + p * product_position;
        line_of_tiles(filters / lanes, range.size(), a);
      }
      const FloatOutputs outputs = outputs_of(c);
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
  /// Where a piece for each block of tiles makes fewer, blocks of filters are pieces too, and each transforms
  /// the inputs.
  static constexpr std::int64_t kEnoughPieces = 8;

  /// [channel][ky][kx][filter], zero for the filters after `used`.
  void gather_kernels(const float* from, std::int64_t count, std::int64_t used, float* kernels) const {
    for (std::int64_t tap = 0; tap < 9; ++tap) {
      const float* const tap_weights = from + tap / 3 * c.weight_h + tap % 3 * c.weight_w;
      float* const to = kernels + tap * kMaxLanes;
      if (c.weight_filter == 1) {
        for (std::int64_t i = 0; i < count; ++i) {
          const float* const row = tap_weights + i * c.weight_channel;
          hn::Store(load_first(row, used), D(), to + i * 9 * kMaxLanes);
        }
      } else {
        for (std::int64_t f = 0; f < used; ++f) {
          for (std::int64_t i = 0; i < count; ++i)
            to[i * 9 * kMaxLanes + f] = tap_weights[i * c.weight_channel + f * c.weight_filter];
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
    const std::int64_t b = f / width, position = c.channels * weights.block_width(b);
    float* const to = weights.block(b) + channel * weights.block_width(b) + f % width;
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

  const StridedConvolution& c;
  const WinogradWeights weights;
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

WinogradTiles winograd_tiles(const StridedConvolution& c, std::int64_t floats_per_tile) {
  if (c.pooled == nullptr) return {c.batch, c.out_height, c.out_width, floats_per_tile};
  return {c.batch, c.out_height / 2 * 2, c.out_width / 2 * 2, floats_per_tile};
}

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
