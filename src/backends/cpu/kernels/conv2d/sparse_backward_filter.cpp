#include <cstring>

#include "backends/cpu/kernels/conv2d/pooled_gradient.h"
#include "backends/cpu/kernels/cut.h"
#include "core/thread_scratch.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/conv2d/sparse_backward_filter.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "backends/cpu/kernels/vector-inl.h"

// dw[ky, kx, c, f] = sum over windows of g * x[winner + (ky, kx), c]: a row of the kernel is a vector of x,
// which lies in one piece, times g. The sums of a few filters stay in registers while a row of windows
// passes.

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

class SparseGradient {
 public:
  SparseGradient(const Conv2DShape& shape, const float* input, const PooledGradient& gradient)
      : s(shape), x(input), g(gradient) {}

  /// Adds a row of windows to sums [filter][ky][kMaxLanes].
  void add_row(std::int64_t row, float* sums) const {
    prepare(row);
    for (std::int64_t first = 0; first < run; first += lane_count()) {
      for (std::int64_t ky = 0; ky < s.kernel_h; ky += kRows) {
        const std::int64_t rows = std::min<std::int64_t>(kRows, s.kernel_h - ky);
        for (std::int64_t f = 0; f < s.filters; f += kFilters) {
          const std::int64_t filters = std::min<std::int64_t>(kFilters, s.filters - f);
          if (rows == kRows && filters == kFilters) {
            add<kRows, kFilters>(row, f, ky, first, sums);
            continue;
          }
          for (std::int64_t i = 0; i < filters; ++i) {
            for (std::int64_t r = 0; r < rows; ++r) add<1, 1>(row, f + i, ky + r, first, sums);
          }
        }
      }
    }
  }

 private:
  static constexpr int kRows = 3, kFilters = 4;

  /// The gradients of a row of windows, and where their winners' patches begin, from that of the first
  /// element.
  void prepare(std::int64_t row) const {
    const D d;
    const DInt di;
    const std::int64_t count = width * s.filters, begin = row * count;
    const IntVector one = hn::Set(di, 1);
    const IntVector pixel = hn::Set(di, static_cast<std::int32_t>(s.in_channels)),
                    line = hn::Set(di, static_cast<std::int32_t>(x_row));
    for_vectors(count, [&](std::int64_t i, std::int64_t used) HWY_ATTR {
      Vector value = load_first(g.dy + begin + i, used);
      if (g.after != nullptr) {
        const auto counts = hn::Gt(load_first(g.after + begin + i, used), hn::Zero(d));
        value = hn::Mul(hn::IfThenElseZero(counts, hn::Set(d, 1.0F)), value);
      }
      store_first(value, gradients + i, used);
      const IntVector winner = load_bytes(g.winners + begin + i, used);
      const auto right = hn::Eq(hn::And(winner, one), one);
      const auto below = hn::Gt(winner, one);
      store_first(hn::Add(hn::IfThenElseZero(right, pixel), hn::IfThenElseZero(below, line)), di, starts + i,
                  used);
    });
  }

  /// R rows of the kernel from `ky` on, a vector of each from `first` on, for F filters from f on.
  template <int R, int F>
  HWY_INLINE void add(std::int64_t row, std::int64_t f, std::int64_t ky, std::int64_t first,
                      float* sums) const {
    const D d;
    const std::int64_t used = std::min(lane_count(), run - first);
    const float* patch = x + (row / height * s.height + row % height * 2 + ky) * x_row + first;
    float* const to = sums + (f * s.kernel_h + ky) * kMaxLanes + first;
    Vector sum[F][R];
    FOVEA_UNROLL
    for (int i = 0; i < F; ++i) {
      FOVEA_UNROLL
      for (int r = 0; r < R; ++r) sum[i][r] = hn::LoadU(d, to + (i * s.kernel_h + r) * kMaxLanes);
    }
    const auto add_windows = [&](auto load) HWY_ATTR {
      const float* value = gradients + f;
      const std::int32_t* start = starts + f;
      for (std::int64_t w = 0; w < width; ++w, value += s.filters, start += s.filters) {
        FOVEA_UNROLL
        for (int i = 0; i < F; ++i) {
          const Vector factor = hn::Set(d, value[i]);
          const float* const from = patch + start[i];
          FOVEA_UNROLL
          for (int r = 0; r < R; ++r) sum[i][r] = hn::MulAdd(factor, load(from + r * x_row), sum[i][r]);
        }
        patch += 2 * s.in_channels;
      }
    };
#if HWY_TARGET <= HWY_AVX2
    const auto mask = hn::FirstN(d, static_cast<std::size_t>(used));
    add_windows([&](const float* from) HWY_ATTR { return hn::MaskedLoad(mask, d, from); });
#else
    add_windows([&](const float* from) HWY_ATTR { return load_first(from, used); });
#endif
    FOVEA_UNROLL
    for (int i = 0; i < F; ++i) {
      FOVEA_UNROLL
      for (int r = 0; r < R; ++r) hn::StoreU(sum[i][r], d, to + (i * s.kernel_h + r) * kMaxLanes);
    }
  }

