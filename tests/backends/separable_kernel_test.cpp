#include <gtest/gtest.h>

#include "backends/region_case.h"
#include "ops/binary.h"
#include "ops/conv2d.h"
#include "ops/depthwise_conv2d.h"
#include "ops/unary.h"

// A depthwise convolution and the 1x1 convolution that reads it as one kernel.

namespace fovea {
namespace {

constexpr double kNone = -1;  // no activation

struct Case {
  Shape x;
  std::int64_t filters, kernel = 3, stride = 1;
  bool bias = true, residual = false;
  double between = 6, last = kNone;  ///< largest value of the ReLUs; 0: none
  std::int64_t pointwise_kernel = 1, multiplier = 1;
  bool read_between = false;
};

RegionCase separable(const Case& c) {
  RegionCase region("separable " + c.x.str());
  const std::int64_t channels = c.x[3] * c.multiplier;
  ops::DepthwiseConv2DAttributes a;
  a.strides = {c.stride, c.stride};
  a.padding = {c.kernel / 2, c.kernel / 2, c.kernel / 2, c.kernel / 2};
  const int x = region.input(random_tensor(c.x, 1)),
            w = region.input(random_tensor({c.kernel, c.kernel, c.x[3], c.multiplier}, 2));
  int value = region.add(DepthwiseConv2DOp(a), {x, w})[0];
  if (c.bias)
    value = region.add(BinaryOp(BinaryKind::add), {value, region.input(random_tensor({channels}, 3))})[0];
  if (c.between >= 0) value = region.add(UnaryOp(UnaryKind::relu, {.beta = c.between}), {value})[0];
  if (c.read_between) region.output(value);
  const int pointwise =
      region.input(random_tensor({c.pointwise_kernel, c.pointwise_kernel, channels, c.filters}, 4));
  value = region.add(Conv2DOp(ops::Conv2DAttributes{}), {value, pointwise})[0];
  if (c.bias)
    value = region.add(BinaryOp(BinaryKind::add), {value, region.input(random_tensor({c.filters}, 5))})[0];
  if (c.residual) {
    const std::int64_t height = (c.x[1] - 1) / c.stride + 1, width = (c.x[2] - 1) / c.stride + 1;
    const int other = region.input(random_tensor({c.x[0], height, width, c.filters}, 6));
    value = region.add(BinaryOp(BinaryKind::add), {other, value})[0];
  }
  if (c.last >= 0) value = region.add(UnaryOp(UnaryKind::relu, {.beta = c.last}), {value})[0];
  region.output(value);
  return region;
}

constexpr const char kName[] = "depthwise_conv2d:separable";

TEST(SeparableKernel, AgreesWithTheFormula) {
  const Tolerance tolerance{.relative = 1e-5, .of_largest = 1e-6, .absolute = 1e-4};
  expect_kernel(separable({.x = {2, 41, 39, 96}, .filters = 24}), kName, tolerance);
  expect_kernel(separable({.x = {1, 80, 83, 80}, .filters = 17, .stride = 2, .last = 0}), kName, tolerance);
  expect_kernel(separable({.x = {1, 41, 39, 97}, .filters = 70, .kernel = 5, .residual = true, .last = 0.5}),
                kName, tolerance);
  expect_kernel(separable({.x = {1, 270, 250, 3}, .filters = 5, .bias = false, .between = kNone}), kName,
                tolerance);
}

TEST(SeparableKernel, LeavesOthersAlone) {
  const auto reason = [](const Case& c) { return reason_declined(separable(c)); };
  EXPECT_NE(reason({.x = {2, 14, 14, 96}, .filters = 24}).find("stays in L2"), std::string::npos);
  EXPECT_NE(reason({.x = {1, 41, 39, 96}, .filters = 4, .pointwise_kernel = 3}).find("not 1x1"),
            std::string::npos);
  EXPECT_NE(reason({.x = {1, 41, 39, 96}, .filters = 4, .multiplier = 2}).find("several results"),
            std::string::npos);
  EXPECT_NE(reason({.x = {1, 41, 39, 96}, .filters = 4, .read_between = true}).find("read outside"),
            std::string::npos);
}

}  // namespace
}  // namespace fovea
