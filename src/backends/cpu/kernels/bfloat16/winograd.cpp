#include "backends/cpu/kernels/bfloat16/winograd.h"

#include "backends/cpu/kernels/bfloat16/dot.h"
#include "backends/cpu/kernels/bfloat16/winograd_pass.h"
#include "backends/cpu/kernels/conv2d/winograd_convolution.h"

namespace fovea::cpu {
namespace {

std::size_t packed_bytes(const StridedConvolution& c, WinogradProducts products) {
  const std::size_t width = products == WinogradProducts::pairs ? sizeof(bfloat16) : sizeof(float);
  return static_cast<std::size_t>(winograd_weights_size(c)) * width;
}

}  // namespace

bool winograd_pairs_take(const Conv2DShape& s) {
  return has_bfloat16_dot() && s.in_channels % 2 == 0 && s.filters % 2 == 0;
}

std::size_t half_winograd_packed_bytes(const Conv2DShape& shape, WinogradProducts products) {
  return packed_bytes(forward_convolution(shape), products);
}

void half_winograd_pack(const Conv2DShape& shape, WinogradProducts products, const bfloat16* w, void* packed,
                        ThreadPool& pool) {
  HalfWinograd pass{forward_convolution(shape), products};
  pass.weights = w;
  pass.packed = packed;
  pack_half_winograd(pass, pool);
}

void half_winograd_forward(const Conv2DShape& shape, WinogradProducts products,
                           const HalfWinogradForward& forward, ThreadPool& pool) {
  HalfWinograd pass{forward_convolution(shape), products};
  pass.in = forward.x;
  pass.packed = const_cast<void*>(forward.packed);
  pass.end = forward;
  run_half_winograd(pass, pool);
}

std::size_t half_winograd_backward_input_workspace(const Conv2DShape& shape, WinogradProducts products) {
  return packed_bytes(winograd_backward_convolution(shape), products);
}

void half_winograd_backward_input(const Conv2DShape& shape, WinogradProducts products, const bfloat16* dy,
                                  const HalfPooledGradient* pooled_dy, const bfloat16* w, bfloat16* dx,
                                  void* workspace, ThreadPool& pool) {
  HalfWinograd pass{winograd_backward_convolution(shape), products};
  // The weights are turned: the first tap is the last one.
  pass.weights = w - 2 * (pass.c.weight_h + pass.c.weight_w);
  pass.packed = workspace;
  pass.in = dy;
  pass.pooled_in = pooled_dy;
  pass.end.y = dx;
  pack_half_winograd(pass, pool);
  run_half_winograd(pass, pool);
}

}  // namespace fovea::cpu
