#include <cstring>

#include "backends/cpu/kernels/conv2d/conv2d.h"
#include "backends/cpu/kernels/conv2d/filter_gradient_cut.h"
#include "backends/cpu/kernels/conv2d/pointwise_backward_filter.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/conv2d/conv2d_backward_filter.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "backends/cpu/kernels/conv2d/conv2d_backward_filter-inl.h"

// dw[ky, kx, c, f] = sum over n, oy, ox of x[n, oy * stride - pad + ky * dilation, ..., c] * dy[n, oy, ox, f]

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

class FilterGradient {
 public:
  FilterGradient(const Conv2DShape& shape, const float* input, const float* gradient, float* memory)
      : s(shape), cut(shape), x(input), dy(gradient), workspace(memory) {}

  /// A piece is one share and one block of filters of one group; where that makes few pieces, one row of
  /// taps.
  std::int64_t pieces() const { return cut.shares.parts * s.groups * blocks * splits; }

  void compute(std::int64_t piece, bool with_bias) const {
    const std::int64_t split = piece % splits;
    const std::int64_t b = piece / splits % blocks;
    const std::int64_t group = piece / splits / blocks % s.groups;
    const std::int64_t share = piece / splits / blocks / s.groups;
    const Range all_ky = splits == 1 ? Range{0, s.kernel_h} : Range{split, split + 1};
    const std::int64_t tap_row = s.kernel_w * cut.channels * block_width(b);
    float* sums = weights_of(share, group, b);
    std::memset(sums + all_ky.begin * tap_row, 0,
                static_cast<std::size_t>(all_ky.size() * tap_row) * sizeof(float));
    const bool bias = with_bias && all_ky.begin == 0;
    const std::int64_t first_filter = group * cut.filters + b * block;
    const std::int64_t used = std::min(block_width(b), cut.filters - b * block);
    float* bias_sums = bias_of(share) + first_filter;
    if (bias) std::memset(bias_sums, 0, static_cast<std::size_t>(used) * sizeof(float));

    const std::int64_t begin = cut.shares.begin(share);
    for (std::int64_t strip = begin; strip < begin + cut.shares.size(share); ++strip) {
      const std::int64_t n = strip / cut.strips_per_image.parts;
      const std::int64_t part = strip % cut.strips_per_image.parts;
      const std::int64_t oy = cut.strips_per_image.begin(part);
      const Range rows{oy, oy + cut.strips_per_image.size(part)};
      for (std::int64_t ky = all_ky.begin; ky < all_ky.end; ++ky) {
        add_strip(n, rows, group, b, ky, sums + ky * tap_row);
      }
      if (bias) {
        add_pixels(dy + ((n * s.out_height + oy) * s.out_width) * s.filters + first_filter, s.filters,
                   rows.size() * s.out_width, used, bias_sums);
      }
    }
  }

  /// Adds the shares of one tap of one block and writes dw.
  std::int64_t reductions() const { return s.groups * blocks * s.kernel_h * s.kernel_w; }

  void reduce(std::int64_t piece, float* dw) const {
    const std::int64_t tap = piece % (s.kernel_h * s.kernel_w);
    const std::int64_t b = piece / (s.kernel_h * s.kernel_w) % blocks;
    const std::int64_t group = piece / (s.kernel_h * s.kernel_w) / blocks;
    const std::int64_t width = block_width(b);
    const std::int64_t used = std::min(width, cut.filters - b * block);
    const float* from = weights_of(0, group, b) + tap * cut.channels * width;
    float* to = dw + tap * cut.channels * s.filters + group * cut.filters + b * block;
    for (std::int64_t channel = 0; channel < cut.channels; ++channel) {
      reduce_parts(from + channel * width, cut.shares.parts, cut.share_floats, used,
                   to + channel * s.filters);
    }
  }

  void reduce_bias(float* db) const {
    reduce_parts(bias_of(0), cut.shares.parts, cut.share_floats, s.filters, db);
  }

 private:
  std::int64_t block_width(std::int64_t b) const {
    return std::min(block, round_up(cut.filters, lanes) - b * block);
  }
  /// [share][group][block][ky][kx][channel][filter]
  float* weights_of(std::int64_t share, std::int64_t group, std::int64_t b) const {
    return workspace + share * cut.share_floats +
           s.kernel_h * s.kernel_w * cut.channels * (group * cut.padded_filters + b * block);
  }
  float* bias_of(std::int64_t share) const {
    return workspace + share * cut.share_floats + cut.weight_floats;
  }

