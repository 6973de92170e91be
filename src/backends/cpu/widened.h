#pragma once

#include "backends/backend.h"

namespace fovea::cpu {

/// Has the region values of bfloat16?
bool has_bfloat16(const Region& region);

/// The region by kernels for float32, which find its bfloat16 as float32 and whose results are rounded:
/// what lies inside of the region is rounded nowhere. `implement` makes the kernel of a region of float32.
Implementation implement_widened(const Region& region, Implementation (*implement)(const Region& region));

}  // namespace fovea::cpu
