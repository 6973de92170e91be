#include "backends/cpu/kernels/conv2d/strided_convolution.h"

#include <cstring>
#include <optional>

#include "backends/cpu/kernels/conv2d/pixel_cut.h"
#include "core/thread_scratch.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/conv2d/strided_convolution.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "backends/cpu/kernels/conv2d/strided_convolution-inl.h"
#include "backends/cpu/kernels/pooling/pooling-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

/// How the work is cut. A piece is some rows of one image (or a part of one long row) for some blocks of
/// filters of one group: as many as have their packed weights in L2 beside what they read. Those blocks come
/// first, so that the weights of one (at most kBlockFloats at a time) stay in L2 while images pass.
class Cut {
 public:
  static constexpr std::int64_t kBlockFloats = 128 * 1024, kRunFloats = 64 * 1024;
  /// Where few terms make an element, writing is what takes the time.
  static constexpr std::int64_t kStreamTerms = 128;
  /// An input beyond this is not in L2; pixels of a 1x1 convolution pass too fast for the hardware to follow.
  static constexpr std::int64_t kPrefetchFloats = 128 * 1024;

  explicit Cut(const StridedConvolution& convolution)
      : c(convolution),
        lanes(static_cast<std::int64_t>(hn::Lanes(D()))),
        block(kMaxVectors * lanes),
        blocks(ceil_div(c.filters, block)),
        block_runs(blocks,
                   std::max<std::int64_t>(1, kRunFloats / std::max<std::int64_t>(1, c.kernel_h * c.kernel_w *
                                                                                        c.channels * block))),
        padded_filters(round_up(c.filters, lanes)),
        taps(c.kernel_h * c.kernel_w),
        slices(c.channels,
               std::max<std::int64_t>(16, kBlockFloats / block / std::max<std::int64_t>(1, taps))),
        pixels(c, c.epilogue.sums == nullptr ? block_runs.parts : 1),
        streams(can_stream()) {}

  std::int64_t pieces() const { return c.groups * block_runs.parts * pixels.strips(); }
  std::int64_t block_width(std::int64_t b) const { return std::min(block, padded_filters - b * block); }

  /// Packed: [group][block][slice of channels][ky][kx][channel][filter].
  float* packed(std::int64_t group, std::int64_t b, std::int64_t slice) const {
    return c.packed +
           taps * (c.channels * (group * padded_filters + b * block) + slices.begin(slice) * block_width(b));
  }

  void pack(std::int64_t piece) const {
    const std::int64_t ky = piece % c.kernel_h;
    const std::int64_t b = piece / c.kernel_h % blocks;
    const std::int64_t group = piece / c.kernel_h / blocks;
    const std::int64_t width = block_width(b);
    const std::int64_t used = std::min(width, c.filters - b * block);
    for (std::int64_t slice = 0; slice < slices.parts; ++slice) {
      const std::int64_t depth = slices.size(slice);
      float* to = packed(group, b, slice) + ky * c.kernel_w * depth * width;
      for (std::int64_t kx = 0; kx < c.kernel_w; ++kx, to += depth * width) {
        pack_tap(c.weights + group * c.weight_group + ky * c.weight_h + kx * c.weight_w +
                     slices.begin(slice) * c.weight_channel + b * block * c.weight_filter,
                 depth, used, width, to);
      }
    }
  }

  void compute(std::int64_t piece) const {
    const std::int64_t strip = piece % pixels.strips(), blocks_and_group = piece / pixels.strips();
    const Range some_blocks = block_runs.range(blocks_and_group % block_runs.parts);
    const std::int64_t group = blocks_and_group / block_runs.parts;
    for (std::int64_t b = some_blocks.begin; b < some_blocks.end; ++b) compute_block(group, b, strip);
  }

