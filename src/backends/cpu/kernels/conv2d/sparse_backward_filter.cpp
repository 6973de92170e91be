#include <cstring>

#include "backends/cpu/kernels/conv2d/pooled_gradient.h"
#include "backends/cpu/kernels/cut.h"
#include "core/thread_scratch.h"

// Shared by all instruction sets.
#ifndef FOVEA_SPARSE_BACKWARD_FILTER_CUT_
#define FOVEA_SPARSE_BACKWARD_FILTER_CUT_
namespace fovea::cpu {
namespace {

/// Rows of windows of all images form parts, each with sums of its own: [filter][patch], then those by the
/// bias. A row is taken in segments whose patches stay in L1.
struct SparsePatchCut {
  static constexpr std::int64_t kMaxParts = 64, kSegmentFloats = 4096;

  explicit SparsePatchCut(const Conv2DShape& s)
      : run(s.kernel_w * s.in_channels),
        patch(round_up((s.kernel_h - 1) * run + round_up(run, 4), kMaxLanes)),
        segments(s.out_width / 2, std::max<std::int64_t>(1, kSegmentFloats / (4 * patch))),
        rows(s.batch * (s.out_height / 2), ceil_div(s.batch * (s.out_height / 2), kMaxParts)),
        part_floats((patch + 1) * s.filters) {}

  /// Scratch memory: the patches, gradients and places of a segment.
  std::int64_t scratch_floats(std::int64_t filters) const {
    return 4 * segments.size(0) * patch + 2 * segments.size(0) * filters;
  }

  std::int64_t run, patch;  ///< floats of a row of the kernel, of a patch
  EvenParts segments, rows;
  std::int64_t part_floats;
};

}  // namespace
}  // namespace fovea::cpu
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/conv2d/sparse_backward_filter.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "backends/cpu/kernels/vector-inl.h"
#include "hwy/cache_control.h"

// dw[ky, kx, c, f] = sum over windows of g * x[winner + (ky, kx), c]: the patch of x under the kernel, a few
// vectors, times g. The patches of all four places of a window are copied next to each other, so that the
// winner is an index; the sums of a few filters stay in registers while a segment of windows passes.

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

class SparseGradient {
 public:
  SparseGradient(const Conv2DShape& shape, const float* input, const PooledGradient& gradient)
      : s(shape), cut(shape), x(input), g(gradient) {}

  /// Adds the windows of a part to its sums.
  void add_part(std::int64_t part, float* sums) const {
    std::memset(sums, 0, static_cast<std::size_t>(cut.part_floats) * sizeof(float));
    const Range rows = cut.rows.range(part);
    for (std::int64_t row = rows.begin; row < rows.end; ++row) {
      for (std::int64_t segment = 0; segment < cut.segments.parts; ++segment) {
        const Range windows = cut.segments.range(segment);
        copy_patches(row, windows);
        list_gradients(row, windows, sums + cut.patch * s.filters);
        // The segment behind it in memory, if the part goes on.
        const bool last = row + 1 == rows.end && segment + 1 == cut.segments.parts;
        const std::int64_t next = (row * (s.out_width / 2) + windows.end) * s.filters;
        add_segment(windows.size(), sums, {next, last ? next : next + windows.size() * s.filters});
      }
    }
  }

 private:
  static constexpr std::int64_t kLanes = hn::MaxLanes(D());
  static constexpr std::int64_t kQuad = 4;
  /// Vectors of a patch whose sums are kept at a time, and of how many filters.
  static constexpr int kVectors = 4;
  static constexpr int filters_of(int vectors) { return std::min(8, (kMaxVectors == 4 ? 24 : 12) / vectors); }

  /// The four patches of each window of a segment: [window][winner][ky][kx, c].
  void copy_patches(std::int64_t row, Range windows) const {
    const std::int64_t image = row / (s.out_height / 2), top = row % (s.out_height / 2) * 2 - s.pad_top;
    for (std::int64_t ky = 0; ky < s.kernel_h; ++ky) {
      for (std::int64_t below = 0; below < 2; ++below) {
        const std::int64_t y = top + below + ky;
        float* const to = patches + 2 * below * cut.patch + ky * cut.run;
        const float* const from = x + (image * s.height + y) * s.width * s.in_channels;
        switch (y < 0 || y >= s.height ? 0 : ceil_div(cut.run, kQuad)) {
          case 1:
            copy_row<1>(from, windows, to);
            break;
          case 2:
            copy_row<2>(from, windows, to);
            break;
          case 3:
            copy_row<3>(from, windows, to);
            break;
          case 4:
            copy_row<4>(from, windows, to);
            break;
          default:
            copy_cut_row(from, {0, 0}, windows, to);
        }
      }
    }
  }

