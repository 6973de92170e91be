#include <cstring>

#include "backends/cpu/kernels/depthwise/channelwise.h"
#include "backends/cpu/kernels/depthwise/input_pointers.h"
#include "core/thread_scratch.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/depthwise/channelwise_backward_filter.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "backends/cpu/kernels/depthwise/channelwise_filter_tiles-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

/// A piece is one share of the strips for one block of channels.
class ChannelwiseFilter {
 public:
  ChannelwiseFilter(const DepthwiseShape& shape, const float* x, const float* dy_images, float* workspace)
      : s(shape),
        cut(shape),
        dy(dy_images),
        shares(workspace),
        zeros(workspace + cut.shares.parts * cut.share_floats),
        in{x, s.height, s.width, s.channels, zeros} {}

  std::int64_t pieces() const { return cut.shares.parts * cut.blocks.parts; }

  void prepare() const {
    std::memset(zeros, 0, static_cast<std::size_t>(round_up(s.channels, kMaxLanes)) * sizeof(float));
  }

  void compute(std::int64_t piece) const {
    const std::int64_t share = piece / cut.blocks.parts;
    const Range units = cut.blocks.range(piece % cut.blocks.parts);
    const Range channels{units.begin * kMaxLanes, std::min(units.end * kMaxLanes, s.channels)};
    float* const total = shares + share * cut.share_floats;
    for (std::int64_t tap = 0; tap < s.taps(); ++tap) {
      std::memset(total + tap * s.channels + channels.begin, 0,
                  static_cast<std::size_t>(channels.size()) * sizeof(float));
    }
    auto* const sums = reinterpret_cast<float*>(thread_scratch());
    auto** const pointers = reinterpret_cast<const float**>(sums + sums_floats());
    for (std::int64_t strip = cut.shares.range(share).begin; strip < cut.shares.range(share).end; ++strip) {
      const std::int64_t n = strip / cut.strips_per_image.parts;
      std::memset(sums, 0, static_cast<std::size_t>(sums_floats()) * sizeof(float));
      sum_strip(n, cut.strips_per_image.range(strip % cut.strips_per_image.parts), channels, sums, pointers);
      add_strip(sums, channels, total);
    }
  }

  /// dw = the sum of the shares, in their order.
  void reduce(bool accumulate, float* dw, ThreadPool& pool) const {
    const EvenParts parts = pieces_of_rows(cut.share_floats, cut.shares.parts);
    pool.parallel_for(parts.parts, [&](std::int64_t part) {
      for (std::int64_t i = parts.range(part).begin; i < parts.range(part).end; ++i) {
        double sum = accumulate ? static_cast<double>(dw[i]) : 0;
        for (std::int64_t share = 0; share < cut.shares.parts; ++share)
          sum += static_cast<double>(shares[share * cut.share_floats + i]);
        dw[i] = static_cast<float>(sum);
      }
    });
  }

 private:
  /// How far ahead of a tile its gradients are prefetched, at least.
  static constexpr std::int64_t kPrefetchFloats = 512;

  /// Of a block, [vector][tap][lane].
  std::int64_t sums_floats() const { return round_up(s.taps() * cut.blocks.size(0) * kMaxLanes, kMaxLanes); }

  const FilterTileFunctions* tiles() const {
    if (s.dilation_h != 1 || s.dilation_w != 1 || s.kernel_h != s.kernel_w || s.stride_h != s.stride_w ||
        s.channels < lanes)
      return nullptr;
    for (const FilterTileFunctions& functions : kFilterTileFunctions) {
      if (functions.kernel == s.kernel_h && functions.stride == s.stride_h) return &functions;
    }
    return nullptr;
  }

  void sum_strip(std::int64_t n, Range rows, Range channels, float* sums, const float** pointers) const {
    FilterTile a{};
    a.in = pointers;
    a.sums = sums;
    a.channels = channels;
    a.all_channels = s.channels;
    a.dy_row = s.out_width * s.channels;
    a.dy_pixel = s.channels;
    a.taps = s.taps();
    if (const FilterTileFunctions* functions = tiles()) {
      sum_tiles(n, rows, *functions, a, pointers);
    } else {
      sum_any_tiles(n, rows, a, pointers);
    }
  }

  const float* gradient(std::int64_t n, std::int64_t y, std::int64_t x) const {
    return dy + ((n * s.out_height + y) * s.out_width + x) * s.channels;
  }