 private:
  void compute_block(std::int64_t group, std::int64_t b, std::int64_t strip) const {
    const auto [n, units, part] = pixels.strip(strip);
    if (c.pooled == nullptr) {
      const std::int64_t first = group * c.filters + b * block;
      Output output{c.out + n * c.out_image + first, 0, c.out_row, c.out_pixel};
      std::optional<BlockSums> of_block;
      if (const ResultSums* const sums = c.epilogue.sums) {
        if (first == 0) *sums->count(strip) = static_cast<float>(units.size() * part.size());
        output.sums = &of_block.emplace(*sums, strip, first, std::min(block, c.filters - b * block));
      }
      compute_slices(n, group, b, units, part, output);
      if (streams) hwy::FlushStream();
      return;
    }
    const std::int64_t rows_a_unit = pixels.rows_a_unit;
    const std::int64_t used = std::min(block, c.filters - b * block);
    auto* const window_rows = reinterpret_cast<float*>(thread_scratch());
    for (std::int64_t unit = units.begin; unit < units.end; ++unit) {
      const Range unit_rows{unit * rows_a_unit, (unit + 1) * rows_a_unit};
      compute_slices(n, group, b, unit_rows, part, {window_rows, unit_rows.begin, c.out_width * used, used});
      const std::int64_t width = c.out_width / c.pooled->window_w;
      pool_row(*c.pooled, window_rows, c.out_width * used, used, width, c.groups * c.filters,
               (n * rows_total() + unit) * width * c.groups * c.filters + group * c.filters + b * block);
    }
  }

  /// Where the results of some filters go: row `first_row` begins at `first`.
  struct Output {
    float* first;
    std::int64_t first_row, row, pixel;
    BlockSums* sums = nullptr;
  };

  std::int64_t rows_total() const { return c.out_height / pixels.rows_a_unit; }

  bool can_stream() const {
    if (c.pooled != nullptr) return false;
    const bool aligned =
        reinterpret_cast<std::uintptr_t>(c.out) % (static_cast<std::size_t>(lanes) * 4) == 0 &&
        c.filters % lanes == 0 && c.out_pixel % lanes == 0 && c.out_row % lanes == 0 &&
        c.out_image % lanes == 0;
    return aligned && slices.parts == 1 && taps * c.channels <= kStreamTerms &&
           c.batch * c.out_image > kStreamFloats;
  }

  void pack_tap(const float* from, std::int64_t depth, std::int64_t used, std::int64_t width,
                float* to) const {
    if (used < width) std::memset(to, 0, static_cast<std::size_t>(depth * width) * sizeof(float));
    if (c.weight_filter == 1) {
      for (std::int64_t i = 0; i < depth; ++i) {
        std::memcpy(to + i * width, from + i * c.weight_channel,
                    static_cast<std::size_t>(used) * sizeof(float));
      }
      return;
    }
    // Transposed, a line of channels at a time: what a line holds is read while it is in L1.
    for (std::int64_t first = 0; first < depth; first += kMaxLanes) {
      const std::int64_t end = std::min(depth, first + kMaxLanes);
      for (std::int64_t f = 0; f < used; ++f) {
        for (std::int64_t i = first; i < end; ++i)
          to[i * width + f] = from[i * c.weight_channel + f * c.weight_filter];
      }
    }
  }

  void compute_slices(std::int64_t n, std::int64_t group, std::int64_t b, Range strip, Range part,
                      const Output& output) const {
    for (std::int64_t slice = 0; slice < slices.parts; ++slice)
      compute_slice(n, group, b, slice, strip, part, output);
  }

