#pragma once

#include <array>

#include "fovea/tensor.h"

namespace fovea {

/// For reading an input broadcast to `shape`: the index in the input for a flat index in the output.
class BroadcastIndex {
 public:
  BroadcastIndex(const Shape& input, const Shape& shape) : rank_(shape.rank()) {
    std::int64_t stride = 1;
    for (std::size_t back = 1; back <= rank_; ++back) {
      const std::size_t axis = rank_ - back;
      sizes_[axis] = shape[static_cast<std::ptrdiff_t>(axis)];
      const std::int64_t size = back <= input.rank() ? input[-static_cast<std::ptrdiff_t>(back)] : 1;
      strides_[axis] = size == 1 ? 0 : stride;
      stride *= size;
    }
  }
  std::int64_t operator()(std::int64_t flat) const {
    std::int64_t index = 0;
    for (std::size_t axis = rank_; axis-- > 0;) {
      index += flat % sizes_[axis] * strides_[axis];
      flat /= sizes_[axis];
    }
    return index;
  }

 private:
  std::size_t rank_;
  std::array<std::int64_t, Shape::max_rank> sizes_{}, strides_{};
};

/// Splits a shape at an axis: elements before it, its size, elements after it.
struct AxisSplit {
  AxisSplit(const Shape& shape, std::int64_t axis)
      : outer(shape.slice(0, axis).elements()), size(shape[axis]), inner(shape.slice(axis + 1).elements()) {}
  std::int64_t outer, size, inner;
};

}  // namespace fovea
