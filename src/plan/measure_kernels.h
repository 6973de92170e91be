#pragma once

#include <vector>

#include "backends/backend.h"

namespace fovea {

/// Best seconds of a run of each kernel of a region, run in turns on buffers of its shapes. With
/// `packs_each_run` packing the weights counts.
std::vector<double> measure_kernels(const Region& region, const std::vector<const Kernel*>& kernels,
                                    bool packs_each_run, ThreadPool& threads);

}  // namespace fovea
