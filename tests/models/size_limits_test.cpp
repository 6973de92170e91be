#include <gtest/gtest.h>

#include "fovea/fovea.h"
#include "support/errors.h"

// Sizes that no tensor can have are refused before anything counts with them.

namespace fovea::testing {
namespace {

constexpr std::int64_t kLimit = std::int64_t{1} << 31;

TEST(SizeLimits, OptionsBeyondThemAreRefused) {
  const SymbolicTensor rows = Input({12, 4}), images = Input({8, 8, 3});
  EXPECT_MESSAGE(UpSampling1D(kLimit, {.name = "up"})(rows),
                 "Layer 'up' (UpSampling1D): size must be below 2147483648. Received: 2147483648");
  EXPECT_MESSAGE(ZeroPadding1D({0, kLimit})(rows), "padding must be below");
  EXPECT_MESSAGE(Cropping1D({kLimit, 1})(rows), "cropping must be below");
  EXPECT_MESSAGE(Conv1DTranspose(2, 3, {.strides = 9, .output_padding = kLimit})(rows),
                 "output_padding must be below");
  EXPECT_MESSAGE(DepthwiseConv1D(3, {.dilation_rate = kLimit})(rows), "dilation_rate must be below");
  EXPECT_MESSAGE(UpSampling2D({1, kLimit})(images), "size must be below");
  EXPECT_MESSAGE(ZeroPadding2D({0, 0, kLimit, 0})(images), "padding must be below");
  EXPECT_MESSAGE(Conv2D(kLimit, 3)(images), "filters must be below");
  EXPECT_MESSAGE(Conv2DTranspose(2, 3, {.strides = {1, 2}, .output_padding = Size2(0, kLimit)})(images),
                 "output_padding must be below");
  EXPECT_MESSAGE(Reshape({kLimit, -1})(rows), "target_shape must be below");
  EXPECT_MESSAGE(Permute({kLimit, 1})(rows), "dims must be below");
  EXPECT_MESSAGE(Concatenate({.axis = -kLimit})({rows, rows}),
                 "axis must be above -2147483648. Received: -2147483648");
  EXPECT_MESSAGE(Dropout(0.5, {.noise_shape = Shape{-1, kLimit, 1}})(rows), "noise_shape must be below");
  // Seeds are no sizes.
  EXPECT_NO_THROW(Dropout(0.5, {.seed = kLimit})(rows));
}

TEST(SizeLimits, ShapesBeyondThemAreRefused) {
  EXPECT_MESSAGE(SymbolicTensor(Input({kLimit, 4})), "batch_shape must be below 2147483648");
  const SymbolicTensor grown = UpSampling1D(kLimit / 4, {.name = "first"})(Input({2, 1}));
  EXPECT_MESSAGE(
      UpSampling1D(2, {.name = "second"})(grown),
      "Layer 'second' (UpSampling1D): its output would be too large: a size must be below 2147483648. "
      "Received: (None, 2147483648, 1)");
}

TEST(SizeLimits, ShapesBeyondThemAreRefusedWhereSizesWereOpen) {
  const SymbolicTensor x = Input({-1, 1});
  const Model model({x}, {UpSampling1D(kLimit / 4)(UpSampling1D(2)(x))});
  const Shape given{1, 2, 1};
  EXPECT_MESSAGE(model.impl()->output_shapes({&given, 1}), "its output would be too large");
}

}  // namespace
}  // namespace fovea::testing
