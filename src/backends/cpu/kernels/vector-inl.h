// What the kernels share about vectors. Included once per instruction set.

#if defined(FOVEA_VECTOR_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FOVEA_VECTOR_INL_H_
#undef FOVEA_VECTOR_INL_H_
#else
#define FOVEA_VECTOR_INL_H_
#endif

#include <cstdint>
#include <cstring>

#include "backends/cpu/kernels/cut.h"
#include "hwy/highway.h"

// Arrays of vectors become registers only when the loops over them are gone before the compiler decides.
#ifndef FOVEA_UNROLL
#if HWY_COMPILER_CLANG
#define FOVEA_UNROLL _Pragma("unroll")
#else
#define FOVEA_UNROLL _Pragma("GCC unroll 16")
#endif
#endif

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kMaxLanes>;
using Vector = hn::Vec<D>;
using DInt = hn::RebindToSigned<D>;
using IntVector = hn::Vec<DInt>;

/// Floats, or 32-bit integers, in a vector.
HWY_INLINE std::int64_t lane_count() { return static_cast<std::int64_t>(hn::Lanes(D())); }

// 32 registers hold 24 sums (6 x 4, 8 x 3, 12 x 2), 16 registers hold 12 (6 x 2, 12 x 1).
#if HWY_TARGET <= HWY_AVX3
inline constexpr int kMaxVectors = 4;
constexpr int largest_tile(std::int64_t vectors) { return vectors == 4 ? 6 : vectors == 3 ? 8 : 12; }
#else
inline constexpr int kMaxVectors = 2;
constexpr int largest_tile(std::int64_t vectors) { return vectors == 2 ? 6 : 12; }
#endif

/// The first `count` lanes from memory (1 <= count <= Lanes), zero above; reads nothing beyond. For floats
/// and 32-bit integers.
template <class Tag>
HWY_INLINE hn::Vec<Tag> load_first(Tag d, const hn::TFromD<Tag>* from, std::int64_t count) {
  static_assert(sizeof(hn::TFromD<Tag>) == 4);
  if (count == static_cast<std::int64_t>(hn::Lanes(d))) return hn::LoadU(d, from);
#if HWY_TARGET <= HWY_AVX2
  return hn::MaskedLoad(hn::FirstN(d, static_cast<std::size_t>(count)), d, from);
#else
  alignas(64) hn::TFromD<Tag> lanes[kMaxLanes] = {};
  std::memcpy(lanes, from, static_cast<std::size_t>(count) * 4);
  return hn::Load(d, lanes);
#endif
}

HWY_INLINE Vector load_first(const float* from, std::int64_t count) { return load_first(D(), from, count); }

/// Writes the first `count` lanes and nothing beyond: another thread may own what follows.
template <class Tag>
HWY_INLINE void store_first(hn::Vec<Tag> value, Tag d, hn::TFromD<Tag>* to, std::int64_t count) {
  static_assert(sizeof(hn::TFromD<Tag>) == 4);
  if (count == static_cast<std::int64_t>(hn::Lanes(d))) return hn::StoreU(value, d, to);
#if HWY_TARGET <= HWY_AVX2
  hn::BlendedStore(value, hn::FirstN(d, static_cast<std::size_t>(count)), d, to);
#else
  alignas(64) hn::TFromD<Tag> lanes[kMaxLanes];
  hn::Store(value, d, lanes);
  std::memcpy(to, lanes, static_cast<std::size_t>(count) * 4);
#endif
}

HWY_INLINE void store_first(Vector value, float* to, std::int64_t count) {
  store_first(value, D(), to, count);
}

/// As load_first and store_first, from and to bytes.
HWY_INLINE IntVector load_bytes(const std::uint8_t* from, std::int64_t count) {
  const DInt di;
  const hn::Rebind<std::uint8_t, DInt> d8;
  if (count == lane_count()) return hn::PromoteTo(di, hn::LoadU(d8, from));
  alignas(64) std::uint8_t bytes[kMaxLanes] = {};
  std::memcpy(bytes, from, static_cast<std::size_t>(std::min(count, kMaxLanes)));  // known to be less
  return hn::PromoteTo(di, hn::Load(d8, bytes));
}
HWY_INLINE void store_bytes(IntVector value, std::uint8_t* to, std::int64_t count) {
  const hn::Rebind<std::uint8_t, DInt> d8;
  if (count == lane_count()) return hn::StoreU(hn::DemoteTo(d8, value), d8, to);
  alignas(64) std::uint8_t bytes[kMaxLanes];
  hn::Store(hn::DemoteTo(d8, value), d8, bytes);
  std::memcpy(to, bytes, static_cast<std::size_t>(std::min(count, kMaxLanes)));
}

/// min(max(value, 0), largest); as Keras' relu, it keeps a NaN.
HWY_INLINE Vector clipped_relu(Vector value, float largest) {
  const D d;
  const Vector top = hn::Set(d, largest);
  return hn::IfThenElse(hn::Gt(value, top), top, hn::IfThenZeroElse(hn::Lt(value, hn::Zero(d)), value));
}

/// The gradient by a clipped ReLU whose result was y: dy where 0 < y < largest, else 0. As the formula
/// multiplies by 1 or 0, a NaN in dy stays one.
HWY_INLINE Vector counted(Vector dy, Vector y, float largest) {
  const D d;
  const auto counts = hn::And(hn::Gt(y, hn::Zero(d)), hn::Lt(y, hn::Set(d, largest)));
  return hn::Mul(hn::IfThenElseZero(counts, hn::Set(d, 1.0F)), dy);
}

/// body(i, lanes) for i = 0, Lanes, 2 Lanes, ... below `count`: `lanes` is Lanes, and what is left at the
/// end.
template <class Body>
HWY_INLINE void for_vectors(std::int64_t count, Body&& body) {
  const std::int64_t lanes = lane_count();
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) body(i, lanes);
  if (i < count) body(i, count - i);
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
