#include <gtest/gtest.h>

#include "backends/region_case.h"
#include "ops/batch_norm.h"

namespace fovea {
namespace {

RegionCase dropout(const Shape& shape, double rate, std::uint64_t stream, std::int64_t seed,
                   std::int64_t step) {
  RegionCase region("dropout of " + shape.str() + " at " + std::to_string(rate));
  const int x = region.input(random_tensor(shape, 1, 1, 2));
  const int state = region.input(Tensor::of<std::int64_t>({2}, {seed, step}));
  region.output(region.add(DropoutOp(rate, stream), {x, state})[0]);
  return region;
}

TEST(DropoutKernel, DrawsTheReferencesNumbers) {
  for (const Shape& shape : {Shape{}, Shape{1}, Shape{63}, Shape{64}, Shape{65}, Shape{32, 6273}, Shape{0}}) {
    for (const double rate : {0.0, 0.3, 0.5, 0.999}) {
      expect_kernel_equal(dropout(shape, rate, 0x9E3779B97F4A7C15U, 0x123456789ABCDEF, 77), "dropout:");
    }
  }
  // Every part of the state counts.
  expect_kernel_equal(dropout({1000}, 0.5, 1, 5, 0), "dropout:");
  expect_kernel_equal(dropout({1000}, 0.5, 1, std::int64_t{1} << 40, 0), "dropout:");
  expect_kernel_equal(dropout({1000}, 0.5, std::uint64_t{1} << 40, 5, -1), "dropout:");
}

TEST(DropoutKernel, WritesOverItsInput) { expect_kernel_in_place(dropout({777}, 0.5, 1, 2, 3), 0, 0); }

}  // namespace
}  // namespace fovea
