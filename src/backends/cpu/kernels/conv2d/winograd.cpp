#include "backends/cpu/kernels/conv2d/winograd.h"

#include "backends/cpu/kernels/conv2d/pooled_gradient.h"
#include "backends/cpu/kernels/conv2d/winograd_convolution.h"
#include "backends/cpu/kernels/conv2d/winograd_cut.h"

namespace fovea::cpu {

StridedConvolution winograd_backward_convolution(const Conv2DShape& s) {
  Conv2DShape turned = s;
  std::swap(turned.height, turned.out_height);
  std::swap(turned.width, turned.out_width);
  std::swap(turned.in_channels, turned.filters);
  turned.pad_top = 2 - s.pad_top;
  turned.pad_left = 2 - s.pad_left;
  StridedConvolution c = forward_convolution(turned);
  c.weight_channel = 1;
  c.weight_filter = s.filters;
  c.weight_w = -s.in_channels * s.filters;
  c.weight_h = 3 * c.weight_w;
  return c;
}

namespace {

/// Does it want enough of what its tiles of outputs hold?
bool fits_tiles(const Conv2DShape& s) {
  // Tiles that hang over the borders make outputs that nobody wants.
  const std::int64_t outputs = s.out_height * s.out_width;
  const std::int64_t tiles = ceil_div(s.out_height, kTileOutputs) * ceil_div(s.out_width, kTileOutputs);
  return 2 * kPositions * tiles <= 9 * outputs;
}

/// Channels or filters that the transforms pay for.
bool pays(std::int64_t count) { return count >= 16; }

}  // namespace

bool winograd_can(const Conv2DShape& s) {
  constexpr std::int64_t kMost = 1024;
  const bool plain = s.kernel_h == 3 && s.kernel_w == 3 && s.stride_h == 1 && s.stride_w == 1 &&
                     s.dilation_h == 1 && s.dilation_w == 1 && s.groups == 1;
  return plain && s.in_channels > 0 && s.in_channels <= kMost && s.filters > 0 && s.filters <= kMost &&
         s.batch > 0 && s.height * s.width > 0 && s.out_height * s.out_width > 0;
}

bool winograd_takes(const Conv2DShape& s) {
  return winograd_can(s) && fits_tiles(s) && pays(s.in_channels) && pays(s.filters);
}

bool winograd_takes_pooled(const Conv2DShape& s) {
  return winograd_takes(s) || (winograd_can(s) && fits_tiles(s) && pays(s.filters) &&
                               winograd_takes_few_channels(forward_convolution(s)));
}

std::size_t winograd_packed_bytes(const Conv2DShape& shape) {
  return static_cast<std::size_t>(winograd_weights_size(forward_convolution(shape))) * sizeof(float);
}

std::size_t winograd_backward_input_workspace(const Conv2DShape& shape) {
  return static_cast<std::size_t>(winograd_weights_size(winograd_backward_convolution(shape))) *
         sizeof(float);
}

void winograd_pack(const Conv2DShape& shape, const float* w, void* packed, ThreadPool& pool) {
  StridedConvolution c = forward_convolution(shape);
  c.weights = w;
  c.packed = static_cast<float*>(packed);
  pack_winograd_convolution(c, pool);
}

void winograd_forward(const Conv2DShape& shape, const float* x, const void* packed,
                      const ConvEpilogue& epilogue, float* y, ThreadPool& pool) {
  StridedConvolution c = forward_convolution(shape, x, packed, epilogue);
  c.out = y;
  run_winograd_convolution(c, pool);
}

bool winograd_pools(const PooledOutput& pooled) { return pooled.window_h == 2 && pooled.window_w == 2; }

void winograd_pool_forward(const Conv2DShape& shape, const float* x, const void* packed,
                           const ConvEpilogue& epilogue, const PooledOutput& pooled, ThreadPool& pool) {
  StridedConvolution c = forward_convolution(shape, x, packed, epilogue);
  c.pooled = &pooled;
  const auto run = winograd_takes_few_channels(c) ? run_winograd_of_few_channels : run_winograd_convolution;
  run(c, pool);
}

namespace {

void run_backward_input(StridedConvolution c, const float* w, float* dx, void* workspace, ThreadPool& pool) {
  c.out = dx;
  c.weights = w - 2 * (c.weight_h + c.weight_w);
  c.packed = static_cast<float*>(workspace);
  pack_winograd_convolution(c, pool);
  run_winograd_convolution(c, pool);
}

}  // namespace

void winograd_backward_input(const Conv2DShape& shape, const float* dy, const float* w, float* dx,
                             void* workspace, ThreadPool& pool) {
  StridedConvolution c = winograd_backward_convolution(shape);
  c.in = dy;
  run_backward_input(c, w, dx, workspace, pool);
}

void winograd_pooled_backward_input(const Conv2DShape& shape, const PooledGradient& gradient, const float* w,
                                    float* dx, void* workspace, ThreadPool& pool) {
  StridedConvolution c = winograd_backward_convolution(shape);
  c.pooled_in = &gradient;
  run_backward_input(c, w, dx, workspace, pool);
}

}  // namespace fovea::cpu
