#pragma once

#include "backends/cpu/kernels/bfloat16/convert.h"
#include "backends/cpu/kernels/cut.h"
#include "core/thread_scratch.h"

// What a kernel over floats reads and writes, a piece at a time: floats where they lie, or bfloat16 by way of
// the thread's scratch memory, which lies in L2.

namespace fovea::cpu {

/// The scratch memory holds four pieces, in places 0 to 3.
inline float* scratch_place(int place) {
  static_assert(4 * kPieceFloats * sizeof(float) <= kThreadScratchBytes);
  return reinterpret_cast<float*>(thread_scratch()) + place * kPieceFloats;
}

class Numbers {
 public:
  Numbers(const float* floats = nullptr) : floats_(floats) {}
  Numbers(const bfloat16* halves) : halves_(halves) {}
  explicit operator bool() const { return floats_ != nullptr || halves_ != nullptr; }
  bool halves() const { return halves_ != nullptr; }
  /// `count` <= kPieceFloats of them from `first` on; null for none.
  const float* read(std::int64_t first, std::int64_t count, int place) const {
    if (floats_ != nullptr) return floats_ + first;
    if (halves_ == nullptr) return nullptr;
    widen_block(halves_ + first, scratch_place(place), count);
    return scratch_place(place);
  }

 private:
  const float* floats_ = nullptr;
  const bfloat16* halves_ = nullptr;
};

class Results {
 public:
  Results(float* floats = nullptr) : floats_(floats) {}
  Results(bfloat16* halves) : halves_(halves) {}
  explicit operator bool() const { return floats_ != nullptr || halves_ != nullptr; }
  /// As numbers, once they are written.
  Numbers numbers() const { return halves_ != nullptr ? Numbers(halves_) : Numbers(floats_); }
  /// The floats themselves; null for bfloat16.
  float* floats() const { return floats_; }
  bool operator==(const Results&) const = default;

  /// Where to write `count` <= kPieceFloats of them from `first` on; null for none. Then, say that they are.
  float* begin(std::int64_t first, int place) const {
    if (floats_ != nullptr) return floats_ + first;
    return halves_ == nullptr ? nullptr : scratch_place(place);
  }
  void end(std::int64_t first, std::int64_t count, int place) const {
    if (halves_ != nullptr) narrow_block(scratch_place(place), halves_ + first, count);
  }

 private:
  float* floats_ = nullptr;
  bfloat16* halves_ = nullptr;
};

}  // namespace fovea::cpu
