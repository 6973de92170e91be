#include <cstring>

#include "backends/cpu/kernels/conv2d/pooled_gradient.h"
#include "backends/cpu/kernels/cut.h"
#include "core/thread_scratch.h"

// Shared by all instruction sets.
#ifndef FOVEA_SPARSE_WIDE_BACKWARD_FILTER_CUT_
#define FOVEA_SPARSE_WIDE_BACKWARD_FILTER_CUT_
namespace fovea::cpu {
namespace {

/// The windows of all images in patches of at most 4x4; runs of patches form shares, each with sums of its
/// own.
struct SparseCut {
  static constexpr std::int64_t kWindows = 4, kMaxShares = 8, kMaxSharedFloats = 6 * 1024 * 1024;

  /// A share's sums by the weights, then those by the bias.
  explicit SparseCut(const Conv2DShape& s)
      : rows(s.out_height / 2, kWindows),
        columns(s.out_width / 2, kWindows),
        patches(s.batch * rows.parts * columns.parts),
        channels(round_up(s.in_channels, kMaxLanes)),
        share_floats((9 * channels + 1) * s.filters),
        shares(patches,
               ceil_div(patches, std::clamp<std::int64_t>(kMaxSharedFloats / share_floats, 1, kMaxShares))) {}

  EvenParts rows, columns;
  std::int64_t patches, channels, share_floats;
  EvenParts shares;
};

}  // namespace
}  // namespace fovea::cpu
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/conv2d/sparse_wide_backward_filter.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "backends/cpu/kernels/vector-inl.h"
#include "hwy/cache_control.h"

// dw[ky, kx, c, f] = sum over windows of g[f] * x[winner[f] + (ky, kx), c], where a vector holds channels:
// for one filter, the sums of nine taps stay in registers while the windows of a patch pass that have a
// gradient.

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

class SparseWideGradient {
 public:
  SparseWideGradient(const Conv2DShape& shape, const float* input, const PooledGradient& gradient,
                     float* memory)
      : s(shape), cut(shape), x(input), g(gradient), sums(memory) {}

  void compute(std::int64_t share) const {
    float* const to = sums + share * cut.share_floats;
    std::memset(to, 0, static_cast<std::size_t>(cut.share_floats) * sizeof(float));
    const Range range = cut.shares.range(share);
    for (std::int64_t patch = range.begin; patch < range.end; ++patch)
      add_patch(patch_at(patch), patch_at(std::min(patch + 1, range.end - 1)), to);
  }

  /// Adds the shares of one group of channels and one tap, and writes dw.
  void finish(std::int64_t group, std::int64_t tap, float* dw) const {
    const std::int64_t first = group * width(), vectors = vectors_of(group);
    for (std::int64_t v = 0; v < vectors; ++v) {
      for (std::int64_t f = 0; f < s.filters; ++f) {
        const float* const from = sums_of(sums, group, f) + (tap * vectors + v) * kLanes;
        Vector total = hn::LoadU(D(), from);
        for (std::int64_t share = 1; share < cut.shares.parts; ++share)
          total = hn::Add(total, hn::LoadU(D(), from + share * cut.share_floats));
        alignas(64) float values[kMaxLanes];
        hn::Store(total, D(), values);
        const std::int64_t used = std::min(kLanes, s.in_channels - first - v * kLanes);
        for (std::int64_t i = 0; i < used; ++i)
          dw[(tap * s.in_channels + first + v * kLanes + i) * s.filters + f] = values[i];
      }
    }
  }

  void finish_bias(float* db) const {
    for (std::int64_t f = 0; f < s.filters; ++f) {
      db[f] = bias_of(sums)[f];
      for (std::int64_t share = 1; share < cut.shares.parts; ++share)
        db[f] += bias_of(sums + share * cut.share_floats)[f];
    }
  }

  std::int64_t groups() const { return ceil_div(s.in_channels, width()); }

