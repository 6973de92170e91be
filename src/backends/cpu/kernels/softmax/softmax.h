#pragma once

#include <cstdint>

#include "core/thread_pool.h"

namespace fovea::cpu {

// Over `rows` rows of `size` elements each.

/// y = e^(x - max) / sum e^(x - max), or its logarithm; y may be x.
void softmax(bool log, std::int64_t rows, std::int64_t size, const float* x, float* y, ThreadPool& pool);
/// dx = y (dy - sum dy y), or with `log` dy - e^y sum dy.
void softmax_backward(bool log, std::int64_t rows, std::int64_t size, const float* y, const float* dy,
                      float* dx, ThreadPool& pool);
/// loss[row] = -sum t (x - max - log sum e^(x - max)).
void softmax_cross_entropy(std::int64_t rows, std::int64_t size, const float* x, const float* t, float* loss,
                           ThreadPool& pool);

}  // namespace fovea::cpu
