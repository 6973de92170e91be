#include "backends/cpu/kernels/bfloat16/convert.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/bfloat16/convert.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "backends/cpu/kernels/bfloat16/bfloat16-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

void to_float(const bfloat16* x, float* y, std::int64_t count) {
  for_vectors(count, [&](std::int64_t i, std::int64_t used)
                         HWY_ATTR { store_first(load_first(x + i, used), y + i, used); });
}

void to_bfloat16(const float* x, bfloat16* y, std::int64_t count) {
  // Two vectors at a time: their results fill one.
  const D d;
  const std::int64_t lanes = lane_count();
  std::int64_t i = 0;
  for (; i + 2 * lanes <= count; i += 2 * lanes) {
    const Vector a = hn::LoadU(d, x + i), b = hn::LoadU(d, x + i + lanes);
    store_first(a, y + i, lanes);
    store_first(b, y + i + lanes, lanes);
  }
  for_vectors(count - i, [&](std::int64_t k, std::int64_t used)
                             HWY_ATTR { store_first(load_first(x + i + k, used), y + i + k, used); });
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

HWY_EXPORT(to_float);
HWY_EXPORT(to_bfloat16);

void widen_block(const bfloat16* x, float* y, std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(to_float)(x, y, count);
}
void narrow_block(const float* x, bfloat16* y, std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(to_bfloat16)(x, y, count);
}

void widen(const bfloat16* x, float* y, std::int64_t count, ThreadPool& pool) {
  const EvenParts pieces = pieces_of_rows(count, 1);
  pool.parallel_for(pieces.parts, [&](std::int64_t piece) {
    widen_block(x + pieces.begin(piece), y + pieces.begin(piece), pieces.size(piece));
  });
}
void narrow(const float* x, bfloat16* y, std::int64_t count, ThreadPool& pool) {
  const EvenParts pieces = pieces_of_rows(count, 1);
  pool.parallel_for(pieces.parts, [&](std::int64_t piece) {
    narrow_block(x + pieces.begin(piece), y + pieces.begin(piece), pieces.size(piece));
  });
}

}  // namespace fovea::cpu
#endif
