#include <cstring>

#include "backends/cpu/kernels/depthwise/channelwise.h"
#include "backends/cpu/kernels/depthwise/input_pointers.h"
#include "core/thread_scratch.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/depthwise/channelwise_convolution.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "backends/cpu/kernels/depthwise/channelwise_tiles-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

/// A piece is some rows of one image, of each phase. Packed weights stand phase by phase, as ChannelTile
/// has them; after them a pixel of zeros.
class ChannelwiseRun {
 public:
  /// Results of a piece, and how many pieces are wanted where there is little work.
  static constexpr std::int64_t kPieceResults = 128 * 1024, kWantedPieces = 16;
  /// How far ahead of a tile its inputs are prefetched, at least.
  static constexpr std::int64_t kPrefetchFloats = 512;

  explicit ChannelwiseRun(const ChannelwiseConvolution& convolution)
      : c(convolution),
        channels(c.shape.channels),
        lanes(lane_count()),
        vectors(ceil_div(channels, lanes)),
        padded(round_up(channels, kMaxLanes)),
        rows(ceil_div(c.out_height(), c.row_phases()), rows_of_piece()),
        in{c.in, c.in_height(), c.in_width(), channels, c.workspace + c.shape.taps() * padded},
        stream(!c.read_at_once && channels % kMaxLanes == 0 &&
               reinterpret_cast<std::uintptr_t>(c.out) % (kMaxLanes * 4) == 0 &&
               c.shape.batch * c.out_height() * c.out_width() * channels > kStreamFloats) {}

  std::int64_t pieces() const { return c.shape.batch * rows.parts; }

  void pack() const {
    std::memset(c.workspace + c.shape.taps() * padded, 0, static_cast<std::size_t>(padded) * sizeof(float));
    for (std::int64_t py = 0; py < c.row_phases(); ++py) {
      for (std::int64_t px = 0; px < c.column_phases(); ++px) pack_phase(c.rows(py), c.columns(px));
    }
  }

  void compute(std::int64_t piece) const {
    const std::int64_t n = piece / rows.parts;
    for (std::int64_t py = 0; py < c.row_phases(); ++py) {
      const ChannelwiseAxis y = c.rows(py);
      const Range range = intersection(rows.range(piece % rows.parts), {0, y.count});
      for (std::int64_t px = 0; px < c.column_phases(); ++px) compute_rows(n, range, y, c.columns(px));
    }
    if (stream) hwy::FlushStream();
  }

  void compute(std::int64_t image, Range some_rows) const {
    compute_rows(image, some_rows, c.rows(0), c.columns(0));
  }

 private:
  std::int64_t rows_of_piece() const {
    const std::int64_t row = c.row_phases() * c.out_width() * channels;
    const std::int64_t all_rows = c.shape.batch * ceil_div(c.out_height(), c.row_phases());
    const std::int64_t most =
        std::min(kPieceResults / std::max<std::int64_t>(1, row), ceil_div(all_rows, kWantedPieces));
    return std::max<std::int64_t>(2, most / 2 * 2);  // tiles have two rows
  }

  float* packed(const ChannelwiseAxis& y, const ChannelwiseAxis& x) const {
    return c.workspace + (y.earlier_taps * c.shape.kernel_w + y.taps * x.earlier_taps) * vectors * lanes;
  }

  void pack_phase(const ChannelwiseAxis& y, const ChannelwiseAxis& x) const {
    float* to = packed(y, x);
    const std::int64_t used = std::min(lanes, channels);
    for (std::int64_t v = 0; v < vectors; ++v) {
      for (std::int64_t ky = 0; ky < y.taps; ++ky) {
        for (std::int64_t kx = 0; kx < x.taps; ++kx, to += lanes) {
          const std::int64_t tap =
              (y.first_tap + ky * y.tap_step) * c.shape.kernel_w + x.first_tap + kx * x.tap_step;
          hn::StoreU(load_first(c.weights + tap * channels + vector_begin(v, channels), used), D(), to);
        }
      }
    }
  }

  static const TileFunctions* tiles_of(const ChannelwiseAxis& y, const ChannelwiseAxis& x) {
    if (y.dilation != 1 || x.dilation != 1 || y.taps != x.taps || y.stride != x.stride) return nullptr;
    for (const TileFunctions& functions : kTileFunctions) {
      if (functions.kernel == y.taps && functions.stride == y.stride) return &functions;
    }
    return nullptr;
  }

  void compute_rows(std::int64_t n, Range range, const ChannelwiseAxis& y, const ChannelwiseAxis& x) const {
    if (range.size() == 0 || x.count == 0) return;
    ChannelTile a{};
    a.weights = packed(y, x);
    a.bias = c.bias;
    a.out_row = y.step * c.out_width() * channels;
    a.out_pixel = x.step * channels;
    a.channels = channels;
    a.taps = y.taps * x.taps;
    a.activation = c.activation;
    a.stream = stream;
    const TileFunctions* const functions = channels >= lanes ? tiles_of(y, x) : nullptr;
    if (functions != nullptr) {
      rows_of_tiles(n, range, y, x, *functions, a);
    } else {
      rows_of_any_tiles(n, range, y, x, a);
    }
  }

