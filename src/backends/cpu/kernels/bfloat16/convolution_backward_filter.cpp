#include <algorithm>

#include "backends/cpu/kernels/bfloat16/convert.h"
#include "backends/cpu/kernels/bfloat16/convolution.h"
#include "backends/cpu/kernels/bfloat16/dot.h"
#include "backends/cpu/kernels/cut.h"
#include "core/thread_scratch.h"

// dw[k][f] = sum over pixels of x[pixel][k] dy[pixel][f], where k is a tap and a channel. Pairs of pixels are
// interleaved, some channels at a time, so that one instruction adds both.

namespace fovea::cpu {
namespace {

/// How the work is cut; the same for every machine and number of threads. Shares of the pixels have sums of
/// their own.
struct Cut {
  static constexpr std::int64_t kPairs = 128, kMaxShares = 8, kMaxSharedFloats = 6 * 1024 * 1024,
                                kPieces = 16;
  /// Of the scratch memory: half for dy, a bit for x.
  static constexpr std::int64_t kHalves = static_cast<std::int64_t>(kThreadScratchBytes) / 2 / 2;

  explicit Cut(const Conv2DShape& s)
      : taps(s.kernel_h * s.kernel_w),
        channel_blocks(ceil_div(s.in_channels, kDotLanes)),
        filters(round_up(s.filters, kDotLanes)),
        floats(taps * s.in_channels * s.filters),
        pixels(s.batch * s.out_height * s.out_width),
        chunks(pixels, 2 * std::clamp<std::int64_t>(kHalves / (2 * filters), 1, kPairs)),
        shares(chunks.parts,
               std::max<std::int64_t>(
                   1, ceil_div(chunks.parts,
                               std::clamp<std::int64_t>(kMaxSharedFloats / std::max<std::int64_t>(1, floats),
                                                        1, kMaxShares)))),
        splits(taps * channel_blocks,
               ceil_div(taps * channel_blocks, ceil_div(kPieces, std::max<std::int64_t>(1, shares.parts)))) {}

  std::int64_t taps, channel_blocks, filters, floats, pixels;
  EvenParts chunks, shares, splits;
};

class FilterGradient {
 public:
  FilterGradient(const Conv2DShape& shape, const bfloat16* input, const bfloat16* gradient, float* sums)
      : s(shape), cut(shape), x(input), dy(gradient), sums_(sums) {}

  std::int64_t pieces() const { return cut.shares.parts * cut.splits.parts; }

  void compute(std::int64_t piece) const {
    const Range chunks = cut.shares.range(piece / cut.splits.parts);
    const Range blocks = cut.splits.range(piece % cut.splits.parts);
    float* const sums = sums_ + piece / cut.splits.parts * cut.floats;
    for (std::int64_t chunk = chunks.begin; chunk < chunks.end; ++chunk)
      add_chunk(cut.chunks.range(chunk), blocks, chunk > chunks.begin, sums);
  }

  const Conv2DShape& s;
  const Cut cut;

 private:
  void add_chunk(Range pixels, Range blocks, bool accumulate, float* sums) const {
    const std::int64_t pairs = ceil_div(pixels.size(), 2);
    auto* const gradients = reinterpret_cast<bfloat16*>(thread_scratch());
    bfloat16* const inputs = gradients + Cut::kHalves;
    const bfloat16* rows[2 * Cut::kPairs];
    for (std::int64_t i = 0; i < 2 * pairs; ++i)
      rows[i] = i < pixels.size() ? dy + (pixels.begin + i) * s.filters : nullptr;
    for (std::int64_t f = 0; f < s.filters; f += kDotBlock) {
      const std::int64_t used = std::min(kDotBlock, s.filters - f), width = round_up(used, kDotLanes);
      bfloat16* const to = gradients + 2 * f * pairs;
      if (used < width) std::fill_n(to, pairs * width * 2, bfloat16());
      interleave(rows, f, pairs, used, to, width * 2);
    }
    std::int64_t known_tap = -1;
    for (std::int64_t block = blocks.begin; block < blocks.end; ++block) {
      const std::int64_t tap = block / cut.channel_blocks, c = block % cut.channel_blocks * kDotLanes;
      if (tap != known_tap) find_inputs(pixels, tap, rows);
      known_tap = tap;
      const std::int64_t channels = std::min(kDotLanes, s.in_channels - c);
      interleave(rows, c, pairs, channels, inputs, 2 * kDotLanes);
      for (std::int64_t f = 0; f < s.filters; f += kDotBlock) {
        DotRows t;
        t.a = inputs;
        t.a_row = 2;
        t.a_pair = 2 * kDotLanes;
        t.pairs = pairs;
        t.b = gradients + 2 * f * pairs;
        t.filters = std::min(kDotBlock, s.filters - f);
        t.sums = sums + (tap * s.in_channels + c) * s.filters + f;
        t.sums_row = s.filters;
        t.accumulate = accumulate;
        dot_rows(t, channels);
      }
    }
  }

  void find_inputs(Range pixels, std::int64_t tap, const bfloat16** rows) const {
    const std::int64_t ky = tap / s.kernel_w, kx = tap % s.kernel_w;
    std::int64_t ox = pixels.begin % s.out_width, oy = pixels.begin / s.out_width % s.out_height,
                 n = pixels.begin / s.out_width / s.out_height;
    for (std::int64_t i = 0; i < pixels.size() + pixels.size() % 2; ++i) {
      const std::int64_t h = oy * s.stride_h - s.pad_top + ky * s.dilation_h,
                         w = ox * s.stride_w - s.pad_left + kx * s.dilation_w;
      const bool inside = i < pixels.size() && h >= 0 && h < s.height && w >= 0 && w < s.width;
      rows[i] = inside ? x + ((n * s.height + h) * s.width + w) * s.in_channels : nullptr;
      if (++ox < s.out_width) continue;
      ox = 0;
      if (++oy < s.out_height) continue;
      oy = 0;
      ++n;
    }
  }

  const bfloat16 *x, *dy;
  float* sums_;
};

}  // namespace

std::size_t dot_backward_filter_workspace(const Conv2DShape& s) {
  const Cut cut(s);
  return static_cast<std::size_t>(std::max<std::int64_t>(1, cut.shares.parts) * cut.floats) * sizeof(float);
}

void dot_backward_filter(const Conv2DShape& s, const bfloat16* x, const bfloat16* dy, float* dw,
                         bfloat16* rounded_dw, void* workspace, ThreadPool& pool) {
  auto* const sums = static_cast<float*>(workspace);
  const FilterGradient gradient(s, x, dy, sums);
  const Cut& cut = gradient.cut;
  if (cut.pixels == 0) std::fill_n(sums, cut.floats, 0.0F);
  pool.parallel_for(gradient.pieces(), [&](std::int64_t piece) { gradient.compute(piece); });
  const EvenParts parts = pieces_of_rows(cut.floats, cut.shares.parts);
  pool.parallel_for(parts.parts, [&](std::int64_t piece) {
    const std::int64_t first = parts.begin(piece), count = parts.size(piece);
    float* const own = sums + first;
    for (std::int64_t share = 1; share < cut.shares.parts; ++share) {
      const float* const other = own + share * cut.floats;
      for (std::int64_t i = 0; i < count; ++i) own[i] += other[i];
    }
    if (dw != nullptr) std::copy_n(own, count, dw + first);
    if (rounded_dw != nullptr) narrow_block(own, rounded_dw + first, count);
  });
}

}  // namespace fovea::cpu
