#include <algorithm>

#include "backends/cpu/kernel_list.h"
#include "backends/cpu/kernels/bfloat16/numbers.h"
#include "backends/cpu/kernels/bfloat16/winograd.h"
#include "backends/cpu/kernels/conv2d/pooled_gradient.h"
#include "backends/cpu/kernels/conv2d/regions.h"
#include "backends/cpu/kernels/conv2d/winograd.h"
#include "backends/cpu/kernels/elementwise/unary.h"
#include "core/cache_lines.h"

// The backward passes of convolution + bias + pooling + ReLU in bfloat16
// (conv2d/pooled_backward_regions.cpp): the gradient by the input reads it as it is, the sparse ones by bias
// and weights read float32 copies.

namespace fovea::cpu {
namespace {

class PooledBackward final : public Kernel {
 public:
  PooledBackward(const PooledBackwardRegion& region, bool trains)
      : r_(region),
        s_(region.shape),
        products_(trains && winograd_pairs_take(s_) ? WinogradProducts::pairs : WinogradProducts::floats),
        wide_(sparse_wide_backward_filter_takes(s_)) {
    std::size_t work = r_.dx < 0 ? 0 : half_winograd_backward_input_workspace(s_, products_);
    if (r_.dw >= 0) {
      work = std::max(
          work, wide_ ? sparse_wide_backward_filter_workspace(s_) : sparse_backward_filter_workspace(s_));
    }
    bytes_ = whole_lines(work);
    const std::int64_t pooled = s_.batch * (s_.out_height / 2) * (s_.out_width / 2) * s_.filters;
    if (r_.db >= 0) db_ = take(s_.filters);
    if (r_.dw >= 0) {
      dy_ = take(pooled);
      x_ = take(s_.batch * s_.height * s_.width * s_.in_channels);
      dw_ = take(s_.kernel_h * s_.kernel_w * s_.in_channels * s_.filters);
    }
  }
  std::string_view name() const override {
    if (r_.dx < 0) return "conv2d_pool_backward:bfloat16_sparse";
    return r_.dw < 0 ? "conv2d_pool_backward:bfloat16_winograd"
                     : "conv2d_pool_backward:bfloat16_winograd+sparse";
  }
  std::size_t workspace_bytes() const override { return bytes_; }

  void run(const KernelContext& c) const override {
    if (r_.dx >= 0) {
      const HalfPooledGradient gradient{input<bfloat16>(c, r_.dy), input<std::uint8_t>(c, r_.winners),
                                        input<bfloat16>(c, r_.after)};
      half_winograd_backward_input(s_, products_, nullptr, &gradient, input<bfloat16>(c, r_.w),
                                   output<bfloat16>(c, r_.dx), c.workspace, c.threads);
    }
    if (r_.dw < 0) return;
    mask(c);
    const auto pass = wide_ ? sparse_wide_backward_filter : sparse_backward_filter;
    widen(input<bfloat16>(c, r_.x), at(c, x_), x_.count, c.threads);
    const PooledGradient gradient{at(c, dy_), input<std::uint8_t>(c, r_.winners), nullptr};
    float* const db = r_.db < 0 ? nullptr : at(c, db_);
    pass(s_, at(c, x_), gradient, at(c, dw_), db, c.workspace, c.threads);
    narrow(at(c, dw_), output<bfloat16>(c, r_.dw), dw_.count, c.threads);
    if (db != nullptr) narrow(db, output<bfloat16>(c, r_.db), db_.count, c.threads);
  }

 private:
  /// Floats in the workspace.
  struct Copy {
    std::size_t offset = 0;
    std::int64_t count = 0;
  };
  Copy take(std::int64_t count) {
    const Copy copy{bytes_, count};
    bytes_ += whole_lines(static_cast<std::size_t>(count) * sizeof(float));
    return copy;
  }
  static float* at(const KernelContext& c, const Copy& copy) {
    return reinterpret_cast<float*>(static_cast<std::byte*>(c.workspace) + copy.offset);
  }
  /// dy as far as it counts, in floats.
  void mask(const KernelContext& c) const {
    const EvenParts pieces = pieces_of_rows(dy_.count / s_.filters, s_.filters);
    const Numbers dy(input<bfloat16>(c, r_.dy)), after(input<bfloat16>(c, r_.after));
    c.threads.parallel_for(pieces.parts, [&](std::int64_t piece) {
      const std::int64_t first = pieces.begin(piece) * s_.filters, count = pieces.size(piece) * s_.filters;
      float* const to = at(c, dy_) + first;
      if (after) {
        unary_backward(UnaryKind::relu, {}, after.read(first, count, 1), dy.read(first, count, 0), to, count);
      } else {
        widen_block(input<bfloat16>(c, r_.dy) + first, to, count);
      }
    });
  }

  PooledBackwardRegion r_;
  Conv2DShape s_;
  WinogradProducts products_;
  bool wide_;
  std::size_t bytes_ = 0;
  Copy dy_, x_, db_, dw_;
};

}  // namespace

Implementation make_bfloat16_conv2d_pool_backward(const Region& region) {
  const auto read = read_pooled_backward(region);
  if (const auto* declined = std::get_if<Declined>(&read)) return *declined;
  const auto& places = std::get<PooledBackwardRegion>(read);
  if (spec_of(region, region.inputs[static_cast<std::size_t>(places.dy)]).dtype != DType::bfloat16)
    return decline("takes bfloat16 only");
  if (places.dx >= 0 && !winograd_takes(places.shape))
    return decline("the gradient by the input is nothing for Winograd");
  return std::make_unique<PooledBackward>(places, region.trains);
}

}  // namespace fovea::cpu