  void add_strip(std::int64_t n, Range strip, std::int64_t group, std::int64_t b, std::int64_t ky,
                 float* sums) const {
    const std::int64_t width = block_width(b);
    const std::int64_t vectors = width / lanes;
    const std::int64_t start_y = ky * s.dilation_h - s.pad_top;
    const Range rows = intersection(strip, inside(start_y, s.stride_h, s.out_height, s.height));
    if (rows.size() == 0) return;
    GradientTile a{};
    a.sum_row = width;
    a.accumulate = true;
    a.rows = rows.size();
    a.x_row = s.stride_h * s.width * s.in_channels;
    a.x_pixel = s.stride_w * s.in_channels;
    a.dy_row = s.out_width * s.filters;
    a.dy_pixel = s.filters;
    a.last_lanes = std::min(width, cut.filters - b * block) - (vectors - 1) * lanes;
    const float* x_row = x + (n * s.height + rows.begin * s.stride_h + start_y) * s.width * s.in_channels +
                         group * cut.channels;
    const float* dy_row = dy + (n * s.out_height + rows.begin) * a.dy_row + group * cut.filters + b * block;

    // Few channels would leave registers empty: there, the taps of a row are so many more channels, except in
    // the columns whose window overlaps the border.
    const bool joined = s.dilation_w == 1 && s.groups == 1 && cut.channels < kFewChannels;
    const Range whole =
        joined ? full_window(s.pad_left, s.stride_w, s.dilation_w, s.kernel_w, s.width, s.out_width)
               : Range{0, 0};
    const auto add_columns = [&](Range columns, std::int64_t kx, std::int64_t entries) {
      if (columns.size() == 0) return;
      a.columns = columns.size();
      a.x = x_row + (columns.begin * s.stride_w + kx * s.dilation_w - s.pad_left) * s.in_channels;
      a.dy = dy_row + columns.begin * s.filters;
      a.sum = sums + kx * cut.channels * width;
      const EvenParts parts(entries, largest_tile(vectors));
      for (std::int64_t part = 0; part < parts.parts; ++part) {
        gradient_tile_of(vectors, parts.size(part), a);
        a.x += parts.size(part);
        a.sum += parts.size(part) * width;
      }
    };
    add_columns(whole, 0, s.kernel_w * cut.channels);
    for (std::int64_t kx = 0; kx < s.kernel_w; ++kx) {
      const Range columns = inside(kx * s.dilation_w - s.pad_left, s.stride_w, s.out_width, s.width);
      if (whole.size() == 0) {
        add_columns(columns, kx, cut.channels);
      } else {
        add_columns(intersection(columns, {0, whole.begin}), kx, cut.channels);
        add_columns(intersection(columns, {whole.end, s.out_width}), kx, cut.channels);
      }
    }
  }

  const Conv2DShape& s;
  const FilterGradientCut cut;
  const float* x;
  const float* dy;
  float* workspace;
  const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(D()));
  const std::int64_t block = kMaxVectors * lanes;
  const std::int64_t blocks = ceil_div(cut.filters, block);
  static constexpr std::int64_t kFewChannels = 12;
  static constexpr std::int64_t kEnoughPieces = 16;
  const std::int64_t splits = cut.shares.parts * s.groups * blocks < kEnoughPieces ? s.kernel_h : 1;
};

void backward_filter(const Conv2DShape& s, const float* x, const float* dy, float* dw, float* db,
                     float* workspace, ThreadPool& pool) {
  const FilterGradient gradient(s, x, dy, workspace);
  pool.parallel_for(gradient.pieces(), [&](std::int64_t piece) { gradient.compute(piece, db != nullptr); });
  pool.parallel_for(gradient.reductions(), [&](std::int64_t piece) { gradient.reduce(piece, dw); });
  if (db != nullptr) gradient.reduce_bias(db);
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

HWY_EXPORT(backward_filter);

std::size_t conv2d_backward_filter_workspace(const Conv2DShape& shape) {
  if (pointwise_backward_filter_takes(shape)) return pointwise_backward_filter_workspace(shape);
  const FilterGradientCut cut(shape);
  return static_cast<std::size_t>(cut.shares.parts * cut.share_floats) * sizeof(float);
}

void conv2d_backward_filter(const Conv2DShape& shape, const float* x, const float* dy, float* dw, float* db,
                            void* workspace, ThreadPool& pool) {
  if (pointwise_backward_filter_takes(shape)) {
    return pointwise_backward_filter(shape, x, dy, dw, db, static_cast<float*>(workspace), pool);
  }
  HWY_DYNAMIC_DISPATCH(backward_filter)(shape, x, dy, dw, db, static_cast<float*>(workspace), pool);
}

}  // namespace fovea::cpu
#endif
