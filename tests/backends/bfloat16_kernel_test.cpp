#include <gtest/gtest.h>

#include <cmath>

#include "backends/cpu/kernels/bfloat16/dot.h"
#include "backends/region_case.h"
#include "ops/binary.h"
#include "ops/conv2d.h"
#include "ops/matmul.h"
#include "ops/pool2d.h"
#include "ops/reduce.h"
#include "ops/shaping.h"
#include "ops/unary.h"

// Kernels on bfloat16. A result is rounded to 8 bits, by at most 2^-8 of it.

namespace fovea {
namespace {

constexpr double kRounding = 0x1.01p-8;

Tensor halves(const Shape& shape, std::uint32_t seed, double low = -1, double high = 1) {
  return random_tensor(shape, seed, low, high).astype(DType::bfloat16);
}

TEST(Bfloat16Elementwise, RoundsAsTheFormula) {
  for (const BinaryKind kind : {BinaryKind::add, BinaryKind::subtract, BinaryKind::multiply,
                                BinaryKind::divide, BinaryKind::maximum, BinaryKind::minimum}) {
    const std::pair<Shape, Shape> shapes[] = {{{4099}, {4099}},
                                              {{50, 10, 3}, {10, 3}},
                                              {{2000, 96}, {96}},
                                              {{3, 5, 7, 19}, {}},
                                              {{7, 9, 8}, {7, 1, 1}}};
    for (const auto& [x, y] : shapes) {
      RegionCase region("binary " + x.str());
      const int first = region.input(halves(x, 1)), second = region.input(halves(y, 2, 0.5, 2));
      region.output(region.add(BinaryOp(kind), {first, second})[0]);
      expect_kernel_equal(region, "elementwise:blocks");
    }
    RegionCase special("special values");
    const int first = special.input(special_tensor({3001}, 1).astype(DType::bfloat16)),
              second = special.input(special_tensor({3001}, 2).astype(DType::bfloat16));
    special.output(special.add(BinaryOp(kind), {first, second})[0]);
    expect_kernel_equal(special, "elementwise:blocks");
  }
}

TEST(Bfloat16Elementwise, CastsBothWays) {
  for (const Tensor& x :
       {special_tensor({4001}, 3), special_tensor({4001}, 3).astype(DType::bfloat16),
        random_integers({999}, DType::uint8, 1, 256), random_integers({999}, DType::int32, 1, 100000)}) {
    RegionCase region("cast from " + x.spec().str());
    const DType to = x.dtype() == DType::bfloat16 ? DType::float32 : DType::bfloat16;
    region.output(region.add(CastOp(to), {region.input(x)})[0]);
    expect_kernel_equal(region, "elementwise:blocks");
  }
}

TEST(Bfloat16Elementwise, ReadsAnInputOfFloat32Rounded) {
  RegionCase region("cast + multiply");
  const int x = region.add(CastOp(DType::bfloat16), {region.input(random_tensor({3000}, 1))})[0];
  region.output(region.add(BinaryOp(BinaryKind::multiply), {x, region.input(halves({3000}, 2))})[0]);
  expect_kernel_equal(region, "elementwise:blocks");
}

TEST(Bfloat16Elementwise, SumsColumnsBeforeItRounds) {
  RegionCase region("slope + sums");
  const int y = region.input(halves({900, 20}, 1)), dy = region.input(halves({900, 20}, 2));
  const int dx = region.add(UnaryBackwardOp(UnaryKind::relu, {}), {y, dy})[0];
  region.output(dx);
  region.output(region.add(ReduceOp(ops::ReduceKind::sum, {0}, false), {dx})[0]);
  expect_kernel(region, "elementwise:blocks+column_sums", {.relative = kRounding, .of_magnitude = 1e-6});
}

TEST(Bfloat16Reduce, SumsColumnsBeforeItRounds) {
  for (const bool casts : {false, true}) {
    RegionCase region("column sums");
    int sums =
        region.add(ReduceOp(ops::ReduceKind::sum, {0, 1}, false), {region.input(halves({70, 90, 37}, 1))})[0];
    if (casts) sums = region.add(CastOp(DType::float32), {sums})[0];
    region.output(sums);
    expect_kernel(region, "reduce:bfloat16_column_sums",
                  {.relative = casts ? 0 : kRounding, .of_magnitude = 1e-6});
  }
}

TEST(Bfloat16Elementwise, WritesOverItsInput) {
  RegionCase region("in place");
  region.output(region.add(UnaryOp(UnaryKind::tanh, {}), {region.input(halves({2000}, 1))})[0]);
  expect_kernel_in_place(region, 0, 0);
}

TEST(Widened, RoundsOnlyWhatLeavesTheRegion) {
  // 1 + 2^-8 is between two of bfloat16: rounded after the addition, the subtraction would find nothing.
  RegionCase region("add + pool");
  const int x = region.input(halves({2, 8, 8, 5}, 1));
  ops::Pool2DAttributes attributes;
  attributes.kind = ops::PoolKind::average;
  attributes.window = attributes.strides = 2;
  region.output(region.add(Pool2DOp(attributes), {x})[0]);
  expect_kernel(region, "pool2d:channels (widened)", {.relative = kRounding, .absolute = 1e-7});
}

TEST(Widened, HandsOutFloat32WhereACastFollows) {
  RegionCase region("matmul + cast");
  const int a = region.input(halves({37, 51}, 1)), b = region.input(halves({51, 29}, 2));
  region.output(region.add(CastOp(DType::float32), region.add(MatMulOp(), {a, b}))[0]);
  expect_kernel(region, "matmul:panels (widened)", {.of_magnitude = 1e-6});
}

TEST(Widened, HandsOutBothWhereBothAreRead) {
  RegionCase region("matmul, rounded and not");
  const int a = region.input(halves({7, 51}, 1)), b = region.input(halves({51, 29}, 2));
  const int c = region.add(MatMulOp(), {a, b})[0];
  region.output(c);
  region.output(region.add(CastOp(DType::float32), {c})[0]);
  expect_kernel(region, "matmul:panels (widened)", {.relative = kRounding, .of_magnitude = 1e-6});
}

TEST(Widened, LeavesInputsThatMustBeRoundedToACast) {
  RegionCase region("cast + matmul");
  const int a = region.add(CastOp(DType::bfloat16), {region.input(random_tensor({5, 6}, 1))})[0];
  region.output(region.add(MatMulOp(), {a, region.input(halves({6, 3}, 2))})[0]);
  EXPECT_NE(reason_declined(region).find("widened: an input must be rounded first"), std::string::npos)
      << reason_declined(region);
}

struct ConvCase {
  Shape x;
  Shape kernel;
  ops::Conv2DAttributes attributes;
};

std::vector<ConvCase> conv_cases() {
  return {
      {{2, 9, 8, 24}, {1, 1, 24, 70}, {}},
      {{1, 13, 11, 130}, {1, 1, 130, 16}, {}},
      {{3, 8, 9, 32}, {1, 1, 32, 48}, {.strides = 2}},
      {{2, 7, 9, 5}, {3, 3, 5, 33}, {.padding = 1}},
      {{1, 11, 10, 40}, {3, 3, 40, 96}, {.strides = 2, .padding = {0, 1, 0, 1}}},
      {{1, 23, 21, 3}, {7, 7, 3, 64}, {.strides = 2, .padding = 3}},
      {{1, 9, 12, 6}, {2, 3, 6, 10}, {.padding = {2, 0, 1, 3}, .dilation = 2}},
      {{1, 6, 5, 7}, {1, 1, 7, 9}, {}},
      {{2, 3, 3, 18}, {1, 1, 18, 300}, {.padding = 1}},
  };
}

TEST(Bfloat16Pairs, ForwardFollowsTheFormula) {
  for (const ConvCase& c : conv_cases()) {
    for (const bool all : {false, true}) {
      RegionCase region(c.x.str() + " by " + c.kernel.str());
      const int x = region.input(halves(c.x, 1)), w = region.input(halves(c.kernel, 2));
      int value = region.add(Conv2DOp(c.attributes), {x, w})[0];
      const Shape y = region.region().values.back().shape;
      if (all) {
        value = region.add(BinaryOp(BinaryKind::add), {value, region.input(halves({c.kernel[3]}, 3))})[0];
        value = region.add(BinaryOp(BinaryKind::add), {value, region.input(halves(y, 4))})[0];
        value = region.add(UnaryOp(UnaryKind::relu, {.alpha = 0, .beta = 1.5, .gamma = 0}), {value})[0];
      }
      region.output(value);
      if (cpu::has_bfloat16_dot()) {
        EXPECT_EQ(kernel_of(region), all ? "conv2d:bfloat16_pairs+residual" : "conv2d:bfloat16_pairs");
      }
      expect_kernel(region, "conv2d:", {.relative = kRounding, .of_magnitude = 1e-6});
    }
  }
}

TEST(Bfloat16Pairs, PoolsAsItGoes) {
  for (const ConvCase& c :
       {ConvCase{{2, 31, 34, 3}, {3, 3, 3, 32}, {}}, ConvCase{{1, 9, 12, 5}, {5, 5, 5, 70}, {.padding = 2}},
        ConvCase{{2, 6, 7, 8}, {1, 1, 8, 19}, {}}}) {
    for (const ops::PoolKind kind : {ops::PoolKind::max, ops::PoolKind::min, ops::PoolKind::average}) {
      for (const bool before : {false, true}) {
        RegionCase region(c.x.str() + " pooled " + c.kernel.str());
        const int x = region.input(halves(c.x, 1)), w = region.input(halves(c.kernel, 2));
        int value = region.add(Conv2DOp(c.attributes), {x, w})[0];
        if (before) {
          value = region.add(BinaryOp(BinaryKind::add), {value, region.input(halves({c.kernel[3]}, 3))})[0];
          value = region.add(UnaryOp(UnaryKind::relu, {}), {value})[0];
        }
        ops::Pool2DAttributes attributes;
        attributes.kind = kind;
        attributes.window = attributes.strides = 2;
        const std::vector<int> results = region.add(Pool2DOp(attributes), {value});
        value = results[0];
        if (kind != ops::PoolKind::average && !before)
          value = region.add(UnaryOp(UnaryKind::relu, {}), {value})[0];
        region.output(value);
        if (cpu::has_bfloat16_dot()) {
          EXPECT_EQ(kernel_of(region), "conv2d:bfloat16_pairs+pool");
        }
        expect_kernel(region, "conv2d:", {.relative = kRounding, .of_magnitude = 2e-6});
      }
    }
  }
}

TEST(Bfloat16Pairs, SaysWhichElementsWon) {
  // Whole numbers, which bfloat16 has, and sums of a few: no rounding decides between them.
  for (const bool dead : {false, true}) {
    RegionCase region(dead ? "winners, and what a ReLU cuts off" : "winners");
    const Tensor numbers = random_integers({1, 8, 10, 3}, DType::int32, 1, 100);
    for (std::int64_t i = 0; i < numbers.size(); ++i) Tensor(numbers).data<std::int32_t>()[i] -= 70;
    const int x = region.input(numbers.astype(DType::bfloat16)),
              w = region.input(
                  Tensor::of<float>({1, 1, 3, 3}, {1, 0, 0, 0, 1, 0, 0, 0, 1}).astype(DType::bfloat16));
    ops::Pool2DAttributes attributes;
    attributes.window = attributes.strides = 2;
    const int y = region.add(Conv2DOp(), {x, w})[0];
    for (const int result : region.add(Pool2DOp(attributes, dead), {y})) region.output(result);
    expect_kernel_equal(region, "conv2d:");
  }
}

TEST(Bfloat16Pairs, GradientsFollowTheFormula) {
  for (const ConvCase& c : conv_cases()) {
    const TensorSpec specs[] = {{c.x, DType::bfloat16}, {c.kernel, DType::bfloat16}};
    const Shape y = Conv2DOp(c.attributes).infer(specs)[0].shape;
    RegionCase by_input(c.x.str() + " by input " + c.kernel.str());
    const int dy = by_input.input(halves(y, 1)), w = by_input.input(halves(c.kernel, 2));
    by_input.output(by_input.add(Conv2DBackwardInputOp(c.attributes, c.x), {dy, w})[0]);
    expect_kernel(by_input, "conv2d_backward_input:", {.relative = kRounding, .of_magnitude = 1e-6});
    for (const bool casts : {false, true}) {
      RegionCase by_weights(c.x.str() + " by weights " + c.kernel.str());
      const int x = by_weights.input(halves(c.x, 1)), gradient = by_weights.input(halves(y, 2));
      int dw = by_weights.add(Conv2DBackwardFilterOp(c.attributes, c.kernel), {x, gradient})[0];
      if (casts) dw = by_weights.add(CastOp(DType::float32), {dw})[0];
      by_weights.output(dw);
      if (cpu::has_bfloat16_dot()) {
        EXPECT_EQ(kernel_of(by_weights), "conv2d_backward_filter:bfloat16_pairs");
      }
      expect_kernel(by_weights,
                    "conv2d_backward_filter:", {.relative = casts ? 0 : kRounding, .of_magnitude = 1e-6});
    }
  }
}

TEST(Bfloat16Pairs, TakeTheGradientByTheInputOfPointwiseKernels) {
  if (!cpu::has_bfloat16_dot()) GTEST_SKIP() << "this machine multiplies no bfloat16";
  RegionCase region("pointwise");
  const int dy = region.input(halves({3, 4, 5, 48}, 1)), w = region.input(halves({1, 1, 32, 48}, 2));
  region.output(region.add(Conv2DBackwardInputOp({.strides = 2}, {3, 8, 9, 32}), {dy, w})[0]);
  EXPECT_EQ(kernel_of(region), "conv2d_backward_input:bfloat16_pairs");
}

TEST(Bfloat16Pairs, KeepNaNs) {
  RegionCase region("NaN");
  Tensor x = halves({1, 4, 4, 16}, 1);
  x.data<bfloat16>()[5] = bfloat16(std::nan(""));
  const int y = region.add(Conv2DOp(), {region.input(x), region.input(halves({1, 1, 16, 8}, 2))})[0];
  region.output(region.add(UnaryOp(UnaryKind::relu, {}), {y})[0]);
  expect_kernel(region, "conv2d:", {.relative = kRounding, .of_magnitude = 1e-6});
}

}  // namespace
}  // namespace fovea
