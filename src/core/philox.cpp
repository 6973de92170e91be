#include "core/philox.h"

#include <cmath>
#include <numbers>

namespace fovea {

std::uint64_t PhiloxStream::below(std::uint64_t bound) {
  // Values at or above the largest multiple of bound are drawn again, or the small ones would come up more
  // often.
  const std::uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
  for (;;) {
    const std::uint64_t high = next();
    const std::uint64_t value = (high << 32) | next();
    if (value < limit) return value % bound;
  }
}

double PhiloxStream::normal() {
  const double radius = std::sqrt(-2.0 * std::log((next() + 0.5) * 0x1p-32));
  const double angle = 2.0 * std::numbers::pi * ((next() + 0.5) * 0x1p-32);
  return radius * std::cos(angle);
}

}  // namespace fovea
