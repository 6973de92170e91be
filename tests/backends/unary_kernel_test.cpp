#include <gtest/gtest.h>

#include <cmath>

#include "backends/region_case.h"
#include "ops/unary.h"

namespace fovea {
namespace {

struct UnaryCase {
  UnaryKind kind;
  ops::UnaryParameters parameters = {};
  /// Beside 4e-7 of the result: where a result is a difference, and cannot be better than its terms.
  double absolute = 0;
};

// Every function, its options at values that are not their defaults.
const UnaryCase kFunctions[] = {
    {UnaryKind::relu},
    {UnaryKind::relu, {.alpha = 0.2}},
    {UnaryKind::relu, {.alpha = 0, .beta = 6}},
    {UnaryKind::relu, {.alpha = 0.1, .beta = 2.5, .gamma = 0.5}, 3e-8},
    {UnaryKind::sigmoid},
    {UnaryKind::tanh},
    {UnaryKind::exponential},
    {UnaryKind::log},
    {UnaryKind::sqrt},
    {UnaryKind::rsqrt},
    {UnaryKind::square},
    {UnaryKind::absolute},
    {UnaryKind::negative},
    {UnaryKind::elu, {.alpha = 1.3}},
    {UnaryKind::selu},
    {UnaryKind::celu, {.alpha = 0.7}},
    {UnaryKind::softplus},
    {UnaryKind::softsign},
    {UnaryKind::silu},
    {UnaryKind::gelu},
    {UnaryKind::gelu_tanh, {}, 1e-8},
    {UnaryKind::hard_sigmoid},
    {UnaryKind::hard_silu},
    {UnaryKind::mish},
    {UnaryKind::scale, {.alpha = -1.75, .beta = 0.375}, 1e-7},
};

/// Slopes that are differences: their error beside 4e-7 of the result.
double slope_error(UnaryKind kind) {
  switch (kind) {
    case UnaryKind::silu:
    case UnaryKind::gelu:
    case UnaryKind::gelu_tanh:
    case UnaryKind::mish:
    case UnaryKind::hard_silu:
      return 4e-7;
    case UnaryKind::celu:
      return 1e-8;  // far below zero, the rounding error of s / alpha is one of the exponent
    default:
      return 0;
  }
}

std::string name_of(const UnaryCase& c) {
  return std::string(name(c.kind)) + "(" + std::to_string(c.parameters.alpha) + ", " +
         std::to_string(c.parameters.beta) + ", " + std::to_string(c.parameters.gamma) + ")";
}

RegionCase forward(const UnaryCase& c, Tensor x) {
  RegionCase result(name_of(c));
  result.output(result.add(UnaryOp(c.kind, c.parameters), {result.input(std::move(x))})[0]);
  return result;
}

RegionCase backward(const UnaryCase& c, Tensor s, Tensor dy) {
  RegionCase result(name_of(c) + " backward");
  const int source = result.input(std::move(s));
  const int gradient = result.input(std::move(dy));
  result.output(result.add(UnaryBackwardOp(c.kind, c.parameters), {source, gradient})[0]);
  return result;
}

/// Numbers near 0, of everyday size, and of every magnitude that float has, of both signs.
Tensor all_magnitudes(std::int64_t count) {
  Tensor x = random_tensor({count}, 1, -12, 12);
  const Tensor fine = random_tensor({count}, 2, -1, 1), exponent = random_tensor({count}, 3, -37, 37),
               wide = random_tensor({count}, 4, -110, 110);
  for (std::int64_t i = 0; i < count; ++i) {
    float& value = x.data<float>()[i];
    if (i % 4 == 1) value = fine.data<float>()[i];
    if (i % 4 == 2) value = std::copysign(std::pow(10.0F, exponent.data<float>()[i]), value);
    if (i % 4 == 3) value = wide.data<float>()[i];
  }
  return x;
}

// Results below the smallest normal number may be 0.
constexpr double kTiny = 1.2e-38;

TEST(UnaryKernel, IsAccurateForEveryMagnitude) {
  for (const UnaryCase& c : kFunctions) {
    expect_kernel(forward(c, all_magnitudes(60'000)),
                  "elementwise:", {.relative = 4e-7, .absolute = c.absolute + kTiny});
  }
}

TEST(UnaryKernel, TreatsSpecialValuesAsTheFormula) {
  for (const UnaryCase& c : kFunctions) {
    expect_kernel(forward(c, special_tensor({997}, 3)),
                  "elementwise:", {.relative = 4e-7, .absolute = c.absolute + kTiny});
  }
}

TEST(UnaryKernel, TakesEverySize) {
  for (const std::int64_t size : {0, 1, 2, 15, 16, 17, 31, 1023, 1024, 1025}) {
    for (const UnaryCase& c : kFunctions) {
      expect_kernel(forward(c, random_tensor({size}, 7, 0.1, 2)),
                    "elementwise:", {.relative = 4e-7, .absolute = c.absolute});
    }
  }
}

/// Values that the slope's argument can have: y where the slope follows from y, else x.
Tensor slope_arguments(const UnaryCase& c, std::int64_t count) {
  switch (c.kind) {
    case UnaryKind::sigmoid:
      return random_tensor({count}, 8, 0, 1);
    case UnaryKind::tanh:
      return random_tensor({count}, 8, -1, 1);
    case UnaryKind::sqrt:
    case UnaryKind::rsqrt:
      return random_tensor({count}, 8, 1e-6, 1e3);
    case UnaryKind::softsign:
      return random_tensor({count}, 8, -1e3, 1e3);
    default:
      return all_magnitudes(count);
  }
}

TEST(UnaryBackwardKernel, IsAccurateForEveryMagnitude) {
  for (const UnaryCase& c : kFunctions) {
    expect_kernel(backward(c, slope_arguments(c, 60'000), random_tensor({60'000}, 9)),
                  "elementwise:", {.relative = 4e-7, .absolute = slope_error(c.kind) + kTiny});
  }
}

TEST(UnaryBackwardKernel, TreatsSpecialValuesAsTheFormula) {
  for (const UnaryCase& c : kFunctions) {
    expect_kernel(backward(c, special_tensor({997}, 3), random_tensor({997}, 4)),
                  "elementwise:", {.relative = 4e-7, .absolute = slope_error(c.kind) + 2e-38});
  }
}

TEST(UnaryBackwardKernel, TakesEverySize) {
  for (const std::int64_t size : {0, 1, 15, 17, 1025}) {
    for (const UnaryCase& c : kFunctions) {
      expect_kernel(backward(c, random_tensor({size}, 7, 0.1, 2), random_tensor({size}, 8)),
                    "elementwise:", {.relative = 4e-7, .absolute = slope_error(c.kind)});
    }
  }
}

TEST(UnaryKernel, WritesOverItsInput) {
  for (const UnaryCase& c : kFunctions) {
    expect_kernel_in_place(forward(c, random_tensor({4099}, 3)), 0, 0);
    expect_kernel_in_place(backward(c, random_tensor({4099}, 3), random_tensor({4099}, 4)), 1, 0);
  }
}

}  // namespace
}  // namespace fovea
