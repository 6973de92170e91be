#include <cstring>

#include "backends/cpu/kernels/conv2d/winograd.h"
#include "backends/cpu/kernels/conv2d/winograd_cut.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/conv2d/winograd_backward_filter.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "backends/cpu/kernels/conv2d/conv2d_backward_filter-inl.h"
#include "backends/cpu/kernels/conv2d/winograd-inl.h"

// dw = G^T [sum over tiles of (B^T x B) * (A dy A^T)] G: at each of the 36 positions, a product of the
// transformed inputs [tile][channel], transposed, with the transformed gradients [tile][filter]. The tiles
// are cut into shares, each with sums of its own, which are added in order.

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

class WinogradFilterGradient {
 public:
  WinogradFilterGradient(const Conv2DShape& shape, const float* input, const float* dy_map, float* memory)
      : s(shape), cut(shape), x(input), dy(dy_map), sums(memory) {}

  std::int64_t pieces() const { return cut.shares.parts; }

  void compute(std::int64_t share) const {
    float* const to = sums + share * cut.share_floats;
    std::memset(to, 0, static_cast<std::size_t>(cut.share_floats) * sizeof(float));
    const Range range = cut.shares.range(share);
    for (std::int64_t i = range.begin; i < range.end; ++i) add_block(cut.tiles.blocks.range(i), to);
  }

  /// Adds the shares of one channel and transforms them back.
  void finish(std::int64_t channel, float* dw) const {
    const D d;
    const std::int64_t tap = s.in_channels * s.filters;
    for (std::int64_t f = 0; f < s.filters; f += lanes) {
      const std::int64_t b = f / width, used = std::min(lanes, s.filters - f);
      const float* const from = sums_of(sums, b) + channel * block_width(b) + f % width;
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
  std::int64_t block_width(std::int64_t b) const {
    return std::min(width, round_up(s.filters, lanes) - b * width);
  }
  /// [block of filters][position][channel][filter]
  float* sums_of(float* share, std::int64_t b) const {
    return share + kPositions * s.in_channels * b * width;
  }

  void add_block(Range range, float* to) const {
    auto* const inputs = reinterpret_cast<float*>(thread_scratch());
    const std::int64_t input_position = position_stride(range.size() * cut.channels),
                       gradient_position = position_stride(range.size() * cut.filters);
    float* const gradients = inputs + kPositions * input_position;
    for (std::int64_t i = range.begin; i < range.end; ++i) {
      const WinogradTiles::Place at = cut.tiles.place(i);
      const ImageTile<6> input(x + at.image * s.height * s.width * s.in_channels, s.height, s.width,
                               s.in_channels, at.top - s.pad_top, at.left - s.pad_left);
      transform_tile<6>(
          input, [](const Vector* v, Vector* t) HWY_ATTR { transform_inputs(D(), v, t); },
          inputs + (i - range.begin) * cut.channels, input_position);
      float* const to_gradient = gradients + (i - range.begin) * cut.filters;
      const auto line = [](const Vector* v, Vector* t) HWY_ATTR { transform_gradients(v, t); };
      const ImageTile<4> gradient(dy + at.image * s.out_height * s.out_width * s.filters, s.out_height,
                                  s.out_width, s.filters, at.top, at.left);
      transform_tile<4>(gradient, line, to_gradient, gradient_position);
    }
    for (std::int64_t b = 0; b * width < s.filters; ++b) {
      const std::int64_t block = block_width(b), vectors = block / lanes;
      const EvenParts parts(s.in_channels, largest_tile(vectors));
      GradientTile a{};
      a.sum_row = block;
      a.rows = 1;
      a.columns = range.size();
      a.x_pixel = cut.channels;
      a.dy_pixel = cut.filters;
      a.last_lanes = lanes;
      a.accumulate = true;
      a.sum = sums_of(to, b);
      for (std::int64_t p = 0; p < kPositions; ++p) {
        a.x = inputs + p * input_position;
        a.dy = gradients + p * gradient_position + b * width;
        for (std::int64_t part = 0; part < parts.parts; ++part) {
          gradient_tile_of(vectors, parts.size(part), a);
          a.x += parts.size(part);
          a.sum += parts.size(part) * block;
        }
      }
    }
  }

  const Conv2DShape& s;
  const WinogradGradientCut cut;
  const float* x;
  const float* dy;
  float* sums;
  const std::int64_t lanes = lane_count();
  const std::int64_t width = kMaxVectors * lanes;
};

void run_backward_filter(const Conv2DShape& s, const float* x, const float* dy, float* dw, float* workspace,
                         ThreadPool& pool) {
  const WinogradFilterGradient gradient(s, x, dy, workspace);
  pool.parallel_for(gradient.pieces(), [&](std::int64_t share) { gradient.compute(share); });
  pool.parallel_for(s.in_channels, [&](std::int64_t channel) { gradient.finish(channel, dw); });
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

HWY_EXPORT(run_backward_filter);

std::size_t winograd_backward_filter_workspace(const Conv2DShape& shape) {
  const WinogradGradientCut cut(shape);
  return static_cast<std::size_t>(cut.shares.parts * cut.share_floats) * sizeof(float);
}

void winograd_backward_filter(const Conv2DShape& shape, const float* x, const float* dy, float* dw,
                              void* workspace, ThreadPool& pool) {
  HWY_DYNAMIC_DISPATCH(run_backward_filter)(shape, x, dy, dw, static_cast<float*>(workspace), pool);
}

}  // namespace fovea::cpu
#endif
