#pragma once

#include "ops/op.h"

namespace fovea {

/// An axis, counted from the end where it is negative, goes behind the others, and back to its place. What
/// was turned the other way before is not turned again.
Value axis_to_last(GraphBuilder& graph, Value x, std::int64_t axis);
Value axis_from_last(GraphBuilder& graph, Value x, std::int64_t axis);

}  // namespace fovea
