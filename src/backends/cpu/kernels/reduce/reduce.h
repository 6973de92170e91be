#pragma once

#include <cstddef>
#include <cstdint>

#include "core/thread_pool.h"
#include "fovea/ops.h"

namespace fovea::cpu {

/// Reduction of x (outer, size, inner) over its middle axis. `outer` and `inner` stand for any number of axes
/// that are kept, `size` for any number of neighbouring ones that are not.
struct ReduceShape {
  ops::ReduceKind kind = ops::ReduceKind::sum;
  std::int64_t outer = 1, size = 1, inner = 1;
};

std::size_t reduce_workspace(const ReduceShape& shape);

/// y (outer, inner). Sums over no element are 0; an extreme with a NaN is NaN.
void reduce(const ReduceShape& shape, const float* x, float* y, void* workspace, ThreadPool& pool);

std::size_t reduce_extreme_backward_workspace(const ReduceShape& shape);

/// dx (outer, size, inner): dy (outer, inner), shared among the elements of x that equal y.
void reduce_extreme_backward(const ReduceShape& shape, const float* x, const float* y, const float* dy,
                             float* dx, void* workspace, ThreadPool& pool);

}  // namespace fovea::cpu