  /// What one row of an image gives to one row of the patches, left and right winner. Short vectors, for a
  /// row of a kernel begins anywhere and long ones would cross lines of the cache; whole ones, for what
  /// follows in a patch comes later and writes over their ends.
  template <int Q>
  HWY_INLINE void copy_row(const float* from, Range windows, float* to) const {
    // Windows whose pixels all lie in the row, and in memory that may be read.
    const std::int64_t readable = floor_div(x_end - from - Q * kQuad, s.in_channels) + s.kernel_w;
    const std::int64_t last = floor_div(std::min(s.width, readable) - s.kernel_w - 1 + s.pad_left, 2);
    const std::int64_t begin = std::clamp(ceil_div(s.pad_left, 2), windows.begin, windows.end);
    const Range whole{begin, std::clamp(last + 1, begin, windows.end)};
    copy_cut_row(from, {0, s.width}, {windows.begin, whole.begin}, to);
    const float* pixel = from + (2 * whole.begin - s.pad_left) * s.in_channels;
    float* at = to + (whole.begin - windows.begin) * 4 * cut.patch;
    for (std::int64_t window = whole.begin; window < whole.end; ++window) {
      FOVEA_UNROLL
      for (int right = 0; right < 2; ++right) {
        FOVEA_UNROLL
        for (int q = 0; q < Q; ++q) copy_quad(pixel + q * kQuad, at + right * cut.patch + q * kQuad);
        pixel += s.in_channels;
      }
      at += 4 * cut.patch;
    }
    copy_cut_row(from, {0, s.width}, {whole.end, windows.end},
                 to + (whole.end - windows.begin) * 4 * cut.patch);
  }

  static HWY_INLINE void copy_quad(const float* from, float* to) {
    const hn::CappedTag<float, kQuad> d;
    for (std::int64_t i = 0; i < kQuad; i += hn::MaxLanes(d)) hn::StoreU(hn::LoadU(d, from + i), d, to + i);
  }

  /// The same pixel by pixel, zero beyond the columns `there`.
  void copy_cut_row(const float* from, Range there, Range windows, float* to) const {
    for (std::int64_t window = windows.begin; window < windows.end; ++window, to += 4 * cut.patch) {
      for (std::int64_t right = 0; right < 2; ++right) {
        for (std::int64_t kx = 0; kx < s.kernel_w; ++kx) {
          const std::int64_t column = 2 * window + right + kx - s.pad_left;
          const bool inside_row = column >= there.begin && column < there.end;
          for (std::int64_t c = 0; c < s.in_channels; ++c)
            to[right * cut.patch + kx * s.in_channels + c] =
                inside_row ? from[column * s.in_channels + c] : 0;
        }
      }
    }
  }

  /// The gradients of a segment, and where their winners' patches begin in a window's. Adds them to `bias`.
  void list_gradients(std::int64_t row, Range windows, float* bias) const {
    const D d;
    const DInt di;
    const IntVector patch = hn::Set(di, static_cast<std::int32_t>(cut.patch));
    for (std::int64_t window = 0; window < windows.size(); ++window) {
      const std::int64_t from = (row * (s.out_width / 2) + windows.begin + window) * s.filters;
      const std::int64_t to = window * s.filters;
      for_vectors(s.filters, [&](std::int64_t f, std::int64_t used) HWY_ATTR {
        Vector value = load_first(g.dy + from + f, used);
        if (g.after != nullptr)
          value = hn::IfThenElseZero(hn::Gt(load_first(g.after + from + f, used), hn::Zero(d)), value);
        const IntVector winner = load_bytes(g.winners + from + f, used);
        const auto alive = hn::Lt(winner, hn::Set(di, 4));
        value = hn::IfThenElseZero(hn::RebindMask(d, alive), value);
        store_first(value, gradients + to + f, used);
        store_first(hn::IfThenElseZero(alive, hn::Mul(winner, patch)), di, places + to + f, used);
        store_first(hn::Add(load_first(bias + f, used), value), bias + f, used);
      });
    }
  }

  /// `ahead`: elements of the pooled gradient that come next.
  void add_segment(std::int64_t windows, float* sums, Range ahead) const {
    const std::int64_t vectors = cut.patch / kLanes;
    for (std::int64_t v = 0; v < vectors; v += kVectors) {
      switch (std::min<std::int64_t>(kVectors, vectors - v)) {
        case 1:
          add_filters<1>(windows, v * kLanes, sums, ahead);
          break;
        case 2:
          add_filters<2>(windows, v * kLanes, sums, ahead);
          break;
        case 3:
          add_filters<3>(windows, v * kLanes, sums, ahead);
          break;
        default:
          add_filters<kVectors>(windows, v * kLanes, sums, ahead);
      }
    }
  }

  template <int V>
  void add_filters(std::int64_t windows, std::int64_t first, float* sums, Range ahead) const {
    constexpr int kFilters = filters_of(V);
    const std::int64_t step = round_up(ceil_div(ahead.size() * kFilters, s.filters), kMaxLanes);
    std::int64_t f = 0;
    for (; f + kFilters <= s.filters; f += kFilters) {
      prefetch(ahead, step);
      add<V, kFilters>(windows, first, f, sums);
    }
    for (; f < s.filters; ++f) add<V, 1>(windows, first, f, sums);
  }

