#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "backends/cpu/kernels/depthwise/shape_file.h"
#include "backends/region_case.h"
#include "ops/binary.h"
#include "ops/depthwise_conv2d.h"
#include "ops/unary.h"

// The kernels of depthwise convolutions against the formula: every shape of bench/shapes/depthwise.txt, on
// every instruction set, with equal bits from 1, 2 and 4 threads.

namespace fovea {
namespace {

using cpu::NamedDepthwiseShape;

// Of the sum of the magnitudes of an element's terms.
constexpr Tolerance kRounding{.of_magnitude = 2e-6, .absolute = 1e-30};
// A largest value bounds the magnitudes too, not the errors of what it cuts off.
constexpr Tolerance kCutRounding{.of_magnitude = 2e-6, .absolute = 8e-6};

struct Case {
  explicit Case(const NamedDepthwiseShape& named) {
    const cpu::DepthwiseShape& s = named.shape;
    x = {s.batch, s.height, s.width, s.channels};
    kernel = {s.kernel_h, s.kernel_w, s.channels, s.multiplier};
    y = {s.batch, s.out_height, s.out_width, s.out_channels()};
    attributes = {.strides = {s.stride_h, s.stride_w},
                  .padding = {s.pad_top, named.pad_bottom, s.pad_left, named.pad_right},
                  .dilation = {s.dilation_h, s.dilation_w}};
  }
  Shape x, kernel, y;
  ops::DepthwiseConv2DAttributes attributes;
};

/// A depthwise convolution [+ bias] [+ an activation].
RegionCase forward(const Case& c, bool bias, const std::vector<UnaryOp>& activations) {
  RegionCase made("forward");
  const int x = made.input(random_tensor(c.x, 1)), kernel = made.input(random_tensor(c.kernel, 2));
  int value = made.add(DepthwiseConv2DOp(c.attributes), {x, kernel})[0];
  if (bias) {
    const int b = made.input(random_tensor({c.y[3]}, 3));
    value = made.add(BinaryOp(BinaryKind::add), {value, b})[0];
  }
  for (const UnaryOp& activation : activations) value = made.add(activation, {value})[0];
  made.output(value);
  return made;
}

UnaryOp relu(double largest = 0) { return {UnaryKind::relu, {.alpha = 0, .beta = largest, .gamma = 0}}; }

class DepthwiseKernel : public ::testing::TestWithParam<NamedDepthwiseShape> {
 protected:
  const Case case_{GetParam()};
};

TEST_P(DepthwiseKernel, Forward) {
  expect_kernel(forward(case_, false, {}), "depthwise_conv2d", kRounding);
  expect_kernel(forward(case_, true, {relu(0.5)}), "depthwise_conv2d", kCutRounding);
}

TEST_P(DepthwiseKernel, BackwardInput) {
  RegionCase made("backward_input");
  const int dy = made.input(random_tensor(case_.y, 4)), kernel = made.input(random_tensor(case_.kernel, 2));
  made.output(made.add(DepthwiseConv2DBackwardInputOp(case_.attributes, case_.x), {dy, kernel})[0]);
  expect_kernel(made, "depthwise_conv2d_backward_input", kRounding);
}

TEST_P(DepthwiseKernel, BackwardFilter) {
  RegionCase made("backward_filter");
  const int x = made.input(random_tensor(case_.x, 1)), dy = made.input(random_tensor(case_.y, 4));
  made.output(made.add(DepthwiseConv2DBackwardFilterOp(case_.attributes, case_.kernel), {x, dy})[0]);
  expect_kernel(made, "depthwise_conv2d_backward_filter", kRounding);
}

std::vector<NamedDepthwiseShape> shapes() {
  std::vector<NamedDepthwiseShape> all =
      cpu::read_depthwise_shapes(std::string(FOVEA_GOLDEN_DIR) + "/../../bench/shapes/depthwise.txt");
  for (NamedDepthwiseShape& named : all) {
    if (named.bench) named.shape.batch = 1;
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Shapes, DepthwiseKernel, ::testing::ValuesIn(shapes()),
                         [](const auto& row) { return row.param.name; });

const Case& some_case() {
  static const Case made(shapes()[0]);
  return made;
}

TEST(DepthwiseRegions, TakeABiasAndAReLU) {
  const UnaryOp leaky(UnaryKind::relu, {.alpha = 0.1, .beta = 0, .gamma = 0});
  const UnaryOp shifted(UnaryKind::relu, {.alpha = 0, .beta = 0, .gamma = 0.5});
  const UnaryOp sigmoid(UnaryKind::sigmoid, {});
  expect_kernel(forward(some_case(), true, {}), "depthwise_conv2d", kRounding);
  expect_kernel(forward(some_case(), false, {relu()}), "depthwise_conv2d", kRounding);
  expect_kernel(forward(some_case(), true, {relu(6)}), "depthwise_conv2d", kRounding);
  for (const UnaryOp& other : {leaky, shifted, sigmoid}) {
    EXPECT_NE(reason_declined(forward(some_case(), true, {other})).find("the activation is no ReLU"),
              std::string::npos);
  }
  EXPECT_NE(reason_declined(forward(some_case(), true, {relu(), relu()})).find("takes no Unary as step 3"),
            std::string::npos);
}

TEST(DepthwiseRegions, LeaveOneTensorTwiceNoChannelsAndManyTapsToTheFormula) {
  RegionCase twice("twice");
  const int both = twice.input(random_tensor({1, 1, 1, 1}, 1));
  twice.output(twice.add(DepthwiseConv2DOp(), {both, both})[0]);
  EXPECT_EQ(kernel_of(twice), "reference");
  RegionCase none("no_channels");
  const int empty = none.input(random_tensor({1, 3, 3, 0}, 1));
  const int no_kernel = none.input(random_tensor({2, 2, 0, 1}, 2));
  none.output(none.add(DepthwiseConv2DOp(), {empty, no_kernel})[0]);
  EXPECT_EQ(kernel_of(none), "reference");
  RegionCase many("many_taps");
  const int image = many.input(random_tensor({1, 1, 20000, 1}, 1));
  const int kernel = many.input(random_tensor({1, 20000, 1, 1}, 2));
  many.output(many.add(DepthwiseConv2DOp(), {image, kernel})[0]);
  EXPECT_EQ(kernel_of(many), "reference");
}

/// Results that go around the caches: large, and aligned as an arena is. Their bits are those of a part of
/// them.
TEST(DepthwiseKernelMemory, LargeResultsHaveTheBitsOfSmallOnes) {
  cpu::DepthwiseShape s;
  s.batch = 3;
  s.height = s.width = s.out_height = s.out_width = 301;
  s.channels = 32;
  s.kernel_h = s.kernel_w = 3;
  s.pad_top = s.pad_left = 1;
  const Tensor x = random_tensor({s.batch, s.height, s.width, s.channels}, 1);
  const Tensor w = random_tensor({3, 3, s.channels, 1}, 2), bias = random_tensor({s.channels}, 3);
  Tensor all(x.spec()), one({1, s.height, s.width, s.channels}, DType::float32);
  Tensor workspace({static_cast<std::int64_t>(cpu::depthwise_forward_workspace(s))}, DType::uint8);
  ThreadPool pool(2);
  cpu::depthwise_forward(s, x.data<float>(), w.data<float>(), bias.data<float>(), {}, all.data<float>(),
                         workspace.raw(), pool);
  const std::int64_t image = one.size();
  for (std::int64_t n = 0; n < s.batch; ++n) {
    cpu::DepthwiseShape single = s;
    single.batch = 1;
    cpu::depthwise_forward(single, x.data<float>() + n * image, w.data<float>(), bias.data<float>(), {},
                           one.data<float>(), workspace.raw(), pool);
    EXPECT_EQ(std::memcmp(all.data<float>() + n * image, one.data<float>(),
                          static_cast<std::size_t>(image) * sizeof(float)),
              0)
        << "image " << n;
  }
}

TEST(DepthwiseKernelRelu, KeepsNaN) {
  cpu::DepthwiseShape s;
  s.channels = 17;
  std::vector<float> x(17, std::nanf("")), w(17, 1), y(17);
  std::vector<float> workspace(cpu::depthwise_forward_workspace(s) / sizeof(float));
  ThreadPool pool(1);
  cpu::depthwise_forward(s, x.data(), w.data(), nullptr, {true, 6}, y.data(), workspace.data(), pool);
  for (const float value : y) EXPECT_TRUE(std::isnan(value));
}

}  // namespace
}  // namespace fovea
