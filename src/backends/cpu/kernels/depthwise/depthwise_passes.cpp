#include <numeric>
#include <type_traits>

#include "backends/cpu/kernels/depthwise/channelwise.h"
#include "core/thread_scratch.h"

// The three passes, made of convolutions of each channel by itself. With a multiplier, each channel of the
// input is repeated that many times, a few images at a time, and the gradient by the input sums over the
// repetitions.

namespace fovea::cpu {

ChannelwiseAxis forward_axis(std::int64_t out_size, std::int64_t kernel, std::int64_t stride,
                             std::int64_t dilation, std::int64_t pad) {
  ChannelwiseAxis axis;
  axis.count = out_size;
  axis.stride = stride;
  axis.dilation = dilation;
  axis.pad = pad;
  axis.taps = kernel;
  return axis;
}

ChannelwiseAxis backward_axis(std::int64_t in_size, std::int64_t kernel, std::int64_t stride,
                              std::int64_t dilation, std::int64_t pad, std::int64_t residue) {
  // Tap k reaches position i = residue + stride * m from output (i + pad - k * dilation) / stride, if that is
  // whole: for k = first, first + period, ... From one of them to the next, the output moves back by
  // dilation / common; taken backwards, it moves ahead.
  const std::int64_t common = std::gcd(stride, dilation), period = stride / common;
  const auto first_tap = [&](std::int64_t of) {
    std::int64_t k = 0;
    while (k < period && (of + pad - k * dilation) % stride != 0) ++k;
    return k;
  };
  const auto taps_from = [&](std::int64_t k) {
    return k < period && k < kernel ? ceil_div(kernel - k, period) : 0;
  };
  ChannelwiseAxis axis;
  axis.first = residue;
  axis.step = stride;
  axis.count = std::max<std::int64_t>(0, ceil_div(in_size - residue, stride));
  for (std::int64_t r = 0; r < residue; ++r) axis.earlier_taps += taps_from(first_tap(r));
  const std::int64_t first = first_tap(residue);
  axis.taps = taps_from(first);
  if (axis.taps == 0) return axis;
  axis.dilation = dilation / common;
  axis.first_tap = first + (axis.taps - 1) * period;
  axis.tap_step = -period;
  axis.pad = (axis.taps - 1) * axis.dilation - (residue + pad - first * dilation) / stride;
  return axis;
}

ChannelwiseAxis ChannelwiseConvolution::rows(std::int64_t phase) const {
  const DepthwiseShape& s = shape;
  return backward_input ? backward_axis(s.height, s.kernel_h, s.stride_h, s.dilation_h, s.pad_top, phase)
                        : forward_axis(s.out_height, s.kernel_h, s.stride_h, s.dilation_h, s.pad_top);
}

ChannelwiseAxis ChannelwiseConvolution::columns(std::int64_t phase) const {
  const DepthwiseShape& s = shape;
  return backward_input ? backward_axis(s.width, s.kernel_w, s.stride_w, s.dilation_w, s.pad_left, phase)
                        : forward_axis(s.out_width, s.kernel_w, s.stride_w, s.dilation_w, s.pad_left);
}

namespace {

/// Images that are repeated at a time: about as many floats as the caches hold.
constexpr std::int64_t kRepeatedFloats = 512 * 1024;

std::int64_t repeated_images(const DepthwiseShape& s) {
  if (s.multiplier == 1) return s.batch;
  return std::clamp<std::int64_t>(
      kRepeatedFloats / std::max<std::int64_t>(1, s.height * s.width * s.out_channels()), 1,
      std::max<std::int64_t>(1, s.batch));
}

std::int64_t repeated_floats(const DepthwiseShape& s) {
  return s.multiplier == 1 ? 0 : repeated_images(s) * s.height * s.width * s.out_channels();
}

/// With as many channels as there are results, one kernel each.
DepthwiseShape without_multiplier(DepthwiseShape s) {
  s.channels = s.out_channels();
  s.multiplier = 1;
  return s;
}

/// from[0 ... count) each `multiplier` times; 2 is the usual one, and known to the compiler.
template <class Multiplier>
void repeat_each(const float* from, std::int64_t count, Multiplier multiplier, float* to) {
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::int64_t m = 0; m < multiplier; ++m) to[i * multiplier + m] = from[i];
  }
}

template <class Multiplier>
void sum_each(const float* from, std::int64_t count, Multiplier multiplier, float* to) {
  for (std::int64_t i = 0; i < count; ++i) {
    float sum = from[i * multiplier];
    for (std::int64_t m = 1; m < multiplier; ++m) sum += from[i * multiplier + m];
    to[i] = sum;
  }
}

/// piece(first channel of all pixels, how many) on the pool.
template <class Piece>
void for_channels(const DepthwiseShape& s, std::int64_t images, ThreadPool& pool, Piece&& piece) {
  const EvenParts parts = pieces_of_rows(images * s.height * s.width, s.out_channels());
  pool.parallel_for(parts.parts, [&](std::int64_t part) {
    piece(parts.begin(part) * s.channels, parts.size(part) * s.channels);
  });
}