  const Conv2DShape& s;
  const float* x;
  const PooledGradient& g;
  const std::int64_t run = s.kernel_w * s.in_channels;  ///< weights in a row of the kernel
  const std::int64_t x_row = s.width * s.in_channels;
  const std::int64_t width = s.out_width / 2, height = s.out_height / 2;  ///< windows
  float* const gradients = reinterpret_cast<float*>(thread_scratch());
  std::int32_t* const starts = reinterpret_cast<std::int32_t*>(gradients + width * s.filters);
};

void add_row_of_windows(const Conv2DShape& s, const float* x, const PooledGradient& g, std::int64_t row,
                        float* sums) {
  SparseGradient(s, x, g).add_row(row, sums);
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

HWY_EXPORT(add_row_of_windows);

namespace {

/// Rows of windows of all images; each part sums for itself.
EvenParts parts_of(const Conv2DShape& s) {
  constexpr std::int64_t kMaxParts = 64;
  const std::int64_t rows = s.batch * (s.out_height / 2);
  return {rows, ceil_div(rows, kMaxParts)};
}

/// A vector that begins at the end of a row may reach beyond it.
std::int64_t part_floats(const Conv2DShape& s) { return (s.filters * s.kernel_h + 1) * kMaxLanes; }

}  // namespace

bool sparse_backward_filter_takes(const Conv2DShape& s) {
  return s.groups == 1 && s.stride_h == 1 && s.stride_w == 1 && s.dilation_h == 1 && s.dilation_w == 1 &&
         s.pad_top == 0 && s.pad_left == 0 && s.out_height == s.height - s.kernel_h + 1 &&
         s.out_width == s.width - s.kernel_w + 1 && s.kernel_w * s.in_channels <= kMaxLanes &&
         s.batch * s.out_height * s.out_width > 0 &&
         s.out_width / 2 * s.filters * 8 <= static_cast<std::int64_t>(kThreadScratchBytes);
}

std::size_t sparse_backward_filter_workspace(const Conv2DShape& shape) {
  return static_cast<std::size_t>(parts_of(shape).parts * part_floats(shape)) * sizeof(float);
}

void sparse_backward_filter(const Conv2DShape& s, const float* x, const PooledGradient& gradient, float* dw,
                            void* workspace, ThreadPool& pool) {
  const EvenParts parts = parts_of(s);
  const std::int64_t floats = part_floats(s), run = s.kernel_w * s.in_channels;
  auto* const sums = static_cast<float*>(workspace);
  pool.parallel_for(parts.parts, [&](std::int64_t part) {
    float* const own = sums + part * floats;
    std::fill_n(own, floats, 0.0F);
    const Range rows = parts.range(part);
    for (std::int64_t row = rows.begin; row < rows.end; ++row)
      HWY_DYNAMIC_DISPATCH(add_row_of_windows)(s, x, gradient, row, own);
  });
  for (std::int64_t f = 0; f < s.filters; ++f) {
    for (std::int64_t ky = 0; ky < s.kernel_h; ++ky) {
      for (std::int64_t i = 0; i < run; ++i) {
        double sum = 0;
        for (std::int64_t part = 0; part < parts.parts; ++part)
          sum += static_cast<double>(sums[part * floats + (f * s.kernel_h + ky) * kMaxLanes + i]);
        dw[(ky * run + i) * s.filters + f] = static_cast<float>(sum);
      }
    }
  }
}

}  // namespace fovea::cpu
#endif
