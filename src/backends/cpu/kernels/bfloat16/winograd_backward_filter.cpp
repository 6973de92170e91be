#include <cstring>

#include "backends/cpu/kernels/bfloat16/dot.h"
#include "backends/cpu/kernels/bfloat16/winograd.h"
#include "backends/cpu/kernels/conv2d/winograd_cut.h"

// Shared by all instruction sets.
#ifndef FOVEA_PAIRED_GRADIENT_CUT_
#define FOVEA_PAIRED_GRADIENT_CUT_
namespace fovea::cpu {
namespace {

/// As WinogradGradientCut, in blocks of whole pairs of tiles.
struct PairedCut {
  explicit PairedCut(const Conv2DShape& s)
      : channels(round_up(s.in_channels, kMaxLanes)),
        filters(round_up(s.filters, kMaxLanes)),
        tiles(s.batch, s.out_height, s.out_width, (channels + filters) / 2),
        blocks(s.batch * tiles.down * tiles.across, std::max<std::int64_t>(2, tiles.block / 2 * 2)),
        share_floats(kPositions * s.in_channels * filters),
        shares(blocks.parts, ceil_div(blocks.parts, std::clamp<std::int64_t>(
                                                        WinogradGradientCut::kMaxSharedFloats / share_floats,
                                                        1, WinogradGradientCut::kMaxShares))) {}

  std::int64_t channels, filters;  ///< in whole vectors
  WinogradTiles tiles;
  EvenParts blocks;
  std::int64_t share_floats;
  EvenParts shares;  ///< of the blocks
};

}  // namespace
}  // namespace fovea::cpu
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/bfloat16/winograd_backward_filter.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "backends/cpu/kernels/conv2d/winograd-inl.h"

// As conv2d/winograd_backward_filter.cpp; the products are of pairs of tiles: transformed inputs [position]
// [pair of tiles][channel][2] and gradients [position][block of filters][pair of tiles][filter][2].

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

/// {a[i], b[i]} of each lane, rounded.
HWY_INLINE hn::Vec<DUnsigned> rounded_pairs(Vector a, Vector b) {
#if HWY_TARGET == HWY_AVX3
  // Where pairs are multiplied, the machine has an instruction for it.
  const DUnsigned du;
  hn::Vec<DHalf> low, high;
  asm("vcvtneps2bf16 %1, %0" : "=v"(low.raw) : "v"(a.raw));
  asm("vcvtneps2bf16 %1, %0" : "=v"(high.raw) : "v"(b.raw));
  return hn::Or(hn::PromoteTo(du, low), hn::ShiftLeft<16>(hn::PromoteTo(du, high)));
#else
  return hn::Or(rounded_halves(a), hn::ShiftLeft<16>(rounded_halves(b)));
#endif
}

class PairedFilterGradient {
 public:
  PairedFilterGradient(const Conv2DShape& shape, const bfloat16* input, const bfloat16* dy_map, float* memory)
      : s(shape), cut(shape), x(input), dy(dy_map), sums(memory) {}

  std::int64_t pieces() const { return cut.shares.parts; }

  void compute(std::int64_t share) const {
    float* const to = sums + share * cut.share_floats;
    const Range range = cut.shares.range(share);
    for (std::int64_t i = range.begin; i < range.end; ++i)
      add_block(cut.blocks.range(i), i > range.begin, to);
  }

  /// Adds the shares of one channel and transforms them back.
  template <class T>
  void finish(std::int64_t channel, T* dw) const {
    const D d;
    const std::int64_t tap = s.in_channels * s.filters, lanes = lane_count();
    for (std::int64_t f = 0; f < s.filters; f += lanes) {
      const std::int64_t b = f / kDotBlock, used = std::min(lanes, s.filters - f);
      const float* const from = sums_of(sums, b) + channel * block_width(b) + f % kDotBlock;
      const std::int64_t position = s.in_channels * block_width(b);
      const auto sum = [&](int row, int column) HWY_ATTR {
        const float* at = from + (row * kTileInputs + column) * position;
        Vector total = hn::LoadU(d, at);
        for (std::int64_t share = 1; share < cut.shares.parts; ++share)
          total = hn::Add(total, hn::LoadU(d, at + share * cut.share_floats));
        return total;
      };
      transform_square<kTileInputs, 3>(
          [](const Vector* u, Vector* g) HWY_ATTR { transform_weight_gradients(u, g); }, sum,
          [&](int row, int column, Vector value) HWY_ATTR {
            store_first(value, dw + (row * 3 + column) * tap + channel * s.filters + f, used);
          });
    }
  }

 private:
  std::int64_t block_width(std::int64_t b) const { return std::min(kDotBlock, cut.filters - b * kDotBlock); }
  /// [block of filters][position][channel][filter]
  float* sums_of(float* share, std::int64_t b) const {
    return share + kPositions * s.in_channels * b * kDotBlock;
  }

  ImageTile<6, bfloat16> input_tile(std::int64_t i) const {
    const WinogradTiles::Place at = cut.tiles.place(i);
    return {x + at.image * s.height * s.width * s.in_channels,
            s.height,
            s.width,
            s.in_channels,
            at.top - s.pad_top,
            at.left - s.pad_left};
  }
  ImageTile<4, bfloat16> gradient_tile(std::int64_t i) const {
    const WinogradTiles::Place at = cut.tiles.place(i);
    return {dy + at.image * s.out_height * s.out_width * s.filters,
            s.out_height,
            s.out_width,
            s.filters,
            at.top,
            at.left};
  }

