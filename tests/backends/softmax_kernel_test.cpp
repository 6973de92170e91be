#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "backends/region_case.h"
#include "ops/softmax.h"

namespace fovea {
namespace {

const Shape kShapes[] = {{1, 1},  {7, 2},     {32, 10},   {5, 3, 16}, {9, 17},
                         {4, 33}, {64, 1000}, {3000, 31}, {10},       {0, 4}};

RegionCase softmax(bool log, Tensor x) {
  RegionCase region(std::string(log ? "log softmax" : "softmax") + " of " + x.shape().str());
  region.output(region.add(SoftmaxOp(log), {region.input(std::move(x))})[0]);
  return region;
}

TEST(SoftmaxKernel, AgreesWithTheFormula) {
  for (const Shape& shape : kShapes) {
    for (const double spread : {1.0, 30.0, 1000.0}) {
      const Tensor x = random_tensor(shape, 1, -spread, spread);
      expect_kernel(softmax(false, x), "softmax:", {.relative = 1e-6, .absolute = 1e-7});
      expect_kernel(softmax(true, x), "softmax:", {.relative = 3e-7, .absolute = 3e-7});
    }
    expect_kernel_in_place(softmax(false, random_tensor(shape, 1)), 0, 0);
    expect_kernel_in_place(softmax(true, random_tensor(shape, 1)), 0, 0);
  }
}

TEST(SoftmaxKernel, TreatsSpecialValuesAsTheFormula) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const Tensor rows =
      Tensor::of<float>({6, 3}, {1, -kInfinity, 2, 1, kInfinity, 2, std::nanf(""), 1, 2, -kInfinity,
                                 -kInfinity, -kInfinity, 3e38F, -3e38F, 0, 1, 2, std::nanf("")});
  expect_kernel(softmax(false, rows), "softmax:", {.relative = 1e-6});
  expect_kernel(softmax(true, rows), "softmax:", {.relative = 1e-6, .absolute = 3e-7});
}

TEST(SoftmaxBackwardKernel, AgreesWithTheFormula) {
  for (const Shape& shape : kShapes) {
    for (const bool log : {false, true}) {
      RegionCase region("softmax backward of " + shape.str());
      const int y = region.input(log ? random_tensor(shape, 1, -9, 0) : random_tensor(shape, 1, 0, 0.1));
      const int dy = region.input(random_tensor(shape, 2));
      region.output(region.add(SoftmaxBackwardOp(log), {y, dy})[0]);
      expect_kernel(region, "softmax_backward:", {.relative = 1e-6, .of_largest = 1e-6});
    }
  }
}

TEST(SoftmaxCrossEntropyKernel, AgreesWithTheFormula) {
  for (const Shape& shape : kShapes) {
    for (const double spread : {1.0, 30.0}) {
      RegionCase region("softmax cross-entropy of " + shape.str());
      const int x = region.input(random_tensor(shape, 1, -spread, spread));
      const int t = region.input(random_tensor(shape, 2, 0, 1));
      region.output(region.add(SoftmaxCrossEntropyOp(), {x, t})[0]);
      expect_kernel(region, "softmax_cross_entropy:", {.relative = 2e-6, .absolute = 1e-6});
    }
  }
}

}  // namespace
}  // namespace fovea
