#pragma once

#include <type_traits>

#include "backends/cpu/kernels/bfloat16/convert.h"
#include "backends/cpu/kernels/cut.h"
#include "core/thread_scratch.h"

namespace fovea::cpu {

/// A tensor of floats or of bfloat16; or none.
class Numbers {
 public:
  Numbers(const float* floats = nullptr) : floats_(floats) {}
  Numbers(const bfloat16* halves) : halves_(halves) {}
  explicit operator bool() const { return floats_ != nullptr || halves_ != nullptr; }
  bool halves() const { return halves_ != nullptr; }
  /// Null when they are of the other type, or none.
  template <class T>
  const T* data() const {
    if constexpr (std::is_same_v<T, bfloat16>) {
      return halves_;
    } else {
      return floats_;
    }
  }
  /// `count` <= kPieceFloats of them from `first` on: floats where they lie, bfloat16 by way of the thread's
  /// scratch memory, which lies in L2 and holds three pieces, in places 0 to 2. Null for none.
  const float* read(std::int64_t first, std::int64_t count, int place) const {
    if (floats_ != nullptr) return floats_ + first;
    if (halves_ == nullptr) return nullptr;
    // The places begin at different lines of L1.
    constexpr std::int64_t kDistance = kPieceFloats + 17 * 16;
    static_assert((2 * kDistance + kPieceFloats) * sizeof(float) <= kThreadScratchBytes);
    float* const to = reinterpret_cast<float*>(thread_scratch()) + place * kDistance;
    widen_block(halves_ + first, to, count);
    return to;
  }

 private:
  const float* floats_ = nullptr;
  const bfloat16* halves_ = nullptr;
};

/// The same, to be written.
class Results {
 public:
  Results(float* floats = nullptr) : floats_(floats) {}
  Results(bfloat16* halves) : halves_(halves) {}
  explicit operator bool() const { return floats_ != nullptr || halves_ != nullptr; }
  Numbers numbers() const { return halves_ != nullptr ? Numbers(halves_) : Numbers(floats_); }
  template <class T>
  T* data() const {
    return const_cast<T*>(numbers().data<T>());
  }
  bool operator==(const Results&) const = default;

 private:
  float* floats_ = nullptr;
  bfloat16* halves_ = nullptr;
};

}  // namespace fovea::cpu
