#pragma once

#include <cstdint>

#include "core/thread_pool.h"
#include "fovea/bfloat16.h"

namespace fovea::cpu {

/// y[i] = x[i] for i in [0, count), on the calling thread; to bfloat16, rounded to the nearest, ties to even.
void widen_block(const bfloat16* x, float* y, std::int64_t count);
void narrow_block(const float* x, bfloat16* y, std::int64_t count);

/// The same in pieces.
void widen(const bfloat16* x, float* y, std::int64_t count, ThreadPool& pool);
void narrow(const float* x, bfloat16* y, std::int64_t count, ThreadPool& pool);

}  // namespace fovea::cpu
