#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "fovea/tensor.h"

namespace fovea::cpu {

/// Numbers of one shape read as if they had another one, to which it broadcasts. Neighbouring axes that are
/// read alike count as one.
class BroadcastView {
 public:
  BroadcastView(const Shape& from, const Shape& to) {
    std::int64_t stride = 1;
    for (std::ptrdiff_t back = 1; back <= static_cast<std::ptrdiff_t>(to.rank()); ++back) {
      const std::int64_t size = to[-back];
      const bool kept = back <= static_cast<std::ptrdiff_t>(from.rank()) && from[-back] != 1;
      add_outer_axis(size, kept ? stride : 0);
      if (kept) stride *= size;
    }
  }

  /// The elements in order, each once.
  bool whole() const { return rank_ == 0 || (rank_ == 1 && axes_[0].stride == 1); }
  /// Elements after which it begins again, within stretches of span() elements: (N, 1, 1, C) spread over
  /// (N, H, W, C) has a period of C and spans of H * W * C. Without any repetition both are the same.
  std::int64_t period() const {
    if (rank_ == 0 || axes_[0].stride == 0) return 1;
    return axes_[0].size;
  }
  std::int64_t span() const {
    if (rank_ == 0) return 1;
    const bool second = axes_[0].stride != 0 && rank_ > 1 && axes_[1].stride == 0;
    return second ? axes_[0].size * axes_[1].size : axes_[0].size;
  }

  /// to[i] = element first + i, i < count.
  template <class T>
  void read(const T* from, std::int64_t first, std::int64_t count, T* to) const {
    if (rank_ == 0) {
      std::fill_n(to, count, *from);
      return;
    }
    std::array<std::int64_t, Shape::max_rank> at{};
    for (std::size_t i = 0; i < rank_; ++i) {
      at[i] = first % axes_[i].size;
      first /= axes_[i].size;
      from += at[i] * axes_[i].stride;
    }
    const Axis& inner = axes_[0];
    while (count > 0) {
      const std::int64_t run = std::min(count, inner.size - at[0]);
      if (inner.stride == 0) {
        std::fill_n(to, run, *from);
      } else {
        std::memcpy(to, from, static_cast<std::size_t>(run) * sizeof(T));
      }
      to += run;
      count -= run;
      if (count == 0) return;
      // On to the next run: the innermost axis starts again, the others count on.
      from -= at[0] * inner.stride;
      at[0] = 0;
      for (std::size_t i = 1; i < rank_; ++i) {
        from += axes_[i].stride;
        if (++at[i] < axes_[i].size) break;
        from -= axes_[i].size * axes_[i].stride;
        at[i] = 0;
      }
    }
  }

 private:
  struct Axis {
    std::int64_t size, stride;
  };

  void add_outer_axis(std::int64_t size, std::int64_t stride) {
    if (size == 1) return;
    if (rank_ > 0) {
      Axis& last = axes_[rank_ - 1];
      if (stride == last.stride * last.size) {  // both broadcast, or one continues the other
        last.size *= size;
        return;
      }
    }
    axes_[rank_++] = {size, stride};
  }

  std::array<Axis, Shape::max_rank> axes_{};  // innermost first
  std::size_t rank_ = 0;
};

}  // namespace fovea::cpu
