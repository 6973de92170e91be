#pragma once

#include <functional>

#include "plan/program.h"

namespace fovea {

/// How many samples of a batch should run together: as many as keep what a step reads and writes in the
/// caches, or more where the weights, read once for each part, would be most of the traffic. `whole` is the
/// program of a graph that is_sample_wise(), for all `samples`.
std::int64_t samples_together(const Program& whole, std::int64_t samples);

/// Runs a batch part after part; where there are enough of them, each thread runs parts of its own, with an
/// arena for each thread. `make` makes the program of a graph that
/// is_sample_wise() for so many samples; parts have about `together`, at least that many. The same for any
/// number of threads.
std::unique_ptr<Program> make_batched_program(
    std::int64_t samples, std::int64_t together,
    const std::function<std::unique_ptr<Program>(std::int64_t samples)>& make);

}  // namespace fovea
