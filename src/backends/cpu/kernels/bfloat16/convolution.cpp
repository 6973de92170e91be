#include "backends/cpu/kernels/bfloat16/convolution.h"

#include <algorithm>
#include <cstring>

#include "backends/cpu/kernels/bfloat16/convert.h"
#include "backends/cpu/kernels/bfloat16/dot.h"
#include "backends/cpu/kernels/bfloat16/patches.h"
#include "core/thread_scratch.h"

namespace fovea::cpu {
namespace {

constexpr std::int64_t kWantedPieces = 16, kPieceRows = 240, kFewestRows = 48;

std::int64_t pixels_of(const Conv2DShape& s) { return s.batch * s.out_height * s.out_width; }

bool is_pointwise(const Conv2DShape& s) {
  return s.kernel_h == 1 && s.kernel_w == 1 && s.pad_top == 0 && s.pad_left == 0;
}

/// Output pixels from `pixel` on, below `end`, that the same distance separates in input and output.
std::int64_t run_of_pixels(const Conv2DShape& s, std::int64_t pixel, std::int64_t end) {
  const bool dense = s.stride_h == 1 && s.stride_w == 1 && s.height == s.out_height && s.width == s.out_width;
  return dense ? end - pixel : std::min(end - pixel, s.out_width - pixel % s.out_width);
}

}  // namespace

std::size_t dot_packed_bytes(const Conv2DShape& s) {
  return static_cast<std::size_t>(PackedMatrix(depth_of(s), s.filters).size()) * sizeof(bfloat16);
}

std::size_t dot_forward_workspace(const Conv2DShape& s) {
  return static_cast<std::size_t>(round_up(s.filters, kDotBlock)) * sizeof(float);
}

void dot_pack(const Conv2DShape& s, const bfloat16* w, void* packed, ThreadPool& pool) {
  const std::int64_t depth = depth_of(s);
  const PackedMatrix matrix(depth, s.filters);
  const EvenParts slices(matrix.pairs, 256);
  pool.parallel_for(matrix.blocks * slices.parts, [&](std::int64_t piece) {
    const std::int64_t b = piece / slices.parts, width = matrix.width(b), used = matrix.used(b);
    const Range range = slices.range(piece % slices.parts);
    auto* const to = static_cast<bfloat16*>(packed) + matrix.block_begin(b) + range.begin * width * 2;
    if (used < width) std::fill_n(to, range.size() * width * 2, bfloat16());
    const bfloat16* rows[512];
    for (std::int64_t i = 2 * range.begin; i < 2 * range.end; ++i)
      rows[i - 2 * range.begin] = i < depth ? w + i * s.filters : nullptr;
    interleave(rows, b * kDotBlock, range.size(), used, to, width * 2);
  });
}

void dot_forward(const Conv2DShape& s, const bfloat16* x, const void* packed, const DotEpilogue& epilogue,
                 bfloat16* y, void* workspace, ThreadPool& pool) {
  const PackedMatrix matrix(depth_of(s), s.filters);
  const Patches input(s, x);
  const auto* const weights = static_cast<const bfloat16*>(packed);
  auto* const bias = static_cast<float*>(workspace);
  if (epilogue.bias != nullptr) {
    std::fill_n(bias, round_up(s.filters, kDotBlock), 0.0F);
    widen_block(epilogue.bias, bias, s.filters);
  }
  // Rows of 1x1 kernels lie in memory, and a block of weights serves all pixels while it is in L2; others are
  // copied once for all blocks.
  const bool direct = is_pointwise(s) && s.in_channels % 2 == 0;
  const std::int64_t row = patch_size(s), total = pixels_of(s);
  const std::int64_t fit = (static_cast<std::int64_t>(kThreadScratchBytes) / 4 - kPatchSlack) / row;
  const std::int64_t wanted =
      std::clamp(total * (direct ? matrix.blocks : 1) / kWantedPieces, kFewestRows, kPieceRows);
  const EvenParts chunks(total, direct ? wanted : std::clamp<std::int64_t>(fit, 1, wanted));

  const auto multiply = [&](std::int64_t b, const bfloat16* a, std::int64_t a_row, std::int64_t pixel,
                            std::int64_t rows) {
    DotRows t;
    t.a = a;
    t.a_row = a_row;
    t.pairs = matrix.pairs;
    t.b = weights + matrix.block_begin(b);
    t.filters = matrix.used(b);
    t.bias = epilogue.bias == nullptr ? nullptr : bias + b * kDotBlock;
    t.out_row = s.filters;
    t.out = y + pixel * s.filters + b * kDotBlock;
    if (epilogue.residual != nullptr) t.residual = epilogue.residual + (t.out - y);
    t.relu = epilogue.relu;
    t.largest = epilogue.largest;
    dot_rows(t, rows);
  };
  pool.parallel_for(chunks.parts * (direct ? matrix.blocks : 1), [&](std::int64_t piece) {
    const Range range = chunks.range(piece % chunks.parts);
    if (direct) {
      for (std::int64_t pixel = range.begin; pixel < range.end;) {
        const std::int64_t rows = run_of_pixels(s, pixel, range.end);
        multiply(piece / chunks.parts, input.at(pixel, 0, 0), s.stride_w * s.in_channels, pixel, rows);
        pixel += rows;
      }
      return;
    }
    auto* const rows = reinterpret_cast<bfloat16*>(thread_scratch());
    input.gather(range.begin, range.size(), rows);
    for (std::int64_t b = 0; b < matrix.blocks; ++b) multiply(b, rows, row, range.begin, range.size());
  });
}

bool dot_backward_input_takes(const Conv2DShape& s) { return is_pointwise(s) && s.filters % 2 == 0; }

std::size_t dot_backward_input_workspace(const Conv2DShape& s) {
  return static_cast<std::size_t>(PackedMatrix(s.filters, s.in_channels).size()) * sizeof(bfloat16);
}

void dot_backward_input(const Conv2DShape& s, const bfloat16* dy, const bfloat16* w, bfloat16* dx,
                        void* workspace, ThreadPool& pool) {
  const PackedMatrix matrix(s.filters, s.in_channels);
  auto* const weights = static_cast<bfloat16*>(workspace);
  // Transposed: pairs of filters lie side by side in the weights of a channel.
  constexpr std::int64_t kSlice = 32;
  const std::int64_t slices = ceil_div(matrix.pairs, kSlice);
  pool.parallel_for(matrix.blocks * slices, [&](std::int64_t piece) {
    const std::int64_t b = piece / slices, width = matrix.width(b), used = matrix.used(b);
    const Range range{piece % slices * kSlice, std::min(matrix.pairs, (piece % slices + 1) * kSlice)};
    bfloat16* const to = weights + matrix.block_begin(b);
    if (used < width) std::fill_n(to + range.begin * width * 2, range.size() * width * 2, bfloat16());
    for (std::int64_t c = 0; c < used; ++c) {
      const bfloat16* const from = w + (b * kDotBlock + c) * s.filters;
      for (std::int64_t i = range.begin; i < range.end; ++i)
        std::memcpy(static_cast<void*>(to + (i * width + c) * 2), from + 2 * i, 2 * sizeof(bfloat16));
    }
  });
  const std::int64_t total = pixels_of(s);
  const bool dense = run_of_pixels(s, 0, total) == total && s.stride_h == 1 && s.stride_w == 1;
  if (!dense) {
    const EvenParts rows = pieces_of_rows(s.batch * s.height, s.width * s.in_channels);
    pool.parallel_for(rows.parts, [&](std::int64_t piece) {
      std::fill_n(dx + rows.begin(piece) * s.width * s.in_channels,
                  rows.size(piece) * s.width * s.in_channels, bfloat16());
    });
  }
  const EvenParts chunks(total, std::clamp(total * matrix.blocks / kWantedPieces, kFewestRows, kPieceRows));
  pool.parallel_for(chunks.parts * matrix.blocks, [&](std::int64_t piece) {
    const std::int64_t b = piece / chunks.parts;
    const Range range = chunks.range(piece % chunks.parts);
    for (std::int64_t pixel = range.begin; pixel < range.end;) {
      const std::int64_t rows = run_of_pixels(s, pixel, range.end);
      DotRows t;
      t.a = dy + pixel * s.filters;
      t.a_row = s.filters;
      t.pairs = matrix.pairs;
      t.b = weights + matrix.block_begin(b);
      t.filters = matrix.used(b);
      t.out_row = s.stride_w * s.in_channels;
      t.out = const_cast<bfloat16*>(Patches(s, dx).at(pixel, 0, 0)) + b * kDotBlock;
      dot_rows(t, rows);
      pixel += rows;
    }
  });
}

}  // namespace fovea::cpu
