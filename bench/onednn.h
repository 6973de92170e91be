#pragma once

#include <vector>

#include "backends/cpu/kernels/conv2d/conv2d.h"
#include "bench/measure.h"

namespace fovea::bench {

/// oneDNN's passes of a convolution in float32, as rows beside ours: by the algorithm that it chooses
/// ("..._onednn") and, where it has one, Winograd ("..._onednn_winograd"). Inputs, weights and results are in
/// the layouts that it likes best, bias and ReLU in the same primitive; no reorder is timed. `add` is called
/// with the pass' name and what runs it.
void add_onednn_rows(const cpu::Conv2DShape& shape, int threads,
                     const std::function<void(const std::string& pass, std::function<void()> run)>& add);

}  // namespace fovea::bench