 private:
  /// Known here, so that the taps are fixed distances apart.
  static constexpr std::int64_t kLanes = hn::MaxLanes(D());
  static constexpr int kWindows = SparseCut::kWindows, kSide = 2 * kWindows + 2;
  /// Vectors of channels whose nine sums fit into the registers.
  static constexpr int kVectors = kMaxVectors / 2;

  /// A window's gradient, and the pixel of the patch at which its winner's taps begin.
  struct Entry {
    float gradient;
    std::int32_t pixel;
  };

  std::int64_t width() const { return kVectors * kLanes; }
  std::int64_t vectors_of(std::int64_t group) const {
    return std::min<std::int64_t>(kVectors, ceil_div(s.in_channels - group * width(), kLanes));
  }
  /// [group of channels][filter][tap][channel]
  float* sums_of(float* share, std::int64_t group, std::int64_t f) const {
    return share + 9 * (group * width() * s.filters + f * vectors_of(group) * kLanes);
  }

  float* bias_of(float* share) const { return share + 9 * cut.channels * s.filters; }

  /// What of an image a patch is.
  struct Patch {
    std::int64_t image;
    Range rows, columns;  ///< of windows
  };
  Patch patch_at(std::int64_t index) const {
    return {index / cut.columns.parts / cut.rows.parts,
            cut.rows.range(index / cut.columns.parts % cut.rows.parts),
            cut.columns.range(index % cut.columns.parts)};
  }

  /// `next` is read after it.
  void add_patch(const Patch& patch, const Patch& next, float* to) const {
    list_entries(patch, bias_of(to));
    for (std::int64_t group = 0; group < groups(); ++group) {
      const std::int64_t vectors = vectors_of(group);
      copy_pixels(patch, group, vectors);
      const bool last = group + 1 == groups();
      for (std::int64_t f = 0; f < s.filters; ++f) {
        // A little at a time, so that the reads are hidden behind the sums.
        if (f < kSide) prefetch_row(last ? next : patch, last ? 0 : group + 1, f);
        if (last && f >= kSide && f < kSide + kWindows * kWindows) prefetch_window(next, f - kSide);
        const Entry* const list = entries + f * kWindows * kWindows;
        float* const sum = sums_of(to, group, f);
        if (vectors == kVectors) {
          add<kVectors>(list, counts[f], sum);
        } else {
          add<1>(list, counts[f], sum);
        }
      }
    }
  }

  // Inlined, or the compiler takes them for functions without an effect.
  HWY_INLINE void prefetch_row(const Patch& patch, std::int64_t group, std::int64_t row) const {
    const std::int64_t y = 2 * patch.rows.begin - s.pad_top + row,
                       left = std::max<std::int64_t>(0, 2 * patch.columns.begin - s.pad_left);
    if (y < 0 || y >= s.height) return;
    const float* from = x + ((patch.image * s.height + y) * s.width + left) * s.in_channels + group * width();
    const std::int64_t count = std::min<std::int64_t>(kSide, s.width - left);
    for (std::int64_t i = 0; i < count; ++i, from += s.in_channels) {
      for (std::int64_t v = 0; v < vectors_of(group) * kLanes; v += kMaxLanes) hwy::Prefetch(from + v);
    }
  }

  HWY_INLINE void prefetch_window(const Patch& patch, std::int64_t window) const {
    const std::int64_t row = window / kWindows, column = window % kWindows;
    if (row >= patch.rows.size() || column >= patch.columns.size()) return;
    const std::int64_t at =
        window_at(patch, patch.rows.begin + row, patch.columns.begin + column) * s.filters;
    for (std::int64_t f = 0; f < s.filters; f += kMaxLanes) {
      hwy::Prefetch(g.dy + at + f);
      if (f % (4 * kMaxLanes) == 0) hwy::Prefetch(g.winners + at + f);
      if (g.after != nullptr) hwy::Prefetch(g.after + at + f);
    }
  }

  std::int64_t window_at(const Patch& patch, std::int64_t row, std::int64_t column) const {
    return (patch.image * (s.out_height / 2) + row) * (s.out_width / 2) + column;
  }

