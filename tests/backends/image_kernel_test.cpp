#include <gtest/gtest.h>

#include <limits>

#include "backends/region_case.h"
#include "ops/random.h"

namespace fovea {
namespace {

/// Matrices that turn, move and scale, far beyond the image too.
Tensor some_matrices(std::int64_t samples, std::uint32_t seed) {
  Tensor result = random_tensor({samples, 6}, seed, -2, 2);
  for (std::int64_t n = 0; n < samples; ++n) {
    result.data<float>()[6 * n + 2] *= 20;
    result.data<float>()[6 * n + 5] *= 20;
  }
  return result;
}

void expect_transformed(const Shape& x, Size2 size, bool bilinear, FillMode mode, const Tensor& matrices) {
  AffineTransformOp op;
  op.size = size;
  op.bilinear = bilinear;
  op.fill_mode = mode;
  op.fill_value = 0.75;
  RegionCase region("affine transform of " + x.str());
  const int images = region.input(random_tensor(x, 1)), places = region.input(matrices);
  region.output(region.add(op, {images, places})[0]);
  expect_kernel(region, "affine_transform:", {.absolute = 1e-6});
}

constexpr FillMode kModes[] = {FillMode::constant, FillMode::nearest, FillMode::reflect, FillMode::wrap};

TEST(AffineTransformKernel, TakesPixelsFromWhereTheyAre) {
  for (const FillMode mode : kModes) {
    for (const bool bilinear : {false, true}) {
      expect_transformed({3, 9, 14, 3}, {9, 14}, bilinear, mode, some_matrices(3, 2));
      expect_transformed({2, 17, 5, 1}, {8, 40}, bilinear, mode, some_matrices(2, 3));
      expect_transformed({2, 6, 7, 5}, {6, 7}, bilinear, mode, some_matrices(2, 4));
      expect_transformed({2, 1, 1, 2}, {3, 3}, bilinear, mode, some_matrices(2, 5));
      // Several runs of a row, several pieces.
      expect_transformed({2, 150, 300, 3}, {150, 300}, bilinear, mode, some_matrices(2, 6));
    }
  }
}

TEST(AffineTransformKernel, HalvesAndEdgesAreWhereTheFormulaHasThem) {
  // Halves of pixels, both ways from the middle; and whole pixels, which are exact.
  const Tensor matrices =
      Tensor::of<float>({4, 6}, {0.5F, 0, -3.5F, 0, 0.5F, -2.5F, 1, 0, 0.5F, 0, 1, -0.5F,  //
                                 -1,   0, 8,     0, -1,   5,     1, 0, 2,    0, 1, -3});
  for (const FillMode mode : kModes) {
    for (const bool bilinear : {false, true})
      expect_transformed({4, 6, 9, 3}, {6, 9}, bilinear, mode, matrices);
  }
}

TEST(AffineTransformKernel, NothingIsReadFromPlacesThatAreNone) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), far = 1e30F;
  const Tensor matrices = Tensor::of<float>({2, 6}, {far, far, -far, -far, far, far, 1, far, 0, 0, 1, 0});
  for (const bool bilinear : {false, true})
    expect_transformed({2, 4, 5, 3}, {4, 5}, bilinear, FillMode::constant, matrices);
  expect_transformed({1, 4, 5, 3}, {4, 5}, false, FillMode::constant,
                     Tensor::of<float>({1, 6}, {nan, 0, 0, 0, nan, 0}));
}

}  // namespace
}  // namespace fovea
