#pragma once

#include <functional>

#include "core/thread_pool.h"

namespace fovea::bench {

/// Runs independent fused multiply-adds in registers on every thread of the pool, for a few milliseconds;
/// returns GFLOP/s of all together. `now` is a clock in seconds.
double measure_fma_peak(ThreadPool& pool, const std::function<double()>& now);

/// The instruction set in use, as Highway calls it.
const char* instruction_set();

}  // namespace fovea::bench