  /// The entries of each filter whose gradient is not zero; adds them to `bias`.
  void list_entries(const Patch& patch, float* bias) const {
    const Range rows = patch.rows, columns = patch.columns;
    std::memset(counts, 0, static_cast<std::size_t>(s.filters) * sizeof(std::int32_t));
    for (std::int64_t row = rows.begin; row < rows.end; ++row) {
      for (std::int64_t column = columns.begin; column < columns.end; ++column) {
        const std::int64_t window = window_at(patch, row, column);
        const std::int64_t pixel = 2 * ((row - rows.begin) * kSide + column - columns.begin);
        for_vectors(s.filters, [&](std::int64_t f, std::int64_t used)
                                   HWY_ATTR { list_window(window * s.filters, f, used, pixel, bias); });
      }
    }
  }

  HWY_INLINE void list_window(std::int64_t window, std::int64_t f, std::int64_t used, std::int64_t pixel,
                              float* bias) const {
    const D d;
    const DInt di;
    Vector value = load_first(g.dy + window + f, used);
    if (g.after != nullptr)
      value = hn::IfThenElseZero(hn::Gt(load_first(g.after + window + f, used), hn::Zero(d)), value);
    const IntVector one = hn::Set(di, 1), winner = load_bytes(g.winners + window + f, used);
    value = hn::IfThenElseZero(hn::RebindMask(d, hn::Lt(winner, hn::Set(di, 4))), value);
    store_first(hn::Add(load_first(bias + f, used), value), bias + f, used);
    const IntVector right = hn::Add(hn::And(winner, one), hn::Set(di, static_cast<std::int32_t>(pixel)));
    alignas(64) float values[kLanes];
    alignas(64) std::int32_t at[kLanes], counted[kLanes];
    hn::Store(value, d, values);
    hn::Store(hn::Add(right, hn::IfThenElseZero(hn::Gt(winner, one), hn::Set(di, kSide))), di, at);
    hn::Store(hn::IfThenZeroElse(hn::RebindMask(di, hn::Eq(value, hn::Zero(d))), one), di, counted);
    for (std::int64_t i = 0; i < used; ++i) {
      std::int32_t& count = counts[f + i];
      entries[(f + i) * kWindows * kWindows + count] = {values[i], at[i]};
      count += counted[i];
    }
  }

  /// The pixels that the patch's windows see, of one group of channels; zero outside of the image.
  void copy_pixels(const Patch& patch, std::int64_t group, std::int64_t vectors) const {
    const std::int64_t image = patch.image;
    const Range rows = patch.rows, columns = patch.columns;
    const D d;
    const std::int64_t first = group * width();
    const std::int64_t top = 2 * rows.begin - s.pad_top, left = 2 * columns.begin - s.pad_left;
    const Range seen{left, left + 2 * columns.size() + 2}, there = intersection(seen, {0, s.width});
    const bool whole = first + vectors * kLanes <= s.in_channels;
    for (std::int64_t row = 0; row < 2 * rows.size() + 2; ++row) {
      const std::int64_t y = top + row;
      float* to = pixels + row * kSide * vectors * kLanes;
      const auto clear = [&](std::int64_t count) {
        std::memset(to, 0, static_cast<std::size_t>(count * vectors * kLanes) * sizeof(float));
        to += count * vectors * kLanes;
      };
      if (y < 0 || y >= s.height) {
        clear(seen.size());
        continue;
      }
      clear(there.begin - seen.begin);
      const float* from = x + ((image * s.height + y) * s.width + there.begin) * s.in_channels + first;
      for (std::int64_t i = 0; i < there.size(); ++i, from += s.in_channels, to += vectors * kLanes) {
        if (whole && vectors == kVectors) {
          FOVEA_UNROLL
          for (int v = 0; v < kVectors; ++v) hn::Store(hn::LoadU(d, from + v * kLanes), d, to + v * kLanes);
        } else {
          for (std::int64_t v = 0; v < vectors; ++v) {
            const std::int64_t used = std::min(kLanes, s.in_channels - first - v * kLanes);
            hn::Store(load_first(from + v * kLanes, used), d, to + v * kLanes);
          }
        }
      }
      clear(seen.end - there.end);
    }
  }

