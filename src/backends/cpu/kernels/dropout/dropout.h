#pragma once

#include <cstdint>

#include "core/philox.h"
#include "core/thread_pool.h"

namespace fovea::cpu {

/// y[i] = random.at(i) >= threshold ? x[i] * keep : 0, for i < count; y may be x.
void dropout(const PhiloxStream& random, std::uint32_t threshold, float keep, std::int64_t count,
             const float* x, float* y, ThreadPool& pool);

}  // namespace fovea::cpu