  void sum_tiles(std::int64_t n, Range rows, const FilterTileFunctions& functions, FilterTile& a,
                 const float** pointers) const {
    std::int64_t offsets[3][kMostFilterInputs];
    const std::int64_t widths[3] = {kWideFilterTile, kNarrowFilterTile, 1};
    const std::int64_t most_rows = (kFilterTileRows - 1) * s.stride_h + s.kernel_h;
    const auto columns_of = [&](std::int64_t width) { return (width - 1) * s.stride_w + s.kernel_w; };
    for (int i = 0; i < 3; ++i) block_offsets(in, most_rows, columns_of(widths[i]), offsets[i]);
    for (std::int64_t y = rows.begin; y < rows.end; y += kFilterTileRows) {
      const std::int64_t height = std::min<std::int64_t>(kFilterTileRows, rows.end - y);
      for (std::int64_t x = 0; x < s.out_width;) {
        const std::int64_t left = s.out_width - x;
        const int kind = left >= kWideFilterTile ? 0 : left >= kNarrowFilterTile ? 1 : 2;
        point_to_block(in, n, y * s.stride_h - s.pad_top, x * s.stride_w - s.pad_left,
                       (height - 1) * s.stride_h + s.kernel_h, columns_of(widths[kind]), offsets[kind],
                       pointers);
        a.dy = gradient(n, y, x);
        a.dy_ahead = ceil_div(kPrefetchFloats, widths[kind] * s.channels) * widths[kind] * s.channels;
        a.in_ahead = a.dy_ahead * s.stride_w;
        functions.run[kind][height - 1](a);
        x += widths[kind];
      }
    }
  }

  void sum_any_tiles(std::int64_t n, Range rows, FilterTile& a, const float** pointers) const {
    const bool whole = s.channels >= lanes;
    const TapGrid taps{s.kernel_h, s.kernel_w, s.dilation_h, s.dilation_w};
    for (std::int64_t y = rows.begin; y < rows.end; ++y) {
      for (std::int64_t x = 0; x < s.out_width;) {
        const std::int64_t width = s.out_width - x >= kNarrowFilterTile ? kNarrowFilterTile : 1;
        point_to_taps(in, n, y * s.stride_h - s.pad_top, x * s.stride_w - s.pad_left, taps, width, s.stride_w,
                      pointers);
        a.dy = gradient(n, y, x);
        if (width == 1) {
          whole ? any_filter_tile<1, true>(a) : any_filter_tile<1, false>(a);
        } else {
          whole ? any_filter_tile<kNarrowFilterTile, true>(a) : any_filter_tile<kNarrowFilterTile, false>(a);
        }
        x += width;
      }
    }
  }

  /// The last vector of all was moved back: the channels that it shares with the one before count once.
  void add_strip(const float* sums, Range channels, float* total) const {
    for (std::int64_t c = channels.begin; c < channels.end; c += lanes, sums += s.taps() * lanes) {
      const std::int64_t count = std::min(lanes, channels.end - c);
      const std::int64_t shared = s.channels >= lanes ? lanes - count : 0;
      for (std::int64_t tap = 0; tap < s.taps(); ++tap) {
        const float* const from = sums + tap * lanes + shared;
        float* const to = total + tap * s.channels + c;
        if (count == lanes) {
          hn::StoreU(hn::Add(hn::LoadU(D(), to), hn::LoadU(D(), from)), D(), to);
        } else {
          for (std::int64_t i = 0; i < count; ++i) to[i] += from[i];
        }
      }
    }
  }

  const DepthwiseShape& s;
  const ChannelwiseFilterCut cut;
  const float* const dy;
  float* const shares;
  float* const zeros;
  const InputImages in;
  const std::int64_t lanes = lane_count();
};

void sum_filter_gradient(const DepthwiseShape& s, const float* x, const float* dy, bool accumulate, float* dw,
                         float* workspace, ThreadPool& pool) {
  const ChannelwiseFilter gradient(s, x, dy, workspace);
  gradient.prepare();
  const std::int64_t products = s.batch * s.out_height * s.out_width * s.channels * s.taps();
  for_pieces(pool, gradient.pieces(), products, [&](std::int64_t piece) { gradient.compute(piece); });
  gradient.reduce(accumulate, dw, pool);
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

HWY_EXPORT(sum_filter_gradient);

void channelwise_backward_filter(const DepthwiseShape& shape, const float* x, const float* dy,
                                 bool accumulate, float* dw, float* workspace, ThreadPool& pool) {
  HWY_DYNAMIC_DISPATCH(sum_filter_gradient)(shape, x, dy, accumulate, dw, workspace, pool);
}

}  // namespace fovea::cpu
#endif