  template <int V>
  HWY_NOINLINE void add(const Entry* list, std::int64_t count, float* to) const {
    const D d;
    Vector sum[9][V];
    FOVEA_UNROLL
    for (int tap = 0; tap < 9; ++tap) {
      FOVEA_UNROLL
      for (int v = 0; v < V; ++v) sum[tap][v] = hn::LoadU(d, to + (tap * V + v) * kLanes);
    }
    for (std::int64_t i = 0; i < count; ++i) {
      const Vector factor = hn::Set(d, list[i].gradient);
      const float* const from = pixels + list[i].pixel * V * kLanes;
      FOVEA_UNROLL
      for (int tap = 0; tap < 9; ++tap) {
        FOVEA_UNROLL
        for (int v = 0; v < V; ++v) {
          const Vector value = hn::Load(d, from + ((tap / 3 * kSide + tap % 3) * V + v) * kLanes);
          sum[tap][v] = hn::MulAdd(factor, value, sum[tap][v]);
        }
      }
    }
    FOVEA_UNROLL
    for (int tap = 0; tap < 9; ++tap) {
      FOVEA_UNROLL
      for (int v = 0; v < V; ++v) hn::StoreU(sum[tap][v], d, to + (tap * V + v) * kLanes);
    }
  }

  const Conv2DShape& s;
  const SparseCut cut;
  const float* x;
  const PooledGradient& g;
  float* sums;
  // In the thread's scratch memory.
  float* const pixels = reinterpret_cast<float*>(thread_scratch());
  Entry* const entries = reinterpret_cast<Entry*>(pixels + kSide * kSide * kVectors * kMaxLanes);
  std::int32_t* const counts = reinterpret_cast<std::int32_t*>(entries + kWindows * kWindows * s.filters);
};

void run_sparse_wide(const Conv2DShape& s, const float* x, const PooledGradient& g, float* dw, float* db,
                     float* workspace, ThreadPool& pool) {
  pool.parallel_for(SparseCut(s).shares.parts,
                    [&](std::int64_t share) { SparseWideGradient(s, x, g, workspace).compute(share); });
  const std::int64_t groups = SparseWideGradient(s, x, g, workspace).groups();
  pool.parallel_for(groups * 9, [&](std::int64_t piece) {
    SparseWideGradient(s, x, g, workspace).finish(piece / 9, piece % 9, dw);
  });
  if (db != nullptr) SparseWideGradient(s, x, g, workspace).finish_bias(db);
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

HWY_EXPORT(run_sparse_wide);

bool sparse_wide_backward_filter_takes(const Conv2DShape& s) {
  constexpr std::int64_t kMostFilters = 4096, kFewestChannels = 16;
  return s.groups == 1 && s.kernel_h == 3 && s.kernel_w == 3 && s.stride_h == 1 && s.stride_w == 1 &&
         s.dilation_h == 1 && s.dilation_w == 1 && s.in_channels >= kFewestChannels &&
         s.filters <= kMostFilters && s.batch * (s.out_height / 2) * (s.out_width / 2) > 0;
}

std::size_t sparse_wide_backward_filter_workspace(const Conv2DShape& shape) {
  const SparseCut cut(shape);
  return static_cast<std::size_t>(cut.shares.parts * cut.share_floats) * sizeof(float);
}

void sparse_wide_backward_filter(const Conv2DShape& shape, const float* x, const PooledGradient& gradient,
                                 float* dw, float* db, void* workspace, ThreadPool& pool) {
  HWY_DYNAMIC_DISPATCH(run_sparse_wide)(shape, x, gradient, dw, db, static_cast<float*>(workspace), pool);
}

}  // namespace fovea::cpu
#endif
