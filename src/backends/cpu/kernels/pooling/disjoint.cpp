#include "backends/cpu/kernels/pooling/disjoint.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/pooling/disjoint.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "backends/cpu/kernels/vector-inl.h"
#include "hwy/cache_control.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

template <bool kSource, bool kStream>
class DisjointRow {
 public:
  DisjointRow(const PoolShape& shape, const DisjointBackward& tensors, std::int64_t row)
      : s_(shape),
        t_(tensors),
        first_(row * shape.width * shape.channels),
        position_(row % shape.height + shape.pad_top),
        oh_(position_ / shape.stride_h),
        kh_(position_ % shape.stride_h),
        outputs_((row / shape.height * shape.out_height + oh_) * shape.out_width * shape.channels) {}

  /// V vectors of channels from `channel` on, the last one with `last` of them.
  template <int V>
  HWY_INLINE void run(std::int64_t channel, std::int64_t last, double* sums) const {
    const D d;
    const std::int64_t lanes = lane_count();
    const bool row_has_window = oh_ < s_.out_height && kh_ < s_.window_h;
    Vector total[V];
    FOVEA_UNROLL
    for (int v = 0; v < V; ++v) total[v] = hn::Zero(d);
    std::int64_t ow = s_.pad_left / s_.stride_w, kw = s_.pad_left % s_.stride_w;
    for (std::int64_t w = 0; w < s_.width; ++w) {
      const std::int64_t at = first_ + w * s_.channels + channel;
      const bool has_window = row_has_window && ow < s_.out_width && kw < s_.window_w;
      const std::int64_t from = outputs_ + ow * s_.channels + channel;
      FOVEA_UNROLL
      for (int v = 0; v < V; ++v) {
        const std::int64_t used = v == V - 1 ? last : lanes;
        Vector g = hn::Zero(d);
        if (has_window) g = won(from + v * lanes, kh_ * s_.window_w + kw, used);
        total[v] = hn::Add(total[v], g);
        if constexpr (kStream) {
          hn::Stream(g, d, t_.dx + at + v * lanes);
        } else {
          store_first(g, t_.dx + at + v * lanes, used);
        }
      }
      if (++kw == s_.stride_w) kw = 0, ++ow;
    }
    if (sums == nullptr) return;
    alignas(64) float floats[V * kMaxLanes];
    FOVEA_UNROLL
    for (int v = 0; v < V; ++v) hn::Store(total[v], d, floats + v * lanes);
    for (std::int64_t i = 0; i < (V - 1) * lanes + last; ++i)
      sums[channel + i] += static_cast<double>(floats[i]);
  }

 private:
  /// dy where the pixel is its window's winner, times the slope.
  HWY_INLINE Vector won(std::int64_t from, std::int64_t number, std::int64_t used) const {
    const D d;
    const DInt di;
    const auto wins =
        hn::Eq(load_bytes(t_.winners + from, used), hn::Set(di, static_cast<std::int32_t>(number)));
    Vector g = load_first(t_.dy + from, used);
    if constexpr (kSource) {
      const auto positive = hn::Gt(load_first(t_.source + from, used), hn::Zero(d));
      g = hn::Mul(hn::IfThenElseZero(positive, hn::Set(d, 1.0F)), g);
    }
    return hn::IfThenElseZero(hn::RebindMask(d, wins), g);
  }

  const PoolShape& s_;
  const DisjointBackward& t_;
  const std::int64_t first_, position_, oh_, kh_, outputs_;
};

template <bool kSource, bool kStream>
void disjoint_rows(const PoolShape& s, const DisjointBackward& t, Range rows, double* sums) {
  const std::int64_t lanes = lane_count();
  for (std::int64_t i = rows.begin; i < rows.end; ++i) {
    const DisjointRow<kSource, kStream> row(s, t, i);
    std::int64_t c = 0;
    for (; c + 4 * lanes <= s.channels; c += 4 * lanes) row.template run<4>(c, lanes, sums);
    for (; c + 2 * lanes <= s.channels; c += 2 * lanes) row.template run<2>(c, lanes, sums);
    for (; c < s.channels; c += lanes) row.template run<1>(c, std::min(lanes, s.channels - c), sums);
  }
  if constexpr (kStream) hwy::FlushStream();
}

void disjoint_rows_of(const PoolShape& s, const DisjointBackward& t, Range rows, double* sums) {
  if (t.source != nullptr) {
    return t.stream ? disjoint_rows<true, true>(s, t, rows, sums)
                    : disjoint_rows<true, false>(s, t, rows, sums);
  }
  return t.stream ? disjoint_rows<false, true>(s, t, rows, sums)
                  : disjoint_rows<false, false>(s, t, rows, sums);
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

HWY_EXPORT(disjoint_rows_of);

void disjoint_backward_rows(const PoolShape& shape, const DisjointBackward& tensors, Range rows,
                            double* sums) {
  HWY_DYNAMIC_DISPATCH(disjoint_rows_of)(shape, tensors, rows, sums);
}

}  // namespace fovea::cpu
#endif
