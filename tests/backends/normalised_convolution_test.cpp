#include <gtest/gtest.h>

#include "backends/region_case.h"
#include "ops/batch_norm.h"
#include "ops/binary.h"
#include "ops/conv2d.h"
#include "ops/reduce.h"
#include "ops/unary.h"

// Convolutions with the batch normalisation beside them as one kernel.

namespace fovea {
namespace {

struct Case {
  Shape x;
  std::int64_t kernel, filters;
  std::int64_t stride = 1, groups = 1;
};

std::string text(const Case& c) {
  return c.x.str() + " by " + Shape{c.kernel, c.kernel, c.filters, c.stride, c.groups}.str();
}

Conv2DOp convolution(const Case& c) {
  ops::Conv2DAttributes a;
  a.strides = {c.stride, c.stride};
  a.padding = {c.kernel / 2, c.kernel / 2, c.kernel / 2, c.kernel / 2};
  a.groups = c.groups;
  return Conv2DOp(a);
}

Shape kernel_shape(const Case& c) { return {c.kernel, c.kernel, c.x[3] / c.groups, c.filters}; }

Shape result_shape(const Case& c) {
  return {c.x[0], (c.x[1] - 1) / c.stride + 1, (c.x[2] - 1) / c.stride + 1, c.filters};
}

struct Forward {
  bool bias = false, residual = false;
  double largest = -1;  ///< of a ReLU; 0: none, -1: no ReLU
  bool read_conv = true;
  double offset = 0;  ///< of the bias
};

RegionCase forward(const Case& c, const Forward& with) {
  RegionCase region(text(c));
  const Shape channels{c.filters}, result = result_shape(c);
  const int x = region.input(random_tensor(c.x, 1)), w = region.input(random_tensor(kernel_shape(c), 2));
  int value = region.add(convolution(c), {x, w})[0];
  if (with.bias) {
    const int bias = region.input(random_tensor(channels, 3, with.offset - 1, with.offset + 1));
    value = region.add(BinaryOp(BinaryKind::add), {value, bias})[0];
  }
  const int conv = value, gamma = region.input(random_tensor(channels, 4, 0.5, 2)),
            beta = region.input(random_tensor(channels, 5));
  const std::vector<int> normalised = region.add(BatchNormTrainingOp(1e-3), {value, gamma, beta});
  value = normalised[0];
  if (with.residual)
    value = region.add(BinaryOp(BinaryKind::add), {region.input(random_tensor(result, 6)), value})[0];
  if (with.largest >= 0) value = region.add(UnaryOp(UnaryKind::relu, {.beta = with.largest}), {value})[0];
  if (with.read_conv) region.output(conv);
  for (const int output : {normalised[1], value, normalised[2]}) region.output(output);
  return region;
}

constexpr const char kForward[] = "conv2d:direct+batch_norm";
constexpr const char kBackward[] = "conv2d_backward_input:direct+batch_norm";

const Case kCases[] = {
    {{3, 5, 7, 6}, 1, 5},       // channels that fill no vector
    {{2, 31, 33, 24}, 1, 144},  // several blocks of filters, several strips
    {{1, 1, 1, 3}, 1, 2},       // one element a channel
    {{2, 9, 8, 700}, 1, 17},    // several slices of channels
    {{2, 13, 12, 8}, 1, 32, 1, 4}, {{2, 12, 11, 3}, 7, 20},
};

TEST(NormalisedConvolution, AgreesWithTheFormula) {
  const Tolerance tolerance{.relative = 1e-5, .of_largest = 1e-6, .absolute = 2e-5};
  for (const Case& c : kCases) {
    if (c.kernel == 1 && c.x[1] == 1) continue;  // rounding is all that is left of a single element
    expect_kernel(forward(c, {}), kForward, tolerance);
    expect_kernel(forward(c, {.bias = true, .residual = true, .largest = 0}), kForward, tolerance);
    expect_kernel(forward(c, {.largest = 0.75}), kForward, tolerance);
  }
  expect_kernel(forward({{3, 15, 14, 5}, 3, 18, 2}, {.bias = true, .largest = 0}), kForward, tolerance);
  expect_kernel(forward({{3, 15, 14, 5}, 1, 18, 2}, {}), kForward, tolerance);
}

TEST(NormalisedConvolution, LosesNothingToAMeanFarFromZero) {
  // The convolution itself rounds at 1000 * 2^-24; statistics and results are as exact as that.
  for (const Case& c : {kCases[0], kCases[1]})
    expect_kernel(forward(c, {.bias = true, .offset = 1000}), kForward, {.absolute = 1e-3});
}

TEST(NormalisedConvolution, LeavesOthersAlone) {
  EXPECT_NE(reason_declined(forward(kCases[0], {.read_conv = false})).find("nobody else reads"),
            std::string::npos);
  EXPECT_NE(reason_declined(forward({{2, 8, 8, 16}, 3, 16}, {})).find("Winograd may be faster"),
            std::string::npos);
}

struct Backward {
  bool residual = false;
  double largest = -1;
  bool read_masked = false, sum = false;
};

/// The gradient by the input of a convolution whose input `c.x` is a normalisation's result.
RegionCase backward(const Case& c, const Backward& with) {
  RegionCase region(text(c));
  const Shape channels{c.x[3]};
  const int dy = region.input(random_tensor(result_shape(c), 1)),
            w = region.input(random_tensor(kernel_shape(c), 2));
  int value = region.add(Conv2DBackwardInputOp(convolution(c).attributes, c.x), {dy, w})[0];
  if (with.residual)
    value = region.add(BinaryOp(BinaryKind::add), {value, region.input(random_tensor(c.x, 3))})[0];
  if (with.largest >= 0) {
    const int after = region.input(random_tensor(c.x, 4, -1, 8));
    value = region.add(UnaryBackwardOp(UnaryKind::relu, {.beta = with.largest}), {after, value})[0];
  }
  const int masked = value;
  const std::vector<int> gradients =
      region.add(BatchNormBackwardOp(1e-3),
                 {region.input(random_tensor(c.x, 5)), region.input(random_tensor(channels, 6, 0.5, 2)),
                  region.input(random_tensor(channels, 7, -0.1, 0.1)),
                  region.input(random_tensor(channels, 8, 0.5, 2)), masked});
  if (with.sum)
    region.output(region.add(ReduceOp(ops::ReduceKind::sum, {0, 1, 2}, false), {gradients[0]})[0]);
  if (with.read_masked) region.output(masked);
  for (const int value_read : gradients) region.output(value_read);
  return region;
}

TEST(NormalisedConvolutionBackward, AgreesWithTheFormula) {
  const Tolerance tolerance{.relative = 1e-5, .of_largest = 2e-6, .absolute = 2e-5};
  // Sums of dx are sums of what cancels: they are as exact as their terms.
  const Tolerance of_sums{.relative = 1e-5, .of_largest = 2e-6, .absolute = 1e-3};
  for (const Case& c : kCases) {
    expect_kernel(backward(c, {}), kBackward, tolerance);
    expect_kernel(backward(c, {.residual = true, .largest = 0, .read_masked = true, .sum = true}), kBackward,
                  of_sums);
    expect_kernel(backward(c, {.largest = 6}), kBackward, tolerance);
    expect_kernel(backward(c, {.residual = true, .read_masked = true}), kBackward, tolerance);
  }
}

TEST(NormalisedConvolutionBackward, LeavesOthersAlone) {
  EXPECT_NE(reason_declined(backward({{2, 8, 8, 16}, 1, 16, 2}, {})).find("has strides"), std::string::npos);
  EXPECT_NE(reason_declined(backward({{2, 8, 8, 16}, 3, 16}, {})).find("Winograd may be faster"),
            std::string::npos);
}

}  // namespace
}  // namespace fovea
