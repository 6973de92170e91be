#include <cstring>

#include "backends/cpu/kernels/moving/moving.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/moving/permute.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "backends/cpu/kernels/transpose-inl.h"

// The last axis of the result is either the last one of x, and rows are copied, or it is not: then the two
// last axes span planes, which are transposed block by block in registers.

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

class PermuteCut {
 public:
  PermuteCut(const Permutation& permutation, const float* x, float* y)
      : p_(permutation),
        last_(p_.sizes.size() - 1),
        x_(x),
        y_(y),
        lines_(ceil_div(p_.sizes[last_], kMaxLanes), lines_at_once()) {}

  std::int64_t planes() const {
    std::int64_t count = 1;
    for (std::size_t i = 0; i < last_; ++i) count *= i == near_ ? 1 : p_.sizes[i];
    return count;
  }
  /// An item is some rows of one plane.
  EvenParts pieces() const {
    return pieces_of_rows(planes() * lines_.parts, 2 * lines_.size(0) * kMaxLanes * columns());
  }

  void run(std::int64_t item) const {
    const Range lines = lines_.range(item % lines_.parts);
    const Range rows{lines.begin * kMaxLanes, std::min(p_.sizes[last_], lines.end * kMaxLanes)};
    std::int64_t plane = item / lines_.parts, from = 0, to = 0, stride = 1, column_stride = 1;
    // The result's offset counts all axes, the plane's number those that span no plane.
    for (std::size_t i = last_ + 1; i-- > 0;) {
      if (i == near_) column_stride = stride;
      if (i != near_ && i != last_) {
        from += plane % p_.sizes[i] * p_.strides[i];
        to += plane % p_.sizes[i] * stride;
        plane /= p_.sizes[i];
      }
      stride *= p_.sizes[i];
    }
    if (near_ == last_) {
      std::memcpy(y_ + to + rows.begin, x_ + from + rows.begin,
                  static_cast<std::size_t>(rows.size()) * sizeof(float));
      return;
    }
    transpose(x_ + from + rows.begin * p_.strides[last_], p_.strides[last_], rows.size(), columns(),
              y_ + to + rows.begin, column_stride);
  }

 private:
  /// The axis along which x is contiguous.
  std::size_t near_axis() const {
    for (std::size_t i = 0; i < p_.strides.size(); ++i) {
      if (p_.strides[i] == 1) return i;
    }
    return p_.strides.size() - 1;
  }
  std::int64_t columns() const { return near_ == last_ ? 1 : p_.sizes[near_]; }
  std::int64_t lines_at_once() const {
    return std::max<std::int64_t>(1, kPieceFloats / std::max<std::int64_t>(1, 2 * columns()) / kMaxLanes);
  }

  const Permutation& p_;
  const std::size_t last_, near_ = near_axis();
  const float* x_;
  float* y_;
  const EvenParts lines_;  // cache lines of the last axis, of which no two threads write the same
};

void run_permute(const Permutation& permutation, const float* x, float* y, ThreadPool& pool) {
  const PermuteCut cut(permutation, x, y);
  const EvenParts pieces = cut.pieces();
  pool.parallel_for(pieces.parts, [&](std::int64_t piece) {
    for (std::int64_t item = pieces.begin(piece); item < pieces.range(piece).end; ++item) cut.run(item);
  });
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

HWY_EXPORT(run_permute);

Permutation::Permutation(const Shape& x, const std::vector<std::int64_t>& permutation) {
  std::int64_t after = -1;
  for (const std::int64_t axis : permutation) {
    const std::int64_t size = x[axis], stride = x.slice(axis + 1).elements();
    if (size == 1) continue;
    if (!sizes.empty() && after == stride * size) {  // continues the axis before it
      sizes.back() *= size;
      strides.back() = stride;
    } else {
      sizes.push_back(size);
      strides.push_back(stride);
    }
    after = stride;
  }
  if (sizes.empty()) {
    sizes.push_back(1);
    strides.push_back(1);
  }
}

void permute(const Permutation& permutation, const float* x, float* y, ThreadPool& pool) {
  for (const std::int64_t size : permutation.sizes) {
    if (size == 0) return;
  }
  HWY_DYNAMIC_DISPATCH(run_permute)(permutation, x, y, pool);
}

void one_hot(const std::int32_t* indices, std::int64_t count, std::int64_t classes, float* y,
             ThreadPool& pool) {
  const EvenParts pieces = pieces_of_rows(count, classes);
  pool.parallel_for(pieces.parts, [&](std::int64_t piece) {
    for (std::int64_t i = pieces.begin(piece); i < pieces.range(piece).end; ++i) {
      std::fill_n(y + i * classes, classes, 0.0F);
      if (indices[i] >= 0 && indices[i] < classes) y[i * classes + indices[i]] = 1;
    }
  });
}

}  // namespace fovea::cpu
#endif
