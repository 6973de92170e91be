#include "backends/cpu/kernels/dropout/dropout.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/dropout/dropout.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "backends/cpu/kernels/dropout/philox-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

/// Elements [begin, end), begin a multiple of 4 * kMaxLanes: of whole blocks of every vector.
void dropout_range(const PhiloxStream& random, std::uint32_t threshold, float keep, Range elements,
                   const float* x, float* y) {
  const D d;
  const DWord dw;
  const std::int64_t lanes = lane_count();
  const Vector factor = hn::Set(d, keep);
  const Words smallest = hn::Set(dw, threshold);
  alignas(64) std::uint32_t words[4 * kMaxLanes];
  for (std::int64_t i = elements.begin; i < elements.end; i += 4 * lanes) {
    random_words(random, static_cast<std::uint64_t>(i) / 4, words);
    const std::int64_t count = std::min(4 * lanes, elements.end - i);
    for_vectors(count, [&](std::int64_t j, std::int64_t used) HWY_ATTR {
      const auto dropped = hn::RebindMask(d, hn::Lt(hn::Load(dw, words + j), smallest));
      const Vector scaled = hn::Mul(load_first(x + i + j, used), factor);
      store_first(hn::IfThenZeroElse(dropped, scaled), y + i + j, used);
    });
  }
}

void run_dropout(const PhiloxStream& random, std::uint32_t threshold, float keep, std::int64_t count,
                 const float* x, float* y, ThreadPool& pool) {
  constexpr std::int64_t kUnit = 4 * kMaxLanes;
  const EvenParts pieces = pieces_of_rows(ceil_div(count, kUnit), 2 * kUnit);
  pool.parallel_for(pieces.parts, [&](std::int64_t piece) {
    const Range units = pieces.range(piece);
    dropout_range(random, threshold, keep, {units.begin * kUnit, std::min(count, units.end * kUnit)}, x, y);
  });
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

HWY_EXPORT(run_dropout);

void dropout(const PhiloxStream& random, std::uint32_t threshold, float keep, std::int64_t count,
             const float* x, float* y, ThreadPool& pool) {
  HWY_DYNAMIC_DISPATCH(run_dropout)(random, threshold, keep, count, x, y, pool);
}

}  // namespace fovea::cpu
#endif
