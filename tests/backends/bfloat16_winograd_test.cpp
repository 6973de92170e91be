#include <gtest/gtest.h>

#include <cmath>

#include "backends/cpu/kernels/bfloat16/dot.h"
#include "backends/region_case.h"
#include "ops/binary.h"
#include "ops/conv2d.h"
#include "ops/pool2d.h"
#include "ops/reduce.h"
#include "ops/shaping.h"
#include "ops/unary.h"

// Winograd's convolutions of bfloat16. A result is rounded to 8 bits, by at most 2^-8 of it.

namespace fovea {
namespace {

constexpr double kRounding = 0x1.01p-8;

Tensor halves(const Shape& shape, std::uint32_t seed, double low = -1, double high = 1) {
  return random_tensor(shape, seed, low, high).astype(DType::bfloat16);
}

struct ConvCase {
  Shape x;
  Shape kernel;
  ops::Conv2DAttributes attributes;
};

const ConvCase kWinogradCases[] = {
    {{2, 14, 18, 16}, {3, 3, 16, 48}, {.padding = 1}},
    {{1, 9, 13, 20}, {3, 3, 20, 34}, {}},
    {{1, 21, 22, 64}, {3, 3, 64, 80}, {.padding = {1, 2, 0, 1}}},
    {{1, 12, 11, 17}, {3, 3, 17, 19}, {.padding = 1}},  // no pairs
};

TEST(Bfloat16Winograd, ForwardFollowsTheFormula) {
  for (const ConvCase& c : kWinogradCases) {
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
      expect_kernel(region, all ? "conv2d:bfloat16_winograd+residual" : "conv2d:bfloat16_winograd",
                    {.relative = kRounding, .of_magnitude = 3e-6, .absolute = 1e-4});
    }
  }
}

TEST(Bfloat16Winograd, PoolsAsItGoes) {
  for (const ConvCase& c : kWinogradCases) {
    for (const ops::PoolKind kind : {ops::PoolKind::max, ops::PoolKind::min, ops::PoolKind::average}) {
      RegionCase region(c.x.str() + " pooled " + c.kernel.str());
      const int x = region.input(halves(c.x, 1)), w = region.input(halves(c.kernel, 2));
      int value = region.add(Conv2DOp(c.attributes), {x, w})[0];
      value = region.add(BinaryOp(BinaryKind::add), {value, region.input(halves({c.kernel[3]}, 3))})[0];
      ops::Pool2DAttributes attributes;
      attributes.kind = kind;
      attributes.window = attributes.strides = 2;
      value = region.add(Pool2DOp(attributes), {value})[0];
      if (kind != ops::PoolKind::average) value = region.add(UnaryOp(UnaryKind::relu, {}), {value})[0];
      region.output(value);
      expect_kernel(region, "conv2d:bfloat16_winograd+pool", {.relative = kRounding, .of_magnitude = 3e-6});
    }
  }
}

/// The transforms of a tile are rounded to 8 bits; errors go with its largest results.
constexpr Tolerance kPairs{.relative = kRounding, .of_largest = 0.03};

TEST(Bfloat16Winograd, GradientsByTheInputFollowTheFormula) {
  for (const ConvCase& c : kWinogradCases) {
    const TensorSpec specs[] = {{c.x, DType::bfloat16}, {c.kernel, DType::bfloat16}};
    const Shape y = Conv2DOp(c.attributes).infer(specs)[0].shape;
    RegionCase region(c.x.str() + " by input " + c.kernel.str());
    region.trains();
    const int dy = region.input(halves(y, 1)), w = region.input(halves(c.kernel, 2));
    region.output(region.add(Conv2DBackwardInputOp(c.attributes, c.x), {dy, w})[0]);
    expect_kernel(region, "conv2d_backward_input:bfloat16_winograd", kPairs);
  }
}

TEST(Bfloat16Winograd, GradientsByTheWeightsFollowTheFormula) {
  for (const ConvCase& c : kWinogradCases) {
    const TensorSpec specs[] = {{c.x, DType::bfloat16}, {c.kernel, DType::bfloat16}};
    const Shape y = Conv2DOp(c.attributes).infer(specs)[0].shape;
    for (const bool casts : {false, true}) {
      RegionCase region(c.x.str() + " by weights " + c.kernel.str());
      region.trains();
      const int x = region.input(halves(c.x, 1)), dy = region.input(halves(y, 2));
      int dw = region.add(Conv2DBackwardFilterOp(c.attributes, c.kernel), {x, dy})[0];
      if (casts) dw = region.add(CastOp(DType::float32), {dw})[0];
      region.output(dw);
      if (cpu::has_bfloat16_dot() && c.kernel[3] % 2 == 0) {
        EXPECT_EQ(kernel_of(region), "conv2d_backward_filter:bfloat16_winograd_pairs");
      }
      expect_kernel(region, "conv2d_backward_filter:", kPairs);
    }
  }
}

/// `slope`: that of a ReLU stands before them; else windows are dead.
void expect_passes_under_a_pooling(bool slope) {
  for (const ConvCase& c :
       {ConvCase{{2, 14, 18, 16}, {3, 3, 16, 48}, {.padding = 1}},
        ConvCase{{1, 22, 20, 32}, {3, 3, 32, 64}, {}}, ConvCase{{2, 30, 31, 3}, {3, 3, 3, 32}, {}}}) {
    const TensorSpec specs[] = {{c.x, DType::bfloat16}, {c.kernel, DType::bfloat16}};
    const Shape map = Conv2DOp(c.attributes).infer(specs)[0].shape;
    const Shape pooled{map[0], map[1] / 2, map[2] / 2, map[3]};
    const bool by_input = c.x[3] > 3;
    RegionCase region(c.x.str() + " under a pooling " + c.kernel.str());
    region.trains();
    const int dy = region.input(halves(pooled, 2)),
              winners = region.input(random_integers(pooled, DType::uint8, 3, slope ? 4 : 8));
    ops::Pool2DAttributes attributes;
    attributes.window = attributes.strides = 2;
    int gradient = dy;
    if (slope) {
      const int after = region.input(halves(pooled, 1));
      gradient = region.add(UnaryBackwardOp(UnaryKind::relu, {}), {after, dy})[0];
    }
    const int full = region.add(Pool2DBackwardOp(attributes, map), {gradient, winners})[0];
    region.output(region.add(ReduceOp(ops::ReduceKind::sum, {0, 1, 2}, false), {full})[0]);
    if (by_input) {
      const int w = region.input(halves(c.kernel, 4));
      region.output(region.add(Conv2DBackwardInputOp(c.attributes, c.x), {full, w})[0]);
    }
    const int x = region.input(halves(c.x, 5));
    region.output(region.add(Conv2DBackwardFilterOp(c.attributes, c.kernel), {x, full})[0]);
    expect_kernel(
        region,
        by_input ? "conv2d_pool_backward:bfloat16_winograd+sparse" : "conv2d_pool_backward:bfloat16_sparse",
        kPairs);
  }
}

TEST(Bfloat16Winograd, PassesUnderAPoolingFollowTheFormula) { expect_passes_under_a_pooling(true); }
TEST(Bfloat16Winograd, PassesUnderDeadWindowsFollowTheFormula) { expect_passes_under_a_pooling(false); }

/// In a program that trains, the products are of pairs.
RegionCase in_training(const ConvCase& c) {
  RegionCase region(c.x.str() + " in training " + c.kernel.str());
  region.trains();
  const int x = region.input(halves(c.x, 1)), w = region.input(halves(c.kernel, 2));
  int value = region.add(Conv2DOp(c.attributes), {x, w})[0];
  value = region.add(BinaryOp(BinaryKind::add), {value, region.input(halves({c.kernel[3]}, 3))})[0];
  ops::Pool2DAttributes attributes;
  attributes.window = attributes.strides = 2;
  for (const int result : region.add(Pool2DOp(attributes), {value})) region.output(result);
  return region;
}

TEST(Bfloat16Winograd, RoundsTransformsInTraining) {
  if (!cpu::has_bfloat16_dot()) GTEST_SKIP() << "this machine multiplies no bfloat16";
  for (const ConvCase& c : kWinogradCases) {
    const bool pairs = c.kernel[2] % 2 == 0 && c.kernel[3] % 2 == 0;
    EXPECT_EQ(kernel_of(in_training(c)),
              pairs ? "conv2d:bfloat16_winograd_pairs+pool" : "conv2d:bfloat16_winograd+pool");
  }
  // Its errors are what the header says.
  const RegionCase region = in_training(kWinogradCases[2]);
  const std::vector<Tensor> got = outputs_of(cpu_backend(), region),
                            wanted = outputs_of(reference_backend(), region.in_double());
  double error = 0, all = 0;
  for (std::int64_t i = 0; i < got[0].size(); ++i) {
    const double expected = wanted[0].data<double>()[i];
    error += std::pow(static_cast<double>(got[0].data<bfloat16>()[i]) - expected, 2);
    all += expected * expected;
  }
  EXPECT_LT(std::sqrt(error / all), 0.012);
}

}  // namespace
}  // namespace fovea
