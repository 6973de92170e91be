#include "ops/pool2d.h"

#include <gtest/gtest.h>

#include <cmath>

#include "backends/region_case.h"
#include "ops/reduce.h"
#include "ops/unary.h"

namespace fovea {
namespace {

struct PoolCase {
  Shape x;
  Size2 window, strides;
  Padding2 padding;
};

const PoolCase kCases[] = {
    {{2, 6, 8, 16}, 2, 2, 0},                         // the common case, whole vectors
    {{3, 7, 9, 5}, 2, 2, 0},                          // odd sizes leave a row and a column
    {{32, 37, 41, 19}, 2, 2, 0},                      // several pieces
    {{1, 1, 1, 1}, 1, 1, 0},                          //
    {{2, 9, 8, 33}, 3, 2, {0, 1, 1, 0}},              // windows overlap
    {{2, 8, 7, 17}, 3, 1, 1},                         // every element stands in nine windows
    {{1, 13, 11, 64}, {3, 2}, {1, 3}, {2, 2, 1, 0}},  //
    {{2, 5, 6, 3}, 2, 3, 0},                          // pixels between the windows
    {{2, 4, 4, 40}, 4, 4, 0},                         // the whole image
    {{0, 4, 4, 8}, 2, 2, 0},                          // nothing
    {{1, 6, 5, 21}, 5, 2, 4},                         // more padding than image in the corners
};
const ops::PoolKind kKinds[] = {ops::PoolKind::max, ops::PoolKind::min, ops::PoolKind::average};

ops::Pool2DAttributes attributes(const PoolCase& c, ops::PoolKind kind) {
  return {.kind = kind, .window = c.window, .strides = c.strides, .padding = c.padding};
}

std::string name_of(const PoolCase& c, ops::PoolKind kind) {
  return "pooling " + std::to_string(static_cast<int>(kind)) + " of " + c.x.str();
}

/// Small whole numbers, so that equals are many.
Tensor with_ties(const Shape& shape) {
  return random_integers(shape, DType::int32, 3, 4).astype(DType::float32);
}

RegionCase forward_case(const PoolCase& c, ops::PoolKind kind, Tensor x, bool with_winners) {
  RegionCase result(name_of(c, kind));
  const std::vector<int> outputs = result.add(Pool2DOp(attributes(c, kind)), {result.input(std::move(x))});
  result.output(outputs[0]);
  if (with_winners && outputs.size() > 1) result.output(outputs[1]);
  return result;
}

TEST(Pool2DKernel, AgreesWithTheFormula) {
  for (const PoolCase& c : kCases) {
    for (const ops::PoolKind kind : kKinds) {
      for (const bool winners : {false, true}) {
        const RegionCase region = forward_case(c, kind, random_tensor(c.x, 1), winners);
        if (kind == ops::PoolKind::average) {
          expect_kernel(region, "pool2d:", {.relative = 2e-7, .absolute = 2e-7});
        } else {
          expect_kernel_equal(region, "pool2d:");
        }
      }
    }
  }
}

TEST(Pool2DKernel, TheFirstOfEqualsWins) {
  for (const PoolCase& c : kCases) {
    for (const ops::PoolKind kind : {ops::PoolKind::max, ops::PoolKind::min}) {
      expect_kernel_equal(forward_case(c, kind, with_ties(c.x), true), "pool2d:");
    }
  }
}

TEST(Pool2DKernel, TreatsInfinitiesAndNaNAsTheFormula) {
  for (const PoolCase& c : kCases) {
    for (const ops::PoolKind kind : {ops::PoolKind::max, ops::PoolKind::min}) {
      expect_kernel_equal(forward_case(c, kind, special_tensor(c.x, 5), true), "pool2d:");
    }
  }
}

// Convolution + bias + pooling + ReLU, as the graph is made.
TEST(Pool2DKernel, TakesAReluAfterAnExtreme) {
  for (const PoolCase& c : kCases) {
    for (const ops::PoolKind kind : {ops::PoolKind::max, ops::PoolKind::min}) {
      for (const bool winners : {false, true}) {
        RegionCase region(name_of(c, kind) + " and ReLU");
        const std::vector<int> pooled =
            region.add(Pool2DOp(attributes(c, kind)), {region.input(special_tensor(c.x, 5))});
        region.output(region.add(UnaryOp(UnaryKind::relu, {}), {pooled[0]})[0]);
        if (winners) region.output(pooled[1]);
        expect_kernel_equal(region, "pool2d:channels+relu");
      }
    }
  }
}

TEST(Pool2DKernel, LeavesOtherActivationsAndInnerValuesToOthers) {
  const auto region_with = [](ops::PoolKind kind, const UnaryOp& function, bool read_inside) {
    RegionCase region("declined");
    const std::vector<int> pooled =
        region.add(Pool2DOp(attributes(kCases[0], kind)), {region.input(random_tensor(kCases[0].x, 5))});
    region.output(region.add(UnaryOp(function), {pooled[0]})[0]);
    if (read_inside) region.output(pooled[0]);
    return reason_declined(region);
  };
  const UnaryOp relu(UnaryKind::relu, {}), leaky(UnaryKind::relu, {.alpha = 0.1});
  EXPECT_EQ(region_with(ops::PoolKind::max, relu, false), "");
  EXPECT_NE(region_with(ops::PoolKind::average, relu, false), "");
  EXPECT_NE(region_with(ops::PoolKind::max, leaky, false), "");
  EXPECT_NE(region_with(ops::PoolKind::max, relu, true), "");
}

TensorSpec pooled_spec(const PoolCase& c, ops::PoolKind kind) {
  return Pool2DOp(attributes(c, kind)).infer(std::vector<TensorSpec>{{c.x, DType::float32}})[0];
}

/// The gradient of a pooling of an input, whose own gradient is an input or `dy`; returns its number in the
/// region.
int add_backward(RegionCase& result, const PoolCase& c, ops::PoolKind kind, int dy = -1) {
  const TensorSpec y = pooled_spec(c, kind);
  std::vector<int> inputs = {dy >= 0 ? dy : result.input(random_tensor(y.shape, 2))};
  if (kind != ops::PoolKind::average) {
    // Winners as a forward pass would have them: only elements inside of the image.
    Tensor winners(y.shape, DType::uint8);
    const std::int64_t channels = y.shape[3];
    for (std::int64_t i = 0; i < winners.size(); ++i) {
      const std::int64_t pixel = i / channels;
      const std::int64_t top = pixel / y.shape[2] % y.shape[1] * c.strides.height - c.padding.top;
      const std::int64_t left = pixel % y.shape[2] * c.strides.width - c.padding.left;
      std::int64_t number = i * 7919 % (c.window.height * c.window.width);
      const auto inside = [&] {
        const std::int64_t h = top + number / c.window.width, w = left + number % c.window.width;
        return h >= 0 && h < c.x[1] && w >= 0 && w < c.x[2];
      };
      while (!inside()) number = (number + 1) % (c.window.height * c.window.width);
      winners.data<std::uint8_t>()[i] = static_cast<std::uint8_t>(number);
    }
    inputs.push_back(result.input(winners));
  }
  return result.add(Pool2DBackwardOp(attributes(c, kind), c.x), inputs)[0];
}

TEST(Pool2DKernel, LeavesWinnersBeyondAByteToTheFormula) {
  const PoolCase c{{1, 20, 20, 3}, {17, 16}, 1, 0};
  const RegionCase region = forward_case(c, ops::PoolKind::max, random_tensor(c.x, 1), true);
  EXPECT_EQ(region.region().values.back().dtype, DType::int32);
  EXPECT_EQ(kernel_of(region), "reference");
  expect_kernel_equal(forward_case(c, ops::PoolKind::max, random_tensor(c.x, 1), false), "pool2d:channels");
  RegionCase backward("backward");
  const Shape y = pooled_spec(c, ops::PoolKind::max).shape;
  const int dy = backward.input(random_tensor(y, 2)),
            winners = backward.input(random_integers(y, DType::int32, 3, 272));
  backward.output(backward.add(Pool2DBackwardOp(attributes(c, ops::PoolKind::max), c.x), {dy, winners})[0]);
  EXPECT_EQ(kernel_of(backward), "reference");
}

TEST(Pool2DBackwardKernel, HasTheFormulasBits) {
  for (const PoolCase& c : kCases) {
    for (const ops::PoolKind kind : kKinds) {
      RegionCase region(name_of(c, kind) + " backward");
      region.output(add_backward(region, c, kind));
      expect_kernel_equal(region, "pool2d_backward:gather");
    }
  }
}

// What follows from convolution + bias + activation + pooling.
TEST(Pool2DBackwardKernel, TakesTheSlopeAndTheBiasGradientToo) {
  for (const PoolCase& c : kCases) {
    for (const ops::PoolKind kind : kKinds) {
      for (const bool with_slope : {false, true}) {
        RegionCase region(name_of(c, kind) + " backward with a sum");
        int dx = add_backward(region, c, kind);
        if (with_slope) {
          const UnaryKind function = kind == ops::PoolKind::min ? UnaryKind::tanh : UnaryKind::relu;
          dx = region.add(UnaryBackwardOp(function, {}), {region.input(random_tensor(c.x, 7)), dx})[0];
        }
        region.output(dx);
        region.output(region.add(ReduceOp(ops::ReduceKind::sum, {0, 1, 2}, with_slope), {dx})[0]);
        expect_kernel(region,
                      with_slope ? "pool2d_backward:gather+slope+sums" : "pool2d_backward:gather+sums",
                      {.relative = 3e-7, .of_magnitude = 1e-6, .absolute = 2e-7});
      }
    }
  }
}

/// The same behind a ReLU after the pooling.
int add_backward_of_relu(RegionCase& result, const PoolCase& c, ops::PoolKind kind) {
  const Shape y = pooled_spec(c, kind).shape;
  const int source = result.input(random_tensor(y, 7)), dy = result.input(random_tensor(y, 2));
  return add_backward(result, c, kind, result.add(UnaryBackwardOp(UnaryKind::relu, {}), {source, dy})[0]);
}

TEST(Pool2DBackwardKernel, TakesTheSlopeOfAReluAfterThePooling) {
  for (const PoolCase& c : kCases) {
    for (const ops::PoolKind kind : {ops::PoolKind::max, ops::PoolKind::min}) {
      for (const bool sums : {false, true}) {
        RegionCase region(name_of(c, kind) + " and ReLU backward");
        const int dx = add_backward_of_relu(region, c, kind);
        region.output(dx);
        if (sums) region.output(region.add(ReduceOp(ops::ReduceKind::sum, {0, 1, 2}, false), {dx})[0]);
        if (c.strides.height < c.window.height || c.strides.width < c.window.width) {
          EXPECT_NE(reason_declined(region).find("disjoint"), std::string::npos) << reason_declined(region);
        } else if (sums) {
          expect_kernel(region, "pool2d_backward:slope+gather+sums",
                        {.relative = 3e-7, .of_magnitude = 1e-6, .absolute = 2e-7});
        } else {
          expect_kernel_equal(region, "pool2d_backward:slope+gather");
        }
      }
    }
  }
  RegionCase region("the slope is read outside");
  region.output(add_backward_of_relu(region, kCases[0], ops::PoolKind::max));
  region.output(region.region().steps[0].outputs[0]);
  EXPECT_NE(reason_declined(region).find("read outside"), std::string::npos) << reason_declined(region);
}

// A large aligned result is written around the caches, one that is not aligned through them: expect_kernel
// runs both.
TEST(Pool2DBackwardKernel, StreamsLargeResults) {
  const PoolCase c{{2, 520, 511, 16}, 2, 2, 0};
  RegionCase region("large");
  const int dx = add_backward_of_relu(region, c, ops::PoolKind::max);
  region.output(dx);
  region.output(region.add(ReduceOp(ops::ReduceKind::sum, {0, 1, 2}, false), {dx})[0]);
  expect_kernel(region, "pool2d_backward:slope+gather+sums", {.of_magnitude = 1e-6});
}

TEST(Pool2DBackwardKernel, TakesTheSlopeAlone) {
  RegionCase region("slope");
  const int dx = add_backward(region, kCases[1], ops::PoolKind::max);
  region.output(
      region.add(UnaryBackwardOp(UnaryKind::relu, {}), {region.input(random_tensor(kCases[1].x, 7)), dx})[0]);
  expect_kernel_equal(region, "pool2d_backward:gather+slope");
  region.output(dx);
  EXPECT_NE(reason_declined(region).find("read outside"), std::string::npos) << reason_declined(region);
}

}  // namespace
}  // namespace fovea
