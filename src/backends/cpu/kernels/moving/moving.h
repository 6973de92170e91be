#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "backends/cpu/kernels/cut.h"
#include "fovea/tensor.h"

namespace fovea::cpu {

/// A transposition without axes of size 1, neighbours that stay together being one axis. `sizes` are those of
/// the result, outermost first, `strides` those of x along the same axes.
struct Permutation {
  Permutation(const Shape& x, const std::vector<std::int64_t>& permutation);
  std::vector<std::int64_t> sizes, strides;
};

/// For elements of 4 bytes.
void permute(const Permutation& permutation, const float* x, float* y, ThreadPool& pool);

/// y (indices, classes): 1 where the class is the index, else 0.
void one_hot(const std::int32_t* indices, std::int64_t count, std::int64_t classes, float* y,
             ThreadPool& pool);

}  // namespace fovea::cpu