  void compute_slice(std::int64_t n, std::int64_t group, std::int64_t b, std::int64_t slice, Range strip,
                     Range part, const Output& output) const {
    const std::int64_t width = block_width(b);
    const std::int64_t vectors = width / lanes;
    const std::int64_t depth = slices.size(slice);
    const bool last = slice == slices.parts - 1;
    TileArguments a{};
    const ConvEpilogue& epilogue = c.epilogue;
    a.bias = epilogue.bias != nullptr ? epilogue.bias + group * c.filters + b * block : nullptr;
    a.relu = last && epilogue.relu;
    a.largest = epilogue.largest;
    const bool adds = last && epilogue.residual != nullptr;
    a.accumulate = slice > 0;
    a.stream = last && streams;
    a.sums = last ? output.sums : nullptr;
    a.last_lanes = std::min(width, c.filters - b * block) - (vectors - 1) * lanes;
    a.in_row = c.dilation_h * c.in_row;
    a.weight_row = c.kernel_w * depth * width;
    a.weight_run = depth * width;
    a.in_run = c.dilation_w * c.in_pixel;
    const bool contiguous = taps == 1 && c.stride_w == 1 && c.in_pixel == depth;
    if (contiguous && c.batch * c.in_image > kPrefetchFloats) a.ahead = c.in;
    const float* in = c.in + n * c.in_image + group * c.channels + slices.begin(slice);
    const float* weights = packed(group, b, slice);

    // `a` for the pixel (oy, ox) with these taps.
    const auto place = [&](std::int64_t oy, std::int64_t ox, Range ky, Range kx) {
      TileArguments t = a;
      const std::int64_t y = oy * c.stride_h - c.pad_top + ky.begin * c.dilation_h;
      const std::int64_t x = ox * c.stride_w - c.pad_left + kx.begin * c.dilation_w;
      t.in = in + y * c.in_row + x * c.in_pixel;
      t.out = output.first + (oy - output.first_row) * output.row + ox * output.pixel;
      if (adds) t.residual = epilogue.residual + (t.out - c.out);
      t.weights = weights + ky.begin * a.weight_row + kx.begin * a.weight_run;
      t.rows = ky.size();
      // Taps side by side whose channels follow each other in memory are one run.
      const bool joined = a.in_run == depth;
      t.runs = joined ? 1 : kx.size();
      t.run_length = joined ? kx.size() * depth : depth;
      if (t.rows == 0 || t.runs == 0) t.rows = t.runs = 0, t.in = in;
      return t;
    };

    const Range all_kx{0, c.kernel_w};
    const Range all_ky{0, c.kernel_h};
    const Range inner = intersection(
        part, full_window(c.pad_left, c.stride_w, c.dilation_w, c.kernel_w, c.in_width, c.out_width));
    const Range full_rows =
        full_window(c.pad_top, c.stride_h, c.dilation_h, c.kernel_h, c.in_height, c.out_height);
    for (std::int64_t oy = strip.begin; oy < strip.end; ++oy) {
      TileArguments t = place(oy, inner.begin, valid_ky(oy), all_kx);
      t.in_pixel = c.stride_w * c.in_pixel;
      t.out_pixel = output.pixel;
      line_of_tiles(vectors, inner.size(), t);
    }
    // The columns whose window overlaps the border go downwards, where the neighbours share their taps.
    const Range middle = intersection(strip, full_rows);
    for (std::int64_t ox = part.begin; ox < part.end; ++ox) {
      if (ox == inner.begin && inner.size() > 0) ox = inner.end;
      if (ox == part.end) break;
      const Range kx = inside(ox * c.stride_w - c.pad_left, c.dilation_w, c.kernel_w, c.in_width);
      if (middle.size() > 0) {
        TileArguments t = place(middle.begin, ox, all_ky, kx);
        t.in_pixel = c.stride_h * c.in_row;
        t.out_pixel = output.row;
        line_of_tiles(vectors, middle.size(), t);
      }
      for (std::int64_t oy = strip.begin; oy < strip.end; ++oy) {
        if (oy == middle.begin && middle.size() > 0) oy = middle.end;
        if (oy == strip.end) break;
        line_of_tiles(vectors, 1, place(oy, ox, valid_ky(oy), kx));
      }
    }
  }

  Range valid_ky(std::int64_t oy) const {
    return inside(oy * c.stride_h - c.pad_top, c.dilation_h, c.kernel_h, c.in_height);
  }

  const StridedConvolution& c;

 public:
  const std::int64_t lanes, block, blocks;
  const EvenParts block_runs;
  const std::int64_t padded_filters, taps;
  const EvenParts slices;
  const PixelCut pixels;
  const bool streams;
};

void pack_convolution(const StridedConvolution& c, ThreadPool& pool) {
  const Cut cut(c);
  pool.parallel_for(c.groups * cut.blocks * c.kernel_h, [&](std::int64_t piece) { cut.pack(piece); });
}

void run_convolution(const StridedConvolution& convolution, ThreadPool& pool) {
  const StridedConvolution c = without_rows(convolution);
  const Cut cut(c);
  pool.parallel_for(cut.pieces(), [&](std::int64_t piece) { cut.compute(piece); });
}

void run_convolution_here(const StridedConvolution& convolution) {
  const Cut cut(convolution);
  for (std::int64_t piece = 0; piece < cut.pieces(); ++piece) cut.compute(piece);
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

HWY_EXPORT(pack_convolution);
HWY_EXPORT(run_convolution);
HWY_EXPORT(run_convolution_here);

void pack_strided_convolution(const StridedConvolution& convolution, ThreadPool& pool) {
  HWY_DYNAMIC_DISPATCH(pack_convolution)(convolution, pool);
}

void run_strided_convolution(const StridedConvolution& convolution, ThreadPool& pool) {
  if (convolution.batch * convolution.out_height * convolution.out_width == 0) return;
  HWY_DYNAMIC_DISPATCH(run_convolution)(convolution, pool);
}

void run_strided_convolution(const StridedConvolution& convolution) {
  HWY_DYNAMIC_DISPATCH(run_convolution_here)(convolution);
}

}  // namespace fovea::cpu
#endif