  void look_ahead(std::int64_t width, const ChannelwiseAxis& x, ChannelTile& a) const {
    const std::int64_t tiles = ceil_div(kPrefetchFloats, width * x.stride * channels);
    a.in_ahead = tiles * width * x.stride * channels;
    a.out_ahead = tiles * width * x.step * channels;
  }

  float* result(std::int64_t n, const ChannelwiseAxis& y, const ChannelwiseAxis& x, std::int64_t at_y,
                std::int64_t at_x) const {
    return c.out + ((n * c.out_height() + y.first + at_y * y.step) * c.out_width() + x.first + at_x * x.step -
                    c.first_pixel) *
                       channels;
  }

  /// A row's last tile is moved back so that it is whole: some results are computed twice.
  void rows_of_tiles(std::int64_t n, Range range, const ChannelwiseAxis& y, const ChannelwiseAxis& x,
                     const TileFunctions& functions, ChannelTile& a) const {
    const std::int64_t width = x.count >= kWideTile ? kWideTile : x.count >= kNarrowTile ? kNarrowTile : 1;
    const TileFunction* const of_rows = width == kWideTile     ? functions.wide
                                        : width == kNarrowTile ? functions.narrow
                                                               : functions.single;
    const std::int64_t columns = (width - 1) * x.stride + x.taps;
    look_ahead(width, x, a);
    std::int64_t offsets[kMostInputs];
    auto** const pointers = reinterpret_cast<const float**>(thread_scratch());
    block_offsets(in, y.stride + y.taps, columns, offsets);
    a.in = pointers;
    for (std::int64_t at_y = range.begin; at_y < range.end; at_y += 2) {
      const std::int64_t height = std::min<std::int64_t>(2, range.end - at_y);
      for (std::int64_t begin = 0; begin < x.count; begin += width) {
        const std::int64_t at_x = std::min(begin, x.count - width);
        point_to_block(in, n, at_y * y.stride - y.pad, at_x * x.stride - x.pad,
                       (height - 1) * y.stride + y.taps, columns, offsets, pointers);
        a.out = result(n, y, x, at_y, at_x);
        of_rows[height - 1](a);
      }
    }
  }

  void rows_of_any_tiles(std::int64_t n, Range range, const ChannelwiseAxis& y, const ChannelwiseAxis& x,
                         ChannelTile& a) const {
    const std::int64_t width = x.count >= kNarrowTile ? kNarrowTile : 1;
    const bool whole = channels >= lanes;
    const TileFunction run = width == 1
                                 ? (whole ? any_tile<1, true> : any_tile<1, false>)
                                 : (whole ? any_tile<kNarrowTile, true> : any_tile<kNarrowTile, false>);
    auto** const pointers = reinterpret_cast<const float**>(thread_scratch());
    look_ahead(width, x, a);
    const TapGrid taps{y.taps, x.taps, y.dilation, x.dilation};
    a.in = pointers;
    for (std::int64_t at_y = range.begin; at_y < range.end; ++at_y) {
      for (std::int64_t begin = 0; begin < x.count; begin += width) {
        const std::int64_t at_x = std::min(begin, x.count - width);
        point_to_taps(in, n, at_y * y.stride - y.pad, at_x * x.stride - x.pad, taps, width, x.stride,
                      pointers);
        a.out = result(n, y, x, at_y, at_x);
        run(a);
      }
    }
  }

  const ChannelwiseConvolution& c;
  const std::int64_t channels, lanes, vectors, padded;
  const EvenParts rows;  ///< of each phase
  const InputImages in;
  const bool stream;
};

void run_channelwise(const ChannelwiseConvolution& convolution, ThreadPool& pool) {
  const ChannelwiseRun run(convolution);
  run.pack();
  const std::int64_t products = convolution.shape.batch * convolution.shape.out_height *
                                convolution.shape.out_width * convolution.shape.channels *
                                convolution.shape.taps();
  for_pieces(pool, run.pieces(), products, [&](std::int64_t piece) { run.compute(piece); });
}

void pack_weights(const ChannelwiseConvolution& convolution) { ChannelwiseRun(convolution).pack(); }

void compute_rows(const ChannelwiseConvolution& convolution, std::int64_t image, Range rows) {
  ChannelwiseRun(convolution).compute(image, rows);
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

HWY_EXPORT(run_channelwise);
HWY_EXPORT(pack_weights);
HWY_EXPORT(compute_rows);

void run_channelwise_convolution(const ChannelwiseConvolution& convolution, ThreadPool& pool) {
  if (convolution.shape.batch * convolution.out_height() * convolution.out_width() == 0) return;
  HWY_DYNAMIC_DISPATCH(run_channelwise)(convolution, pool);
}

void pack_channelwise_weights(const ChannelwiseConvolution& convolution) {
  HWY_DYNAMIC_DISPATCH(pack_weights)(convolution);
}

void compute_channelwise_rows(const ChannelwiseConvolution& convolution, std::int64_t image, Range rows) {
  HWY_DYNAMIC_DISPATCH(compute_rows)(convolution, image, rows);
}

}  // namespace fovea::cpu
#endif
