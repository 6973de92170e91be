#include "bench/fma_peak.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "bench/fma_peak.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::bench::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// 12 sums in flight cover latency times throughput of every core so far; they start from different values,
/// or a compiler would see that they are one. Returns the operations done.
HWY_NOINLINE double multiply_add(int rounds, const float* seeds, float* sink) {
  const hn::CappedTag<float, 16> d;
  auto a = hn::Set(d, seeds[0]), b = hn::Set(d, seeds[1]), c = hn::Set(d, seeds[2]);
  auto e = hn::Set(d, seeds[3]), f = hn::Set(d, seeds[4]), g = hn::Set(d, seeds[5]);
  auto h = hn::Set(d, seeds[6]), i = hn::Set(d, seeds[7]), j = hn::Set(d, seeds[8]);
  auto k = hn::Set(d, seeds[9]), l = hn::Set(d, seeds[10]), m = hn::Set(d, seeds[11]);
  const auto x = hn::Set(d, seeds[12]);
  const auto y = hn::Set(d, seeds[13]);
  for (int round = 0; round < rounds; ++round) {
    a = hn::MulAdd(a, x, y), b = hn::MulAdd(b, x, y), c = hn::MulAdd(c, x, y);
    e = hn::MulAdd(e, x, y), f = hn::MulAdd(f, x, y), g = hn::MulAdd(g, x, y);
    h = hn::MulAdd(h, x, y), i = hn::MulAdd(i, x, y), j = hn::MulAdd(j, x, y);
    k = hn::MulAdd(k, x, y), l = hn::MulAdd(l, x, y), m = hn::MulAdd(m, x, y);
  }
  a = hn::Add(hn::Add(hn::Add(a, b), hn::Add(c, e)), hn::Add(hn::Add(f, g), hn::Add(h, i)));
  *sink = hn::GetLane(hn::Add(a, hn::Add(hn::Add(j, k), hn::Add(l, m))));
  return 2.0 * 12.0 * static_cast<double>(hn::Lanes(d)) * rounds;
}

const char* target_name() { return hwy::TargetName(HWY_TARGET); }

}  // namespace fovea::bench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::bench {

HWY_EXPORT(multiply_add);
HWY_EXPORT(target_name);

double measure_fma_peak(ThreadPool& pool, const std::function<double()>& now) {
  constexpr int kRounds = 200'000;
  constexpr int kPiecesPerThread = 10;
  const int pieces = kPiecesPerThread * pool.threads();
  float seeds[14];
  for (int i = 0; i < 14; ++i) seeds[i] = 0.5F + 0.01F * static_cast<float>(i);
  float sink = 0;
  const double operations = HWY_DYNAMIC_DISPATCH(multiply_add)(1, seeds, &sink) * kRounds * pieces;
  const double begin = now();
  pool.parallel_for(pieces, [&](std::int64_t) {
    float own = 0;
    HWY_DYNAMIC_DISPATCH(multiply_add)(kRounds, seeds, &own);
    volatile float kept = own;
    static_cast<void>(kept);
  });
  return operations / (now() - begin) * 1e-9;
}

const char* instruction_set() { return HWY_DYNAMIC_DISPATCH(target_name)(); }

}  // namespace fovea::bench
#endif
