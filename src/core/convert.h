#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>

#include "fovea/bfloat16.h"

namespace fovea {

/// A number in another type. Floats are cut towards zero when they become integers, and what does not fit
/// wraps around, as on the machines that Keras runs on: -3.2 is the byte 253. Beyond int32, or int64 for an
/// int64, there is nothing to wrap: the smallest one of it.
template <class To, class From>
To converted(From value) {
  if constexpr (std::is_integral_v<To> && std::is_same_v<From, bfloat16>) {
    return converted<To>(static_cast<float>(value));
  } else if constexpr (std::is_integral_v<To> && std::is_floating_point_v<From>) {
    using Whole = std::conditional_t<sizeof(To) == 8, std::int64_t, std::int32_t>;
    constexpr Whole kLeast = std::numeric_limits<Whole>::min();
    constexpr From kLow = static_cast<From>(kLeast);
    // A power of two, that every type of floats has exactly; false for NaN.
    const bool fits = value > kLow && value < -kLow;
    return static_cast<To>(fits ? static_cast<Whole>(value) : kLeast);
  } else {
    return static_cast<To>(value);
  }
}

}  // namespace fovea
