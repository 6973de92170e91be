#pragma once

namespace fovea {

/// Bytes rounded up to whole lines of the caches, 64 bytes each: where parts of one block of memory begin.
template <class Bytes>
constexpr Bytes whole_lines(Bytes bytes) {
  return (bytes + 63) / 64 * 64;
}

}  // namespace fovea
