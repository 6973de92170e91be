#include <numeric>

#include "backends/cpu/kernels/conv2d/conv2d.h"
#include "backends/cpu/kernels/conv2d/pixel_cut.h"
#include "backends/cpu/kernels/conv2d/strided_convolution.h"

// dx[iy] = sum over ky with (iy + pad - ky * dilation) = stride * oy of dy[oy] * w[ky]: for the positions
// iy = first + j * stride, the taps that hit an oy are ky = tap + t * step, and oy falls by the same amount
// from one to the next. With the taps reversed and channels and filters exchanged this is a forward
// convolution of stride 1 over dy, for each residue of iy and ix.

namespace fovea::cpu {
namespace {

/// One axis of one residue, as a forward convolution.
struct Axis {
  Axis(std::int64_t residue, std::int64_t size, std::int64_t kernel, std::int64_t stride,
       std::int64_t dilation, std::int64_t pad)
      : positions(ceil_div(size - residue, stride)) {
    const std::int64_t common = std::gcd(stride, dilation);
    tap_step = stride / common;
    reach = dilation / common;
    std::int64_t tap = 0;
    while (tap < tap_step && (residue + pad - tap * dilation) % stride != 0) ++tap;
    taps = tap < tap_step ? std::max<std::int64_t>(0, ceil_div(kernel - tap, tap_step)) : 0;
    last_tap = tap + (taps - 1) * tap_step;
    // Where the reversed window of position 0 starts.
    first_padding = taps > 0 ? -floor_div(residue + pad - last_tap * dilation, stride) : 0;
  }
  std::int64_t positions, tap_step = 0, reach = 0, taps = 0, last_tap = 0, first_padding = 0;
};

}  // namespace

std::size_t conv2d_backward_input_workspace(const Conv2DShape& s) {
  // The taps of one residue.
  const std::int64_t taps = s.kernel_h * s.kernel_w;
  const std::int64_t channels = round_up(s.in_channels / s.groups, kMaxLanes);
  return static_cast<std::size_t>(s.groups * taps * (s.filters / s.groups) * channels) * sizeof(float);
}

namespace {

/// Without pointers; the one residue of a convolution with strides of 1 is all of it.
StridedConvolution backward_convolution(const Conv2DShape& s) {
  StridedConvolution c;
  c.batch = s.batch;
  c.groups = s.groups;
  c.channels = s.filters / s.groups;
  c.filters = s.in_channels / s.groups;
  c.in_height = s.out_height;
  c.in_width = s.out_width;
  c.in_pixel = s.filters;
  c.in_row = s.out_width * c.in_pixel;
  c.in_image = s.out_height * c.in_row;
  c.out_pixel = s.stride_w * s.in_channels;
  c.out_row = s.stride_h * s.width * s.in_channels;
  c.out_image = s.height * s.width * s.in_channels;
  c.weight_channel = 1;
  c.weight_filter = s.filters;
  c.weight_group = c.channels;
  return c;
}

void place(const Axis& v, const Axis& h, StridedConvolution& c) {
  const bool empty = v.taps == 0 || h.taps == 0;
  c.out_height = v.positions;
  c.out_width = h.positions;
  c.kernel_h = empty ? 0 : v.taps;
  c.kernel_w = empty ? 0 : h.taps;
  c.dilation_h = v.reach;
  c.dilation_w = h.reach;
  c.pad_top = v.first_padding;
  c.pad_left = h.first_padding;
}

}  // namespace

std::int64_t conv2d_backward_input_sum_pieces(const Conv2DShape& s) {
  StridedConvolution c = backward_convolution(s);
  place(Axis(0, s.height, s.kernel_h, 1, s.dilation_h, s.pad_top),
        Axis(0, s.width, s.kernel_w, 1, s.dilation_w, s.pad_left), c);
  return pixel_cut_of_sums(without_rows(c)).strips();
}

void conv2d_backward_input(const Conv2DShape& s, const float* dy, const float* w, float* dx, void* workspace,
                           ThreadPool& pool, const ConvEpilogue& epilogue) {
  StridedConvolution c = backward_convolution(s);
  c.in = dy;
  c.packed = static_cast<float*>(workspace);
  c.epilogue = epilogue;
  const std::int64_t tap_w = c.filters * s.filters;
  const std::int64_t tap_h = s.kernel_w * tap_w;
  for (std::int64_t ry = 0; ry < std::min(s.stride_h, s.height); ++ry) {
    const Axis v(ry, s.height, s.kernel_h, s.stride_h, s.dilation_h, s.pad_top);
    for (std::int64_t rx = 0; rx < std::min(s.stride_w, s.width); ++rx) {
      const Axis h(rx, s.width, s.kernel_w, s.stride_w, s.dilation_w, s.pad_left);
      place(v, h, c);
      c.out = dx + (ry * s.width + rx) * s.in_channels;
      c.weights = c.kernel_h == 0 ? w : w + v.last_tap * tap_h + h.last_tap * tap_w;
      c.weight_h = -v.tap_step * tap_h;
      c.weight_w = -h.tap_step * tap_w;
      pack_strided_convolution(c, pool);
      run_strided_convolution(c, pool);
    }
  }
}

}  // namespace fovea::cpu
