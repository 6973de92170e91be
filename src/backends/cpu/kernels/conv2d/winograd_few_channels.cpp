#include "backends/cpu/kernels/conv2d/winograd_convolution.h"

// Shared by all instruction sets.
#ifndef FOVEA_WINOGRAD_FEW_CHANNELS_CUT_
#define FOVEA_WINOGRAD_FEW_CHANNELS_CUT_
namespace fovea::cpu {
namespace {

/// A row that all tiles of the output read, and a vector more for what reaches over its end.
std::int64_t floats_of_row(const StridedConvolution& c) {
  const std::int64_t pixels = winograd_tiles(c, 1).across * kTileOutputs + kTileInputs - kTileOutputs;
  return pixels * c.channels + kMaxLanes;
}

}  // namespace
}  // namespace fovea::cpu
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/conv2d/winograd_few_channels.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "backends/cpu/kernels/conv2d/winograd-inl.h"
#include "backends/cpu/kernels/conv2d/winograd_outputs-inl.h"

// A net's first layer, too few channels for a product of matrices, under a pooling (without one, writing the
// result takes so long that the direct kernel is as fast). A row of tiles at a time: its inputs are
// transformed downwards as whole rows of floats and across tile by tile; for a vector of filters, the
// products of the channels are added up in registers and go straight into the transform of the outputs.

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

class WinogradFewChannels {
 public:
  explicit WinogradFewChannels(const StridedConvolution& convolution)
      : c(convolution), weights(convolution), outputs(outputs_of(convolution)) {}

  std::int64_t pieces() const { return c.batch * tiles.down; }

  void compute(std::int64_t piece) const {
    switch (c.channels) {
      case 2:
        return compute_row<2>(piece);
      case 3:
        return compute_row<3>(piece);
      default:
        return compute_row<kFewChannels>(piece);
    }
  }

 private:
  static constexpr int kPixel = 4;  ///< floats of a transformed pixel
  using DPixel = hn::CappedTag<float, kPixel>;
  using PixelVector = hn::Vec<DPixel>;
  /// Filters that the inputs are transformed for at once: their weights stay in L1.
  static constexpr std::int64_t kFilters = 2 * kMaxLanes;

  template <int kChannels>
  void compute_row(std::int64_t piece) const {
    const WinogradTiles::Place first = tiles.place(piece * tiles.across);
    transform_down(first.image, first.top - c.pad_top);
    for (std::int64_t f = 0; f < c.filters; f += kFilters) {
      const std::int64_t end = std::min(c.filters, f + kFilters);
      for (std::int64_t i = 0; i < tiles.across; ++i) {
        alignas(64) float pixels[kPositions * kPixel];
        transform_across(i * kTileOutputs * c.channels, pixels);
        const WinogradTiles::Place at{first.image, first.top, i * kTileOutputs};
        for (std::int64_t v = f; v < end; v += lane_count())
          write_tile<kChannels>(at, v, std::min(lane_count(), end - v), pixels);
      }
    }
  }

  /// Rows top to top + 5 of an image, zero where they hang over, to `rows`.
  void transform_down(std::int64_t image, std::int64_t top) const {
    const D d;
    const std::int64_t left = c.pad_left * c.channels;
    const std::int64_t count = std::min(c.in_width * c.channels, row - kMaxLanes - left);
    std::memset(rows, 0, static_cast<std::size_t>(kTileInputs * row) * sizeof(float));
    const float* const begin = c.in + image * c.in_image + top * c.in_row;
    for_vectors(count, [&](std::int64_t i, std::int64_t used) HWY_ATTR {
      Vector from[kTileInputs], to[kTileInputs];
      FOVEA_UNROLL
      for (int y = 0; y < kTileInputs; ++y) {
        const bool there = top + y >= 0 && top + y < c.in_height;
        from[y] = there ? load_first(begin + y * c.in_row + i, used) : hn::Zero(d);
      }
      transform_inputs(d, from, to);
      FOVEA_UNROLL
      for (int y = 0; y < kTileInputs; ++y) hn::StoreU(to[y], d, rows + y * row + left + i);
    });
  }

  /// A tile from float `first` of the rows on, to [position][kPixel]; what is above the channels is not read.
  HWY_INLINE void transform_across(std::int64_t first, float* to) const {
    const DPixel d;
    for (int lane = 0; lane < kPixel; lane += static_cast<int>(hn::MaxLanes(d))) {
      FOVEA_UNROLL
      for (int y = 0; y < kTileInputs; ++y) {
        PixelVector from[kTileInputs], transformed[kTileInputs];
        const float* const begin = rows + y * row + first + lane;
        FOVEA_UNROLL
        for (int x = 0; x < kTileInputs; ++x) from[x] = hn::LoadU(d, begin + x * c.channels);
        transform_inputs(d, from, transformed);
        FOVEA_UNROLL
        for (int x = 0; x < kTileInputs; ++x)
          hn::Store(transformed[x], d, to + (y * kTileInputs + x) * kPixel + lane);
      }
    }
  }

  template <int kChannels>
  HWY_NOINLINE void write_tile(const WinogradTiles::Place& at, std::int64_t f, std::int64_t used,
                               const float* pixels) const {
    const D d;
    constexpr std::int64_t kLanes = hn::MaxLanes(d);
    const float* const kernels = weights.block(f / kLanes);
    outputs.write_pooled(at, f, used, [&](int y, int x) HWY_ATTR {
      const int position = y * static_cast<int>(kTileInputs) + x;
      const float* const kernel = kernels + position * kChannels * kLanes;
      Vector sum = hn::Mul(hn::Set(d, pixels[position * kPixel]), hn::LoadU(d, kernel));
      FOVEA_UNROLL
      for (int i = 1; i < kChannels; ++i)
        sum = hn::MulAdd(hn::Set(d, pixels[position * kPixel + i]), hn::LoadU(d, kernel + i * kLanes), sum);
      return sum;
    });
  }

  const StridedConvolution& c;
  const WinogradWeights weights;
  const FloatOutputs outputs;
  const WinogradTiles tiles = winograd_tiles(c, 1);
  const std::int64_t row = floats_of_row(c);  ///< floats
  float* const rows = reinterpret_cast<float*>(thread_scratch());
};

void run_few_channels(const StridedConvolution& c, ThreadPool& pool) {
  pool.parallel_for(WinogradFewChannels(c).pieces(),
                    [&](std::int64_t piece) { WinogradFewChannels(c).compute(piece); });
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

HWY_EXPORT(run_few_channels);

bool winograd_takes_few_channels(const StridedConvolution& c) {
  constexpr std::int64_t kFewest = 2;
  return c.channels >= kFewest && c.channels <= kFewChannels && c.pooled_in == nullptr &&
         kTileInputs * floats_of_row(c) * 4 <= static_cast<std::int64_t>(kThreadScratchBytes);
}

void run_winograd_of_few_channels(const StridedConvolution& convolution, ThreadPool& pool) {
  HWY_DYNAMIC_DISPATCH(run_few_channels)(convolution, pool);
}

}  // namespace fovea::cpu
#endif