  /// Some of what comes next. Inlined, or the compiler takes it for a function without an effect.
  HWY_INLINE void prefetch(Range& ahead, std::int64_t step) const {
    const std::int64_t end = std::min(ahead.end, ahead.begin + step);
    for (; ahead.begin < end; ahead.begin += kMaxLanes) {
      hwy::Prefetch(g.dy + ahead.begin);
      if (g.after != nullptr) hwy::Prefetch(g.after + ahead.begin);
      if (ahead.begin % (4 * kMaxLanes) == 0) hwy::Prefetch(g.winners + ahead.begin);
    }
  }

  /// V vectors of the patches from float `first` on, for F filters from f on.
  template <int V, int F>
  HWY_NOINLINE void add(std::int64_t windows, std::int64_t first, std::int64_t f, float* sums) const {
    const D d;
    float* const to = sums + f * cut.patch + first;
    Vector sum[F][V];
    FOVEA_UNROLL
    for (int i = 0; i < F; ++i) {
      FOVEA_UNROLL
      for (int v = 0; v < V; ++v) sum[i][v] = hn::LoadU(d, to + i * cut.patch + v * kLanes);
    }
    const float *patch = patches + first, *value = gradients + f;
    const std::int32_t* place = places + f;
    for (std::int64_t window = 0; window < windows; ++window) {
      FOVEA_UNROLL
      for (int i = 0; i < F; ++i) {
        const Vector factor = hn::Set(d, value[i]);
        FOVEA_UNROLL
        for (int v = 0; v < V; ++v)
          sum[i][v] = hn::MulAdd(factor, hn::Load(d, patch + place[i] + v * kLanes), sum[i][v]);
      }
      patch += 4 * cut.patch;
      value += s.filters;
      place += s.filters;
    }
    FOVEA_UNROLL
    for (int i = 0; i < F; ++i) {
      FOVEA_UNROLL
      for (int v = 0; v < V; ++v) hn::StoreU(sum[i][v], d, to + i * cut.patch + v * kLanes);
    }
  }

  const Conv2DShape& s;
  const SparsePatchCut cut;
  const float* x;
  const PooledGradient& g;
  const float* const x_end = x + s.batch * s.height * s.width * s.in_channels;
  // In the thread's scratch memory.
  float* const patches = reinterpret_cast<float*>(thread_scratch());
  float* const gradients = patches + 4 * cut.segments.size(0) * cut.patch;
  std::int32_t* const places = reinterpret_cast<std::int32_t*>(gradients + cut.segments.size(0) * s.filters);
};

void add_part_of_windows(const Conv2DShape& s, const float* x, const PooledGradient& g, std::int64_t part,
                         float* sums) {
  SparseGradient(s, x, g).add_part(part, sums);
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

HWY_EXPORT(add_part_of_windows);

bool sparse_backward_filter_takes(const Conv2DShape& s) {
  const bool plain =
      s.groups == 1 && s.stride_h == 1 && s.stride_w == 1 && s.dilation_h == 1 && s.dilation_w == 1;
  return plain && s.kernel_w * s.in_channels <= kMaxLanes && s.kernel_h <= kMaxLanes &&
         s.batch * (s.out_height / 2) * (s.out_width / 2) > 0 &&
         SparsePatchCut(s).scratch_floats(s.filters) * 4 <= static_cast<std::int64_t>(kThreadScratchBytes);
}

std::size_t sparse_backward_filter_workspace(const Conv2DShape& shape) {
  const SparsePatchCut cut(shape);
  return static_cast<std::size_t>(cut.rows.parts * cut.part_floats) * sizeof(float);
}

void sparse_backward_filter(const Conv2DShape& s, const float* x, const PooledGradient& gradient, float* dw,
                            float* db, void* workspace, ThreadPool& pool) {
  const SparsePatchCut cut(s);
  auto* const sums = static_cast<float*>(workspace);
  pool.parallel_for(cut.rows.parts, [&](std::int64_t part) {
    HWY_DYNAMIC_DISPATCH(add_part_of_windows)(s, x, gradient, part, sums + part * cut.part_floats);
  });
  const auto total = [&](std::int64_t at) {
    double sum = 0;
    for (std::int64_t part = 0; part < cut.rows.parts; ++part)
      sum += static_cast<double>(sums[part * cut.part_floats + at]);
    return static_cast<float>(sum);
  };
  for (std::int64_t i = 0; i < s.kernel_h * cut.run; ++i) {
    for (std::int64_t f = 0; f < s.filters; ++f) dw[i * s.filters + f] = total(f * cut.patch + i);
  }
  if (db == nullptr) return;
  for (std::int64_t f = 0; f < s.filters; ++f) db[f] = total(s.filters * cut.patch + f);
}

}  // namespace fovea::cpu
#endif