/// to[pixel][c * multiplier + m] = from[pixel][c].
void repeat_channels(const DepthwiseShape& s, std::int64_t images, const float* from, float* to,
                     ThreadPool& pool) {
  for_channels(s, images, pool, [&](std::int64_t first, std::int64_t count) {
    if (s.multiplier == 2) {
      repeat_each(from + first, count, std::integral_constant<std::int64_t, 2>(), to + 2 * first);
    } else {
      repeat_each(from + first, count, s.multiplier, to + s.multiplier * first);
    }
  });
}

/// to[pixel][c] = the sum over m of from[pixel][c * multiplier + m].
void sum_repetitions(const DepthwiseShape& s, std::int64_t images, const float* from, float* to,
                     ThreadPool& pool) {
  for_channels(s, images, pool, [&](std::int64_t first, std::int64_t count) {
    if (s.multiplier == 2) {
      sum_each(from + 2 * first, count, std::integral_constant<std::int64_t, 2>(), to + first);
    } else {
      sum_each(from + s.multiplier * first, count, s.multiplier, to + first);
    }
  });
}

std::size_t bytes(std::int64_t floats) { return static_cast<std::size_t>(floats) * sizeof(float); }

/// Some images of a batch: how many, and where they begin.
struct Images {
  std::int64_t count, x, y;
};

template <class Run>
void for_images(const DepthwiseShape& s, Run&& run) {
  const std::int64_t at_once = repeated_images(s);
  for (std::int64_t first = 0; first < s.batch; first += at_once) {
    run(Images{std::min(at_once, s.batch - first), first * s.height * s.width * s.channels,
               first * s.out_height * s.out_width * s.out_channels()});
  }
}

}  // namespace

bool depthwise_takes(const DepthwiseShape& s) {
  // A tap's inputs, and its sums for a vector of channels.
  constexpr std::int64_t kTapBytes = 4 * sizeof(float*) + kMaxLanes * sizeof(float);
  return s.taps() > 0 && s.channels > 0 &&
         s.taps() * kTapBytes <= static_cast<std::int64_t>(kThreadScratchBytes) - 4096;
}

std::size_t depthwise_forward_workspace(const DepthwiseShape& s) {
  return bytes(channelwise_workspace(without_multiplier(s)) + repeated_floats(s));
}

std::size_t depthwise_backward_input_workspace(const DepthwiseShape& s) {
  return bytes(channelwise_workspace(without_multiplier(s)) + repeated_floats(s));
}

std::size_t depthwise_backward_filter_workspace(const DepthwiseShape& s) {
  DepthwiseShape single = without_multiplier(s);
  single.batch = repeated_images(s);
  return bytes(channelwise_filter_workspace(single) + repeated_floats(s));
}

void depthwise_forward(const DepthwiseShape& s, const float* x, const float* w, const float* bias,
                       DepthwiseActivation activation, float* y, void* workspace, ThreadPool& pool) {
  ChannelwiseConvolution c;
  c.shape = without_multiplier(s);
  c.weights = w;
  c.bias = bias;
  c.activation = activation;
  c.workspace = static_cast<float*>(workspace);
  float* const repeated = c.workspace + channelwise_workspace(c.shape);
  for_images(s, [&](const Images& images) {
    c.shape.batch = images.count;
    c.in = x + images.x;
    c.out = y + images.y;
    if (s.multiplier > 1) {
      repeat_channels(s, images.count, c.in, repeated, pool);
      c.in = repeated;
    }
    run_channelwise_convolution(c, pool);
  });
}

void depthwise_backward_input(const DepthwiseShape& s, const float* dy, const float* w, float* dx,
                              void* workspace, ThreadPool& pool) {
  ChannelwiseConvolution c;
  c.shape = without_multiplier(s);
  c.backward_input = true;
  c.weights = w;
  c.workspace = static_cast<float*>(workspace);
  float* const repeated = c.workspace + channelwise_workspace(c.shape);
  for_images(s, [&](const Images& images) {
    c.shape.batch = images.count;
    c.in = dy + images.y;
    c.out = s.multiplier > 1 ? repeated : dx + images.x;
    run_channelwise_convolution(c, pool);
    if (s.multiplier > 1) sum_repetitions(s, images.count, repeated, dx + images.x, pool);
  });
}

void depthwise_backward_filter(const DepthwiseShape& s, const float* x, const float* dy, float* dw,
                               void* workspace, ThreadPool& pool) {
  DepthwiseShape single = without_multiplier(s);
  auto* const repeated = static_cast<float*>(workspace);
  float* const shares = repeated + repeated_floats(s);
  if (s.batch == 0) std::fill_n(dw, s.taps() * s.out_channels(), 0.0F);
  bool accumulate = false;
  for_images(s, [&](const Images& images) {
    single.batch = images.count;
    const float* in = x + images.x;
    if (s.multiplier > 1) {
      repeat_channels(s, images.count, in, repeated, pool);
      in = repeated;
    }
    channelwise_backward_filter(single, in, dy + images.y, accumulate, dw, shares, pool);
    accumulate = true;
  });
}

}  // namespace fovea::cpu
