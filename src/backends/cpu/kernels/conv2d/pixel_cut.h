#pragma once

#include "backends/cpu/kernels/conv2d/strided_convolution.h"

namespace fovea::cpu {

/// A 1x1 convolution of whole images has no need of their rows: all pixels are one.
inline StridedConvolution without_rows(StridedConvolution c) {
  const bool dense = c.in_row == c.in_width * c.in_pixel && c.in_image == c.in_height * c.in_row &&
                     c.out_row == c.out_width * c.out_pixel && c.out_image == c.out_height * c.out_row;
  const bool pointwise = c.kernel_h == 1 && c.kernel_w == 1 && c.stride_h == 1 && c.stride_w == 1 &&
                         c.pad_top == 0 && c.pad_left == 0 && c.in_height == c.out_height &&
                         c.in_width == c.out_width;
  if (!dense || !pointwise || c.pooled != nullptr) return c;
  c.in_width = c.out_width = c.batch * c.in_height * c.in_width;
  c.batch = c.in_height = c.out_height = 1;
  c.in_row = c.in_image = c.in_width * c.in_pixel;
  c.out_row = c.out_image = c.out_width * c.out_pixel;
  return c;
}

/// How the output pixels are cut into strips: some rows of one image, or a part of one long row.
struct PixelCut {
  static constexpr std::int64_t kStripPixels = 240, kFewestPixels = 48;
  /// Pieces that a convolution of one small image is cut into, as far as kFewestPixels allow.
  static constexpr std::int64_t kWantedPieces = 16;

  /// `ways`: into how many pieces each strip is cut besides.
  PixelCut(const StridedConvolution& c, std::int64_t ways)
      : rows_a_unit(c.pooled == nullptr ? 1 : c.pooled->window_h),
        strip_pixels(std::clamp(c.groups * ways * c.batch * c.out_height * c.out_width / kWantedPieces,
                                kFewestPixels, kStripPixels)),
        batch(c.batch),
        rows(c.out_height / rows_a_unit,
             std::max<std::int64_t>(1, strip_pixels / (c.out_width * rows_a_unit))),
        columns(c.out_width, c.out_height == 1 && c.pooled == nullptr ? strip_pixels : c.out_width) {}

  struct Strip {
    std::int64_t image;
    Range rows;  ///< in units of rows_a_unit
    Range columns;
  };
  std::int64_t strips() const { return batch * rows.parts * columns.parts; }
  Strip strip(std::int64_t i) const {
    const std::int64_t line = i / columns.parts;
    return {line / rows.parts, rows.range(line % rows.parts), columns.range(i % columns.parts)};
  }

  std::int64_t rows_a_unit;  ///< rows that are computed together: those of a pooling window
  std::int64_t strip_pixels, batch;
  EvenParts rows, columns;
};

/// Where ResultSums are made, each strip is one of their pieces, whatever the instruction set.
inline PixelCut pixel_cut_of_sums(const StridedConvolution& c) { return {c, 1}; }

}  // namespace fovea::cpu