  template <int kSize, class Tile, class Line>
  HWY_INLINE static void transform(const Tile& tile, const Line& line, std::int64_t c, std::int64_t used,
                                   Vector* positions) {
    tile.read(c, used, [&](auto&& value) HWY_ATTR {
      transform_square<kSize, kTileInputs>(line, value, [&](int row, int column, Vector result) HWY_ATTR {
        positions[row * kTileInputs + column] = result;
      });
    });
  }

  /// Both tiles' transforms as pairs; place(c) says where those of channel c go in the first position.
  template <int kSize, class Tile, class Line, class PlaceOf>
  HWY_INLINE static void transform_pair(const Tile& first, const Tile* second, const Line& line,
                                        std::int64_t position, PlaceOf&& place) {
    for_vectors(first.channels(), [&](std::int64_t c, std::int64_t used) HWY_ATTR {
      Vector a[kPositions], b[kPositions];
      transform<kSize>(first, line, c, used, a);
      if (second != nullptr) {
        transform<kSize>(*second, line, c, used, b);
      } else {
        for (Vector& value : b) value = hn::Zero(D());
      }
      auto* const to = reinterpret_cast<std::uint32_t*>(place(c));
      for (std::int64_t p = 0; p < kPositions; ++p)
        hn::StoreU(rounded_pairs(a[p], b[p]), DUnsigned(), to + p * position / 2);
    });
  }

  void add_block(Range range, bool accumulate, float* to) const {
    const std::int64_t pairs = ceil_div(range.size(), 2);
    // A cache line more, as position_stride() has it.
    const std::int64_t input_position = 2 * pairs * cut.channels + 32,
                       gradient_position = 2 * pairs * cut.filters + 32;
    auto* const inputs = reinterpret_cast<bfloat16*>(thread_scratch());
    bfloat16* const gradients = inputs + kPositions * input_position;
    for (std::int64_t pair = 0; pair < pairs; ++pair) {
      const std::int64_t first = range.begin + 2 * pair, last = std::min(first + 1, range.end - 1);
      const auto input = input_tile(last);
      transform_pair<6>(
          input_tile(first), last > first ? &input : nullptr,
          [](const Vector* v, Vector* t) HWY_ATTR { transform_inputs(D(), v, t); }, input_position,
          [&](std::int64_t c) { return inputs + 2 * (pair * cut.channels + c); });
      const auto gradient = gradient_tile(last);
      transform_pair<4>(
          gradient_tile(first), last > first ? &gradient : nullptr,
          [](const Vector* v, Vector* t) HWY_ATTR { transform_gradients(v, t); }, gradient_position,
          [&](std::int64_t f) {
            const std::int64_t b = f / kDotBlock;
            return gradients + 2 * (b * kDotBlock * pairs + pair * block_width(b) + f % kDotBlock);
          });
    }
    for (std::int64_t b = 0; b * kDotBlock < s.filters; ++b) {
      const std::int64_t width = block_width(b);
      for (std::int64_t p = 0; p < kPositions; ++p) {
        DotRows t;
        t.a = inputs + p * input_position;
        t.a_row = 2;
        t.a_pair = 2 * cut.channels;
        t.pairs = pairs;
        t.b = gradients + p * gradient_position + 2 * b * kDotBlock * pairs;
        t.filters = width;
        t.sums = sums_of(to, b) + p * s.in_channels * width;
        t.sums_row = width;
        t.accumulate = accumulate;
        dot_rows(t, s.in_channels);
      }
    }
  }

  const Conv2DShape& s;
  const PairedCut cut;
  const bfloat16 *x, *dy;
  float* sums;
};

void run_paired_gradient(const Conv2DShape& s, const bfloat16* x, const bfloat16* dy, float* dw,
                         bfloat16* rounded_dw, float* workspace, ThreadPool& pool) {
  const PairedFilterGradient gradient(s, x, dy, workspace);
  pool.parallel_for(gradient.pieces(), [&](std::int64_t share) { gradient.compute(share); });
  pool.parallel_for(s.in_channels, [&](std::int64_t channel) {
    dw != nullptr ? gradient.finish(channel, dw) : gradient.finish(channel, rounded_dw);
  });
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

HWY_EXPORT(run_paired_gradient);

std::size_t paired_winograd_backward_filter_workspace(const Conv2DShape& shape) {
  const PairedCut cut(shape);
  return static_cast<std::size_t>(cut.shares.parts * cut.share_floats) * sizeof(float);
}

void paired_winograd_backward_filter(const Conv2DShape& shape, const bfloat16* x, const bfloat16* dy,
                                     float* dw, bfloat16* rounded_dw, void* workspace, ThreadPool& pool) {
  HWY_DYNAMIC_DISPATCH(run_paired_gradient)
  (shape, x, dy, dw, rounded_dw, static_cast<float*>(workspace), pool);
}

}  // namespace fovea::cpu
#endif
