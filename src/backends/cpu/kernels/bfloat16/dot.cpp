#include "backends/cpu/kernels/bfloat16/dot.h"

#include "backends/cpu/kernels/cut.h"
#include "hwy/targets.h"

#if HWY_ARCH_X86
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // of undefined vectors in its own header
#endif
#include <immintrin.h>
#endif

#if HWY_ARCH_X86

// Highway 1.0.3 has no target with this instruction. Everything between the pragmas is compiled for it, and
// called only where the machine has it.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,fma"))), \
                             apply_to = function)
#define FOVEA_DOT_UNROLL _Pragma("unroll")
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,fma")
#define FOVEA_DOT_UNROLL _Pragma("GCC unroll 16")
#endif

namespace fovea::cpu {
namespace {

inline __m512bh pairs_at(const bfloat16* from) {
  return reinterpret_cast<__m512bh>(_mm512_loadu_si512(from));
}
inline __m512bh pair_everywhere(const bfloat16* from) {
  std::int32_t bits = 0;
  __builtin_memcpy(&bits, from, sizeof bits);
  return reinterpret_cast<__m512bh>(_mm512_set1_epi32(bits));
}
inline __m512 floats_at(const bfloat16* from, __mmask16 used) {
  return _mm512_castsi512_ps(
      _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(used, from)), 16));
}

/// The end of a row of sums.
inline void finish(const DotRows& t, std::int64_t at, __m512 sum, __mmask16 used) {
  if (t.residual != nullptr) sum = _mm512_add_ps(sum, floats_at(t.residual + at, used));
  if (t.relu) {
    // As Keras' relu, it keeps a NaN.
    sum = _mm512_max_ps(_mm512_setzero_ps(), sum);
    sum = _mm512_min_ps(_mm512_set1_ps(t.largest), sum);
  }
  _mm256_mask_storeu_epi16(t.out + at, used, reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(sum)));
}

template <int P, int V>
__attribute__((noinline)) void tile(const DotRows& t) {
  const auto last = static_cast<__mmask16>((1U << (t.filters - (V - 1) * kDotLanes)) - 1U);
  __m512 sum[P][V];
  FOVEA_DOT_UNROLL
  for (int p = 0; p < P; ++p) {
    FOVEA_DOT_UNROLL
    for (int v = 0; v < V; ++v) {
      sum[p][v] = t.bias != nullptr ? _mm512_loadu_ps(t.bias + v * kDotLanes) : _mm512_setzero_ps();
      if (t.accumulate)
        sum[p][v] = _mm512_maskz_loadu_ps(v == V - 1 ? last : static_cast<__mmask16>(0xffff),
                                          t.sums + p * t.sums_row + v * kDotLanes);
    }
  }
  const bfloat16 *a = t.a, *b = t.b;
  const std::int64_t row = t.a_row, pair = t.a_pair;
  for (std::int64_t i = 0; i < t.pairs; ++i, a += pair, b += V * kDotLanes * 2) {
    __m512bh column[V];
    FOVEA_DOT_UNROLL
    for (int v = 0; v < V; ++v) column[v] = pairs_at(b + v * kDotLanes * 2);
    FOVEA_DOT_UNROLL
    for (int p = 0; p < P; ++p) {
      const __m512bh x = pair_everywhere(a + p * row);
      FOVEA_DOT_UNROLL
      for (int v = 0; v < V; ++v) sum[p][v] = _mm512_dpbf16_ps(sum[p][v], x, column[v]);
    }
  }
  FOVEA_DOT_UNROLL
  for (int p = 0; p < P; ++p) {
    FOVEA_DOT_UNROLL
    for (int v = 0; v < V; ++v) {
      const __mmask16 used = v == V - 1 ? last : static_cast<__mmask16>(0xffff);
      if (t.out == nullptr) {
        _mm512_mask_storeu_ps(t.sums + p * t.sums_row + v * kDotLanes, used, sum[p][v]);
      } else {
        finish(t, p * t.out_row + v * kDotLanes, sum[p][v], used);
      }
    }
  }
}

constexpr int most_rows(int vectors) { return vectors == 4 ? 6 : vectors == 3 ? 8 : 12; }

template <int V>
void tile_of(std::int64_t rows, const DotRows& t) {
  constexpr int kMost = most_rows(V);
  using Tile = void (*)(const DotRows&);
  static constexpr Tile tiles[] = {
      tile<1, V>,
      tile<2, V>,
      tile<3, V>,
      tile<4, V>,
      tile<5, V>,
      tile<6, V>,
      tile < kMost < 7 ? 1 : 7,
      V >,
      tile < kMost < 8 ? 1 : 8,
      V >,
      tile < kMost < 9 ? 1 : 9,
      V >
      , tile < kMost < 10 ? 1 : 10, V >, tile < kMost < 11 ? 1 : 11, V >, tile < kMost < 12 ? 1 : 12, V > };
  tiles[rows - 1](t);
}

inline __m512i halves_at(const bfloat16* row, std::int64_t at, __mmask16 used) {
  if (row == nullptr) return _mm512_setzero_si512();
  return _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(used, row + at));
}

void interleave_rows(const bfloat16* const* rows, std::int64_t first, std::int64_t pairs, std::int64_t count,
                     bfloat16* to, std::int64_t to_pair) {
  for (std::int64_t i = 0; i < pairs; ++i, to += to_pair) {
    for (std::int64_t j = 0; j < count; j += kDotLanes) {
      const std::int64_t left = count - j;
      const auto used = static_cast<__mmask16>(left >= kDotLanes ? 0xffffU : (1U << left) - 1U);
      const __m512i low = halves_at(rows[2 * i], first + j, used);
      const __m512i high = halves_at(rows[2 * i + 1], first + j, used);
      _mm512_mask_storeu_epi32(to + 2 * j, used, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
    }
  }
}

}  // namespace
}  // namespace fovea::cpu

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

namespace fovea::cpu {

bool has_bfloat16_dot() {
  return __builtin_cpu_supports("avx512bf16") != 0 && (hwy::SupportedTargets() & HWY_AVX3) != 0;
}

void dot_rows(DotRows t, std::int64_t rows) {
  const std::int64_t vectors = ceil_div(t.filters, kDotLanes);
  const EvenParts parts(rows, most_rows(static_cast<int>(vectors)));
  for (std::int64_t part = 0; part < parts.parts; ++part) {
    const std::int64_t size = parts.size(part);
    switch (vectors) {
      case 1:
        tile_of<1>(size, t);
        break;
      case 2:
        tile_of<2>(size, t);
        break;
      case 3:
        tile_of<3>(size, t);
        break;
      default:
        tile_of<4>(size, t);
    }
    t.a += size * t.a_row;
    if (t.sums != nullptr) t.sums += size * t.sums_row;
    if (t.out != nullptr) t.out += size * t.out_row;
    if (t.residual != nullptr) t.residual += size * t.out_row;
  }
}

void interleave(const bfloat16* const* rows, std::int64_t first, std::int64_t pairs, std::int64_t count,
                bfloat16* to, std::int64_t to_pair) {
  interleave_rows(rows, first, pairs, count, to, to_pair);
}

}  // namespace fovea::cpu

#else

namespace fovea::cpu {

bool has_bfloat16_dot() { return false; }
void dot_rows(DotRows, std::int64_t) {}
void interleave(const bfloat16* const*, std::int64_t, std::int64_t, std::int64_t, bfloat16*, std::int64_t) {}

}  // namespace fovea::cpu

#endif
