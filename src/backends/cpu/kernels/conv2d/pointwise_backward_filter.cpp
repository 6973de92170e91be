#include "backends/cpu/kernels/conv2d/pointwise_backward_filter.h"

#include <algorithm>

#include "backends/cpu/kernels/cut.h"
#include "core/thread_scratch.h"

// Shared by all instruction sets.
#ifndef FOVEA_POINTWISE_GRADIENT_CUT_
#define FOVEA_POINTWISE_GRADIENT_CUT_
namespace fovea::cpu {
namespace {

/// How the work is cut: channels and filters so that what a piece reads of a chunk of pixels, and the next
/// chunk, and its part of dw, fit into L2 together; where that makes few pieces, runs of chunks form shares
/// with sums of their own, which are added in order. The same for every instruction set and number of
/// threads.
struct PointwiseGradientCut {
  static constexpr std::int64_t kChunkPixels = 128, kChannels = 256, kFilterBlocks = 4;
  static constexpr std::int64_t kPieces = 16, kMaxSharedFloats = 1024 * 1024;

  explicit PointwiseGradientCut(const Conv2DShape& s)
      : weights(s.in_channels * s.filters),
        channels(s.in_channels, kChannels),
        filter_blocks(ceil_div(s.filters, kMaxFilterBlock), kFilterBlocks),
        chunks(s.batch * s.out_height * s.out_width, kChunkPixels),
        shares(chunks.parts, ceil_div(chunks.parts, most_shares())) {}

  std::int64_t pieces() const { return shares.parts * channels.parts * filter_blocks.parts; }
  /// Sums of all shares but the first, which are dw itself.
  std::int64_t shared_floats() const { return std::max<std::int64_t>(0, shares.parts - 1) * weights; }

  std::int64_t weights;
  EvenParts channels, filter_blocks, chunks;
  EvenParts shares;  ///< of the chunks

 private:
  std::int64_t most_shares() const {
    return std::max<std::int64_t>(
        1, std::min(ceil_div(kPieces, channels.parts * filter_blocks.parts), kMaxSharedFloats / weights));
  }
};

}  // namespace
}  // namespace fovea::cpu
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/conv2d/pointwise_backward_filter.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "backends/cpu/kernels/conv2d/conv2d_backward_filter-inl.h"

// dw[c, f] = sum over pixels of x[pixel, c] * dy[pixel, f]. A chunk of pixels stays in L2 while all tiles of
// a piece pass over it; they prefetch the next chunk, each a part.

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

class PointwiseGradient {
 public:
  PointwiseGradient(const Conv2DShape& shape, const float* input, const float* gradient, float* weights,
                    float* memory)
      : s(shape), cut(shape), x(input), dy(gradient), dw(weights), workspace(memory) {}

  void compute(std::int64_t index, bool with_bias) const {
    const std::int64_t share = index / cut.filter_blocks.parts / cut.channels.parts;
    const Range blocks = cut.filter_blocks.range(index % cut.filter_blocks.parts);
    const Range filters{blocks.begin * kMaxFilterBlock, std::min(blocks.end * kMaxFilterBlock, s.filters)};
    const Piece piece(cut.channels.range(index / cut.filter_blocks.parts % cut.channels.parts), filters);
    float* const sums = share == 0 ? dw : workspace + (share - 1) * cut.weights;
    const bool bias = with_bias && piece.channels.begin == 0;
    if (bias) std::fill_n(bias_of(share) + filters.begin, filters.size(), 0.0F);

    const Range chunks = cut.shares.range(share);
    Chunk now, next;
    find(chunks.begin, next);
    for (std::int64_t chunk = chunks.begin; chunk < chunks.end; ++chunk) {
      now = next;
      const bool last = chunk + 1 == chunks.end;
      if (!last) find(chunk + 1, next);
      if (bias) {
        add_pixels(now.dy[0] + filters.begin, s.filters, now.pixels, filters.size(),
                   bias_of(share) + filters.begin);
      }
      add_chunk(piece, now, last ? nullptr : &next, chunk > chunks.begin, sums);
    }
  }

  /// Adds the shares.
  void reduce(Range weights) const {
    for (std::int64_t share = 1; share < cut.shares.parts; ++share) {
      const float* const from = workspace + (share - 1) * cut.weights + weights.begin;
      float* const to = dw + weights.begin;
      for_vectors(weights.size(), [&](std::int64_t i, std::int64_t used) HWY_ATTR {
        store_first(hn::Add(load_first(to + i, used), load_first(from + i, used)), to + i, used);
      });
    }
  }

  void reduce_bias(float* db) const { reduce_parts(bias_of(0), cut.shares.parts, s.filters, s.filters, db); }

  const Conv2DShape& s;
  const PointwiseGradientCut cut;

 private:
  static constexpr std::int64_t kPixels = PointwiseGradientCut::kChunkPixels;
  static constexpr std::int64_t kLine = 16;  // floats of a line of the caches

  /// What meets each chunk, cut into tiles.
  struct Piece {
    Piece(Range all_channels, Range all_filters)
        : channels(all_channels),
          filters(all_filters),
          vectors(ceil_div(filters.size(), lane_count()), kMaxVectors),
          panels(channels.size(), largest_tile(vectors.size(0))) {}
    Range channels, filters;
    EvenParts vectors, panels;
  };

  /// Where the pixels of a chunk are; beyond the last one, the last one again.
  struct Chunk {
    std::int64_t pixels;
    const float* x[kPixels];
    const float* dy[kPixels];
  };

  float* bias_of(std::int64_t share) const { return workspace + cut.shared_floats() + share * s.filters; }

