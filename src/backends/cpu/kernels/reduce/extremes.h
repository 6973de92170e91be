#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

namespace fovea::cpu {

/// The larger (smaller) of two, NaN if one is NaN.
template <bool kMax>
float extreme_of(float a, float b) {
  return (kMax ? b > a : b < a) || std::isnan(b) ? b : a;
}

/// What any number replaces.
template <bool kMax>
inline constexpr float kWeakest = kMax ? -std::numeric_limits<float>::infinity()
                                       : std::numeric_limits<float>::infinity();

/// y[c] = the largest (smallest) of y[c] and all x[row * columns + c], on the calling thread.
void extreme_rows(bool largest, const float* x, std::int64_t rows, std::int64_t columns, float* y);

/// winners[c] += the number of rows with x[row * columns + c] == y[c].
void count_winners(const float* x, const float* y, std::int64_t rows, std::int64_t columns, float* winners);
/// dx[row * columns + c] = x == y[c] ? share[c] : 0.
void give_shares(const float* x, const float* y, const float* share, std::int64_t rows, std::int64_t columns,
                 float* dx);

}  // namespace fovea::cpu
