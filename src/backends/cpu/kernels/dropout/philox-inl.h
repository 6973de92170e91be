// Philox4x32-10 (core/philox.h) for as many blocks at once as a vector has lanes. Included once per
// instruction set.

#if defined(FOVEA_PHILOX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FOVEA_PHILOX_INL_H_
#undef FOVEA_PHILOX_INL_H_
#else
#define FOVEA_PHILOX_INL_H_
#endif

#include "backends/cpu/kernels/vector-inl.h"
#include "core/philox.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

using DWord = hn::RebindToUnsigned<D>;
using Words = hn::Vec<DWord>;

#if HWY_TARGET == HWY_SCALAR

/// words[4 * lane + j] = word j of block first + lane.
HWY_INLINE void random_words(const PhiloxStream& random, std::uint64_t first, std::uint32_t* words) {
  const auto block = random.block(first);
  for (std::size_t j = 0; j < 4; ++j) words[j] = block[j];
}

#else

struct LongProduct {
  Words high, low;
};

/// a * b in 64 bits, in two halves.
HWY_INLINE LongProduct long_product(Words a, Words b) {
  const DWord d;
  const hn::Repartition<std::uint64_t, DWord> d64;
  const auto even = hn::MulEven(a, b);
  const Words a_odd = hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(d64, a)));
  const auto odd = hn::MulEven(a_odd, b);  // b is the same in all lanes
  const auto low_half = hn::Set(d64, 0xFFFFFFFFU);
  const auto high = hn::Or(hn::ShiftRight<32>(even), hn::AndNot(low_half, odd));
  const auto low = hn::Or(hn::And(even, low_half), hn::ShiftLeft<32>(odd));
  return {hn::BitCast(d, high), hn::BitCast(d, low)};
}

/// words[4 * lane + j] = word j of block first + lane.
HWY_INLINE void random_words(const PhiloxStream& random, std::uint64_t first, std::uint32_t* words) {
  const DWord d;
  const auto start = static_cast<std::uint32_t>(first), upper = static_cast<std::uint32_t>(first >> 32);
  Words c0 = hn::Iota(d, start);
  // Where the lower half has passed its largest number, the upper half is one more.
  const auto passed = hn::Lt(c0, hn::Set(d, start));
  Words c1 = hn::Add(hn::Set(d, upper), hn::IfThenElseZero(passed, hn::Set(d, 1U)));
  Words c2 = hn::Set(d, random.step()), c3 = hn::Zero(d);
  const Words first_factor = hn::Set(d, 0xD2511F53U), second_factor = hn::Set(d, 0xCD9E8D57U);
  std::uint32_t key0 = random.key()[0], key1 = random.key()[1];
  for (int round = 0; round < 10; ++round) {
    const LongProduct a = long_product(c0, first_factor), b = long_product(c2, second_factor);
    c0 = hn::Xor(hn::Xor(b.high, c1), hn::Set(d, key0));
    c2 = hn::Xor(hn::Xor(a.high, c3), hn::Set(d, key1));
    c1 = b.low;
    c3 = a.low;
    key0 += 0x9E3779B9U;
    key1 += 0xBB67AE85U;
  }
  hn::StoreInterleaved4(c0, c1, c2, c3, d, words);
}

#endif

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
