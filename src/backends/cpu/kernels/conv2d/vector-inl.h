// What the convolution kernels share about vectors. Included once per instruction set.

#if defined(FOVEA_CONV2D_VECTOR_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FOVEA_CONV2D_VECTOR_INL_H_
#undef FOVEA_CONV2D_VECTOR_INL_H_
#else
#define FOVEA_CONV2D_VECTOR_INL_H_
#endif

#include <cstdint>
#include <cstring>

#include "backends/cpu/kernels/conv2d/strided_convolution.h"
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

// 32 registers hold 24 sums (6 x 4, 8 x 3, 12 x 2), 16 registers hold 12 (6 x 2, 12 x 1).
#if HWY_TARGET <= HWY_AVX3
inline constexpr int kMaxVectors = 4;
constexpr int largest_tile(std::int64_t vectors) { return vectors == 4 ? 6 : vectors == 3 ? 8 : 12; }
#else
inline constexpr int kMaxVectors = 2;
constexpr int largest_tile(std::int64_t vectors) { return vectors == 2 ? 6 : 12; }
#endif

/// The first `count` lanes from memory (1 <= count <= Lanes), zero above; reads nothing beyond.
HWY_INLINE Vector load_first(const float* from, std::int64_t count) {
  const D d;
  if (count == static_cast<std::int64_t>(hn::Lanes(d))) return hn::LoadU(d, from);
#if HWY_TARGET <= HWY_AVX2
  return hn::MaskedLoad(hn::FirstN(d, static_cast<std::size_t>(count)), d, from);
#else
  alignas(64) float lanes[kMaxLanes] = {};
  std::memcpy(lanes, from, static_cast<std::size_t>(count) * sizeof(float));
  return hn::Load(d, lanes);
#endif
}

/// Writes the first `count` lanes and nothing beyond: another thread may own what follows.
HWY_INLINE void store_first(Vector value, float* to, std::int64_t count) {
  const D d;
  if (count == static_cast<std::int64_t>(hn::Lanes(d))) return hn::StoreU(value, d, to);
#if HWY_TARGET <= HWY_AVX2
  hn::BlendedStore(value, hn::FirstN(d, static_cast<std::size_t>(count)), d, to);
#else
  alignas(64) float lanes[kMaxLanes];
  hn::Store(value, d, lanes);
  std::memcpy(to, lanes, static_cast<std::size_t>(count) * sizeof(float));
#endif
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
