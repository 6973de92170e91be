// Vectors of floats from and to bfloat16. Included once per instruction set.

#if defined(FOVEA_BFLOAT16_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FOVEA_BFLOAT16_INL_H_
#undef FOVEA_BFLOAT16_INL_H_
#else
#define FOVEA_BFLOAT16_INL_H_
#endif

#include "backends/cpu/kernels/vector-inl.h"
#include "fovea/bfloat16.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

using DUnsigned = hn::RebindToUnsigned<D>;
using DHalf = hn::Rebind<std::uint16_t, D>;

HWY_INLINE Vector widened(hn::Vec<DHalf> halves) {
  return hn::BitCast(D(), hn::ShiftLeft<16>(hn::PromoteTo(DUnsigned(), halves)));
}

/// The nearest bfloat16, ties to even, in the lower half of each lane; a NaN becomes quiet.
HWY_INLINE hn::Vec<DUnsigned> rounded_halves(Vector value) {
  const DUnsigned du;
  const auto bits = hn::BitCast(du, value);
  const auto upper = hn::ShiftRight<16>(bits);
  const auto odd = hn::And(upper, hn::Set(du, 1U));
  const auto nearest = hn::ShiftRight<16>(hn::Add(bits, hn::Add(odd, hn::Set(du, 0x7fffU))));
  const auto quiet = hn::Or(upper, hn::Set(du, 0x40U));
  const auto is_nan = hn::RebindMask(du, hn::IsNaN(value));
  return hn::IfThenElse(is_nan, quiet, nearest);
}
HWY_INLINE hn::Vec<DHalf> narrowed(Vector value) {
  return hn::DemoteTo(DHalf(), hn::BitCast(DInt(), rounded_halves(value)));
}

/// As load_first and store_first of vector-inl.h.
HWY_INLINE Vector load_first(const bfloat16* from, std::int64_t count) {
  const DHalf d16;
  if (count == lane_count()) return widened(hn::LoadU(d16, reinterpret_cast<const std::uint16_t*>(from)));
  alignas(64) std::uint16_t halves[kMaxLanes] = {};
  std::memcpy(halves, from, static_cast<std::size_t>(std::min(count, kMaxLanes)) * 2);  // known to be less
  return widened(hn::Load(d16, halves));
}
HWY_INLINE void store_first(Vector value, bfloat16* to, std::int64_t count) {
  const DHalf d16;
  if (count == lane_count()) return hn::StoreU(narrowed(value), d16, reinterpret_cast<std::uint16_t*>(to));
  alignas(64) std::uint16_t halves[kMaxLanes];
  hn::Store(narrowed(value), d16, halves);
  std::memcpy(to, halves, static_cast<std::size_t>(std::min(count, kMaxLanes)) * 2);
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
