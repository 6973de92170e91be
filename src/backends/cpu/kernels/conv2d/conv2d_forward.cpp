#include "backends/cpu/kernels/conv2d/conv2d.h"
#include "backends/cpu/kernels/conv2d/pixel_cut.h"
#include "backends/cpu/kernels/conv2d/strided_convolution.h"
#include "core/thread_scratch.h"

namespace fovea::cpu {

StridedConvolution forward_convolution(const Conv2DShape& s) {
  StridedConvolution c;
  c.batch = s.batch;
  c.groups = s.groups;
  c.channels = s.in_channels / s.groups;
  c.filters = s.filters / s.groups;
  c.in_height = s.height;
  c.in_width = s.width;
  c.in_pixel = s.in_channels;
  c.in_row = s.width * c.in_pixel;
  c.in_image = s.height * c.in_row;
  c.out_height = s.out_height;
  c.out_width = s.out_width;
  c.out_pixel = s.filters;
  c.out_row = s.out_width * c.out_pixel;
  c.out_image = s.out_height * c.out_row;
  c.kernel_h = s.kernel_h;
  c.kernel_w = s.kernel_w;
  c.stride_h = s.stride_h;
  c.stride_w = s.stride_w;
  c.dilation_h = s.dilation_h;
  c.dilation_w = s.dilation_w;
  c.pad_top = s.pad_top;
  c.pad_left = s.pad_left;
  c.weight_filter = 1;
  c.weight_channel = s.filters;
  c.weight_w = c.channels * s.filters;
  c.weight_h = s.kernel_w * c.weight_w;
  c.weight_group = c.filters;
  return c;
}

StridedConvolution forward_convolution(const Conv2DShape& shape, const float* x, const void* packed,
                                       const ConvEpilogue& epilogue) {
  StridedConvolution c = forward_convolution(shape);
  c.in = x;
  c.epilogue = epilogue;
  c.packed = static_cast<float*>(const_cast<void*>(packed));
  return c;
}

std::size_t conv2d_packed_bytes(const Conv2DShape& shape) {
  return static_cast<std::size_t>(packed_weights_size(forward_convolution(shape))) * sizeof(float);
}

std::int64_t conv2d_sum_pieces(const Conv2DShape& shape) {
  return pixel_cut_of_sums(without_rows(forward_convolution(shape))).strips();
}

bool conv2d_pools(const Conv2DShape& shape, const PooledOutput& pooled) {
  const std::int64_t floats = pooled.window_h * shape.out_width * kMaxFilterBlock;
  return floats * static_cast<std::int64_t>(sizeof(float)) <=
         static_cast<std::int64_t>(kThreadScratchBytes) / 2;
}

void conv2d_pack(const Conv2DShape& shape, const float* w, void* packed, ThreadPool& pool) {
  StridedConvolution c = forward_convolution(shape);
  c.weights = w;
  c.packed = static_cast<float*>(packed);
  pack_strided_convolution(c, pool);
}

void conv2d_pool_forward(const Conv2DShape& shape, const float* x, const void* packed,
                         const ConvEpilogue& epilogue, const PooledOutput& pooled, ThreadPool& pool) {
  StridedConvolution c = forward_convolution(shape, x, packed, epilogue);
  c.pooled = &pooled;
  run_strided_convolution(c, pool);
}

void conv2d_forward(const Conv2DShape& shape, const float* x, const void* packed,
                    const ConvEpilogue& epilogue, float* y, ThreadPool& pool) {
  StridedConvolution c = forward_convolution(shape, x, packed, epilogue);
  c.out = y;
  run_strided_convolution(c, pool);
}

}  // namespace fovea::cpu
