#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <type_traits>

namespace fovea {

/// The upper half of a float: its range with 8 bits of precision. Numbers become one rounded to the nearest,
/// ties to even; a NaN stays one and becomes quiet. Arithmetic happens in float.
class bfloat16 {
 public:
  bfloat16() = default;
  template <class Number, class = std::enable_if_t<std::is_arithmetic_v<Number>>>
  explicit bfloat16(Number number) : bits_(rounded(to_odd(number))) {}
  static bfloat16 from_bits(std::uint16_t bits) {
    bfloat16 result;
    result.bits_ = bits;
    return result;
  }

  std::uint16_t bits() const { return bits_; }
  operator float() const { return std::bit_cast<float>(static_cast<std::uint32_t>(bits_) << 16); }

 private:
  static float to_odd(float number) { return number; }
  /// Where a float is not enough, the one whose last bit is odd: rounded again, it is as if rounded once.
  template <class Number>
  static float to_odd(Number number) {
    const auto exact = static_cast<double>(number);
    const auto nearest = static_cast<float>(exact);
    if (static_cast<double>(nearest) == exact || std::isnan(exact)) return nearest;
    auto bits = std::bit_cast<std::uint32_t>(nearest);
    if (std::abs(static_cast<double>(nearest)) > std::abs(exact)) --bits;
    return std::bit_cast<float>(bits | 1U);
  }
  static std::uint16_t rounded(float number) {
    const auto bits = std::bit_cast<std::uint32_t>(number);
    if (std::isnan(number)) return static_cast<std::uint16_t>(bits >> 16 | 0x40U);
    return static_cast<std::uint16_t>((bits + 0x7fffU + (bits >> 16 & 1U)) >> 16);
  }

  std::uint16_t bits_ = 0;
};

}  // namespace fovea
