#pragma once

#include "backends/cpu/kernels/cut.h"
#include "backends/cpu/kernels/depthwise/depthwise.h"

// Convolutions of each channel by itself, one kernel a channel: what the forward pass is, and the gradient by
// the input, for each residue of the input position modulo the stride. A multiplier is dealt with before and
// after.

namespace fovea::cpu {

/// One axis of such a convolution: out[i] = sum over j < taps of in[i * stride + j * dilation - pad] *
/// w[first_tap + j * tap_step]; `out` are the positions first, first + step, ... of the result.
struct ChannelwiseAxis {
  std::int64_t count = 0, first = 0, step = 1;
  std::int64_t stride = 1, dilation = 1, pad = 0;
  std::int64_t taps = 0, first_tap = 0, tap_step = 1;
  std::int64_t earlier_taps = 0;  ///< of the axes with a smaller residue
};

ChannelwiseAxis forward_axis(std::int64_t out_size, std::int64_t kernel, std::int64_t stride,
                             std::int64_t dilation, std::int64_t pad);
/// The gradient by the input at positions residue, residue + stride, ...: in is dy, out dx.
ChannelwiseAxis backward_axis(std::int64_t in_size, std::int64_t kernel, std::int64_t stride,
                              std::int64_t dilation, std::int64_t pad, std::int64_t residue);

struct ChannelwiseConvolution {
  DepthwiseShape shape;  ///< of the forward pass; its multiplier is 1
  bool backward_input = false;
  const float* in = nullptr;
  const float* weights = nullptr;
  const float* bias = nullptr;
  DepthwiseActivation activation;
  float* out = nullptr;
  std::int64_t first_pixel = 0;  ///< of the result: what `out` begins with
  bool read_at_once = false;     ///< `out` is not written around the caches
  float* workspace = nullptr;    ///< channelwise_workspace() floats

  std::int64_t in_height() const { return backward_input ? shape.out_height : shape.height; }
  std::int64_t in_width() const { return backward_input ? shape.out_width : shape.width; }
  std::int64_t out_height() const { return backward_input ? shape.height : shape.out_height; }
  std::int64_t out_width() const { return backward_input ? shape.width : shape.out_width; }
  std::int64_t row_phases() const { return backward_input ? shape.stride_h : 1; }
  std::int64_t column_phases() const { return backward_input ? shape.stride_w : 1; }
  ChannelwiseAxis rows(std::int64_t phase) const;
  ChannelwiseAxis columns(std::int64_t phase) const;
};

/// Floats: the packed weights, and a pixel of zeros.
inline std::int64_t channelwise_workspace(const DepthwiseShape& shape) {
  return (shape.taps() + 1) * round_up(shape.channels, kMaxLanes);
}

/// Packs the weights and computes `out`, with the best instruction set that this machine has.
void run_channelwise_convolution(const ChannelwiseConvolution& convolution, ThreadPool& pool);

/// In two parts, for who wants some rows of one image at a time of a forward pass: packs the weights; and
/// computes those rows on the calling thread.
void pack_channelwise_weights(const ChannelwiseConvolution& convolution);
void compute_channelwise_rows(const ChannelwiseConvolution& convolution, std::int64_t image, Range rows);
/// Bytes at the start of the thread's scratch memory that the latter uses.
inline std::int64_t channelwise_scratch_bytes(const DepthwiseShape& shape) {
  constexpr std::int64_t kLeast = 4096, kPixelsAtOnce = 4;
  return round_up(std::max<std::int64_t>(kLeast, kPixelsAtOnce * shape.taps() * sizeof(float*)), 64);
}

/// How the gradient by the weights is cut: the rows of an image form strips, runs of the strips of all images
/// form shares. A strip is summed in the thread's scratch memory, by blocks of channels, and then added to
/// its share's sums; these are added in order.
struct ChannelwiseFilterCut {
  static constexpr std::int64_t kStripPixels = 1024, kMaxShares = 16, kMaxSharedFloats = 4 * 1024 * 1024;
  static constexpr std::int64_t kBlockFloats = 64 * 1024, kBlockChannels = 256;

  explicit ChannelwiseFilterCut(const DepthwiseShape& s)
      : strips_per_image(s.out_height,
                         std::max<std::int64_t>(1, kStripPixels / std::max<std::int64_t>(1, s.out_width))),
        share_floats(s.taps() * s.channels),
        most_shares(std::clamp<std::int64_t>(kMaxSharedFloats / share_floats, 1, kMaxShares)),
        shares(s.batch * strips_per_image.parts, ceil_div(s.batch * strips_per_image.parts, most_shares)),
        blocks(ceil_div(s.channels, kMaxLanes),
               std::clamp<std::int64_t>(kBlockFloats / s.taps(), kMaxLanes, kBlockChannels) / kMaxLanes) {}

  EvenParts strips_per_image;
  std::int64_t share_floats, most_shares;
  EvenParts shares;  ///< of the strips of all images
  EvenParts blocks;  ///< of channels, in units of kMaxLanes
};

/// The gradient by the weights of a shape whose multiplier is 1, added to what `dw` holds where `accumulate`.
/// The workspace has channelwise_filter_workspace() floats, which will do for a smaller batch too.
inline std::int64_t channelwise_filter_workspace(const DepthwiseShape& shape) {
  const ChannelwiseFilterCut cut(shape);
  return cut.most_shares * cut.share_floats + round_up(shape.channels, kMaxLanes);
}
void channelwise_backward_filter(const DepthwiseShape& shape, const float* x, const float* dy,
                                 bool accumulate, float* dw, float* workspace, ThreadPool& pool);

}  // namespace fovea::cpu
