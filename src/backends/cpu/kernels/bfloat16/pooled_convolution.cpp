#include "backends/cpu/kernels/bfloat16/pooled_convolution.h"

#include "backends/cpu/kernels/bfloat16/dot.h"
#include "backends/cpu/kernels/bfloat16/patches.h"
#include "core/thread_scratch.h"
#include "ops/pool2d.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/bfloat16/pooled_convolution.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "backends/cpu/kernels/bfloat16/bfloat16-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

/// A row of windows of `used` filters: `rows` holds two rows of `width` pixels of them; results are `filters`
/// elements apart.
void pool_two_rows(const float* rows, std::int64_t width, std::int64_t used, std::int64_t filters, bool relu,
                   const HalfPooledOutput& out, std::int64_t at) {
  const D d;
  const DInt di;
  const bool max = out.kind == ops::PoolKind::max, average = out.kind == ops::PoolKind::average;
  for (std::int64_t window = 0; window < width / 2; ++window, at += filters) {
    const float* const first = rows + 2 * window * used;
    for_vectors(used, [&](std::int64_t f, std::int64_t lanes) HWY_ATTR {
      const float* const corner = first + f;
      Vector value[4] = {load_first(corner, lanes), load_first(corner + used, lanes),
                         load_first(corner + width * used, lanes),
                         load_first(corner + (width + 1) * used, lanes)};
      if (relu) {
        for (Vector& v : value) v = hn::IfThenZeroElse(hn::Lt(v, hn::Zero(d)), v);
      }
      Vector best = value[0];
      IntVector winner = hn::Zero(di);
      for (int i = 1; i < 4; ++i) {
        const auto wins = max ? hn::Gt(value[i], best) : hn::Lt(value[i], best);
        best = average ? hn::Add(best, value[i]) : hn::IfThenElse(wins, value[i], best);
        winner = hn::IfThenElse(hn::RebindMask(di, wins), hn::Set(di, i), winner);
      }
      if (average) best = hn::Mul(best, hn::Set(d, 0.25F));
      if (out.marks_dead) {
        winner =
            hn::IfThenElse(hn::RebindMask(di, hn::Le(best, hn::Zero(d))), hn::Set(di, kDeadWindow), winner);
      }
      if (out.relu) best = hn::IfThenZeroElse(hn::Lt(best, hn::Zero(d)), best);
      store_first(best, out.y + at + f, lanes);
      if (out.winners != nullptr) store_bytes(winner, out.winners + at + f, lanes);
    });
  }
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

HWY_EXPORT(pool_two_rows);

namespace {

/// Of two rows of pixels: the patches, then the sums of a block of filters.
std::int64_t patch_halves(const Conv2DShape& s) { return 2 * s.out_width * patch_size(s) + kPatchSlack; }

}  // namespace

bool dot_pools(const Conv2DShape& s) {
  const std::int64_t bytes = patch_halves(s) * 2 + 64 + 2 * s.out_width * kDotBlock * 4;
  return bytes <= static_cast<std::int64_t>(kThreadScratchBytes);
}

void dot_pool_forward(const Conv2DShape& s, const bfloat16* x, const void* packed, const float* bias,
                      bool relu, const HalfPooledOutput& pooled, ThreadPool& pool) {
  const PackedMatrix matrix(depth_of(s), s.filters);
  const Patches patches(s, x);
  const std::int64_t height = s.out_height / 2, width = s.out_width / 2;
  pool.parallel_for(s.batch * height, [&](std::int64_t row) {
    auto* const rows = reinterpret_cast<bfloat16*>(thread_scratch());
    auto* const sums = reinterpret_cast<float*>(rows + round_up(patch_halves(s), 32));
    const std::int64_t first = (row / height * s.out_height + row % height * 2) * s.out_width;
    patches.gather(first, 2 * s.out_width, rows);
    for (std::int64_t b = 0; b < matrix.blocks; ++b) {
      DotRows t;
      t.a = rows;
      t.a_row = patch_size(s);
      t.pairs = matrix.pairs;
      t.b = static_cast<const bfloat16*>(packed) + matrix.block_begin(b);
      t.filters = matrix.used(b);
      t.bias = bias == nullptr ? nullptr : bias + b * kDotBlock;
      t.sums = sums;
      t.sums_row = t.filters;
      dot_rows(t, 2 * s.out_width);
      // Of an odd row the last pixel is in no window.
      HWY_DYNAMIC_DISPATCH(pool_two_rows)
      (sums, s.out_width, t.filters, s.filters, relu, pooled, row * width * s.filters + b * kDotBlock);
    }
  });
}

}  // namespace fovea::cpu
#endif
