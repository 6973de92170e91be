#pragma once

#include <cstdint>

#include "ops/unary.h"

namespace fovea::cpu {

/// y[i] = f(x[i]) for i in [0, count), on the calling thread; y may be x. The formulas stand in
/// backends/reference/unary.cpp.
void unary_forward(UnaryKind kind, const ops::UnaryParameters& parameters, const float* x, float* y,
                   std::int64_t count);

/// dx[i] = f'(.) dy[i], where s is y for the functions of UnaryOp::gradient_uses_output(), else x; dx may be
/// dy or s.
void unary_backward(UnaryKind kind, const ops::UnaryParameters& parameters, const float* s, const float* dy,
                    float* dx, std::int64_t count);

}  // namespace fovea::cpu
