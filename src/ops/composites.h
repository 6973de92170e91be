#pragma once

#include <vector>

#include "ops/op.h"

namespace fovea {

// Small formulas of ops that layers, losses, constraints and optimizers share.

/// A scalar of x's dtype.
Value scalar_like(GraphBuilder& b, Value x, double number);
/// Between low and high, without a gradient where it is cut.
Value clip(GraphBuilder& b, Value x, double low, double high);
/// x / max(|x|, least), |x| the root of the sum of squares along the axes. Its gradient is finite at 0.
Value of_length_one(GraphBuilder& b, Value x, const std::vector<std::int64_t>& axes, double least);

}  // namespace fovea