  void find(std::int64_t index, Chunk& chunk) const {
    const Range pixels = cut.chunks.range(index);
    chunk.pixels = pixels.size();
    std::int64_t ox = pixels.begin % s.out_width, oy = pixels.begin / s.out_width % s.out_height,
                 n = pixels.begin / s.out_width / s.out_height;
    for (std::int64_t i = 0; i < pixels.size(); ++i) {
      chunk.x[i] = x + ((n * s.height + oy * s.stride_h) * s.width + ox * s.stride_w) * s.in_channels;
      chunk.dy[i] = dy + (pixels.begin + i) * s.filters;
      if (++ox < s.out_width) continue;
      ox = 0;
      if (++oy < s.out_height) continue;
      oy = 0;
      ++n;
    }
    std::fill(chunk.x + pixels.size(), chunk.x + kPixels, chunk.x[pixels.size() - 1]);
    std::fill(chunk.dy + pixels.size(), chunk.dy + kPixels, chunk.dy[pixels.size() - 1]);
  }

  /// Pixels at one distance in memory: those of x as they are, or copied.
  struct Inputs {
    const float* first;
    std::int64_t pixel;
  };

  Inputs inputs(const Chunk& chunk, Range channels) const {
    if (s.out_height == s.height && s.out_width == s.width)
      return {chunk.x[0] + channels.begin, s.in_channels};
    auto* const copies = reinterpret_cast<float*>(thread_scratch());
    const std::int64_t pixel = round_up(channels.size(), kMaxLanes);
    for (std::int64_t i = 0; i < chunk.pixels; ++i) {
      for_vectors(channels.size(), [&](std::int64_t c, std::int64_t used) HWY_ATTR {
        hn::StoreU(load_first(chunk.x[i] + channels.begin + c, used), D(), copies + i * pixel + c);
      });
    }
    return {copies, pixel};
  }

  void add_chunk(const Piece& piece, const Chunk& now, const Chunk* next, bool accumulate,
                 float* sums) const {
    const Inputs in = inputs(now, piece.channels);
    GradientTile t{};
    t.rows = 1;
    t.columns = now.pixels;
    t.x_pixel = in.pixel;
    t.dy_pixel = s.filters;
    t.sum_row = s.filters;
    t.accumulate = accumulate;

    // Lines of each pixel of the next chunk, spread over the tiles: at once they would fill the queue of
    // misses.
    const std::int64_t tiles = piece.vectors.parts * piece.panels.parts,
                       dy_lines = ceil_div(piece.filters.size(), kLine),
                       lines = next == nullptr ? 0 : dy_lines + ceil_div(piece.channels.size(), kLine);
    std::int64_t tile = 0, line = 0;
    const auto look_ahead = [&] {
      t.ahead = nullptr;
      for (const std::int64_t end = ++tile * lines / tiles; line < end; ++line) {
        for (std::int64_t i = 0; t.ahead != nullptr && i < now.pixels; ++i)
          __builtin_prefetch(t.ahead[i] + t.ahead_offset, 0, 2);
        t.ahead = line < dy_lines ? next->dy : next->x;
        t.ahead_offset = line < dy_lines ? piece.filters.begin + line * kLine
                                         : piece.channels.begin + (line - dy_lines) * kLine;
      }
    };

    for (std::int64_t b = 0; b < piece.vectors.parts; ++b) {
      const std::int64_t vectors = piece.vectors.size(b),
                         f = piece.filters.begin + piece.vectors.begin(b) * lanes;
      t.dy = now.dy[0] + f;
      t.last_lanes = std::min(lanes, piece.filters.end - f - (vectors - 1) * lanes);
      for (std::int64_t panel = 0; panel < piece.panels.parts; ++panel) {
        look_ahead();
        t.x = in.first + piece.panels.begin(panel);
        t.sum = sums + (piece.channels.begin + piece.panels.begin(panel)) * s.filters + f;
        gradient_tile_of<true>(vectors, piece.panels.size(panel), t);
      }
    }
  }

  const float* x;
  const float* dy;
  float* dw;
  float* workspace;
  const std::int64_t lanes = lane_count();
};

void pointwise_filter_gradient(const Conv2DShape& s, const float* x, const float* dy, float* dw, float* db,
                               float* workspace, ThreadPool& pool) {
  const PointwiseGradient gradient(s, x, dy, dw, workspace);
  const PointwiseGradientCut& cut = gradient.cut;
  pool.parallel_for(cut.pieces(), [&](std::int64_t piece) { gradient.compute(piece, db != nullptr); });
  if (cut.shares.parts > 1) {
    const EvenParts parts = pieces_of_rows(cut.weights, cut.shares.parts);
    pool.parallel_for(parts.parts, [&](std::int64_t part) { gradient.reduce(parts.range(part)); });
  }
  if (db != nullptr) gradient.reduce_bias(db);
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

HWY_EXPORT(pointwise_filter_gradient);

bool pointwise_backward_filter_takes(const Conv2DShape& s) {
  return s.kernel_h == 1 && s.kernel_w == 1 && s.groups == 1 && s.pad_top == 0 && s.pad_left == 0 &&
         (s.out_height - 1) * s.stride_h < s.height && (s.out_width - 1) * s.stride_w < s.width &&
         s.batch * s.out_height * s.out_width * s.in_channels * s.filters > 0;
}

std::size_t pointwise_backward_filter_workspace(const Conv2DShape& shape) {
  const PointwiseGradientCut cut(shape);
  return static_cast<std::size_t>(cut.shared_floats() + cut.shares.parts * shape.filters) * sizeof(float);
}

void pointwise_backward_filter(const Conv2DShape& shape, const float* x, const float* dy, float* dw,
                               float* db, float* workspace, ThreadPool& pool) {
  HWY_DYNAMIC_DISPATCH(pointwise_filter_gradient)(shape, x, dy, dw, db, workspace, pool);
}

}  // namespace fovea::cpu
#endif
