#pragma once

#include <algorithm>
#include <cstdint>

#include "backends/cpu/kernels/conv2d/conv2d.h"
#include "backends/cpu/kernels/conv2d/strided_convolution.h"

namespace fovea::cpu {

/// How the gradient by the weights is cut: the output rows of all images form strips, runs of strips form
/// shares, each share sums into weights of its own, and these are added in order. The same for every
/// instruction set and number of threads.
struct FilterGradientCut {
  static constexpr std::int64_t kStripPixels = 96;
  static constexpr std::int64_t kMaxShares = 16;
  static constexpr std::int64_t kMaxSharedFloats = 4 * 1024 * 1024;

  explicit FilterGradientCut(const Conv2DShape& s)
      : channels(s.in_channels / s.groups),
        filters(s.filters / s.groups),
        padded_filters(round_up(filters, kMaxLanes)),
        strips_per_image(s.out_height,
                         std::max<std::int64_t>(1, kStripPixels / std::max<std::int64_t>(1, s.out_width))),
        weight_floats(s.groups * s.kernel_h * s.kernel_w * channels * padded_filters),
        share_floats(weight_floats + round_up(s.filters, kMaxLanes)),
        shares(s.batch * strips_per_image.parts,
               ceil_div(s.batch * strips_per_image.parts,
                        std::clamp<std::int64_t>(kMaxSharedFloats / share_floats, 1, kMaxShares))) {}

  std::int64_t channels, filters, padded_filters;
  EvenParts strips_per_image;
  std::int64_t weight_floats, share_floats;  // of one share: the weights, then the bias
  EvenParts shares;                          // of the strips of all images
};

}  // namespace fovea::cpu
