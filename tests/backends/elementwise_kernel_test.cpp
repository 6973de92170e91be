#include <gtest/gtest.h>

#include "backends/region_case.h"
#include "ops/binary.h"
#include "ops/matmul.h"
#include "ops/reduce.h"
#include "ops/shaping.h"
#include "ops/softmax.h"
#include "ops/unary.h"

namespace fovea {
namespace {

constexpr BinaryKind kBinaries[] = {BinaryKind::add,    BinaryKind::subtract, BinaryKind::multiply,
                                    BinaryKind::divide, BinaryKind::maximum,  BinaryKind::minimum};

RegionCase binary(BinaryKind kind, Tensor x, Tensor y) {
  RegionCase result("binary " + std::to_string(static_cast<int>(kind)) + " of " + x.shape().str() + " and " +
                    y.shape().str());
  const int first = result.input(std::move(x));
  const int second = result.input(std::move(y));
  result.output(result.add(BinaryOp(kind), {first, second})[0]);
  return result;
}

TEST(BinaryKernel, BroadcastsEveryWay) {
  const std::pair<Shape, Shape> shapes[] = {
      {{4099}, {4099}},                // equal
      {{3, 5, 7, 19}, {3, 5, 7, 19}},  //
      {{70'001}, {}},                  // a scalar, several pieces
      {{}, {}},                        //
      {{1}, {1, 1}},                   //
      {{5, 6, 7, 33}, {33}},           // the last axis
      {{2000, 96}, {1, 96}},           //
      {{11, 1500}, {1500}},            // the last axis is longer than a block
      {{50, 10, 3}, {10, 3}},          // the last two axes
      {{50, 10, 3}, {50, 1, 3}},       // the middle
      {{7, 40, 40, 8}, {7, 1, 1, 8}},  // per image and channel
      {{300, 257}, {300, 1}},          // the first axis
      {{4, 1, 5, 1}, {1, 3, 1, 2}},    // both
      {{2, 3, 2, 2, 2, 2, 3, 2}, {3, 1, 2, 1, 2, 1, 2}},
      {{0, 5}, {5}},     // nothing
      {{4, 0}, {4, 1}},  //
  };
  for (const auto& [x, y] : shapes) {
    for (const BinaryKind kind : kBinaries) {
      expect_kernel_equal(binary(kind, random_tensor(x, 1), random_tensor(y, 2, 0.5, 2)), "elementwise:");
      expect_kernel_equal(binary(kind, random_tensor(y, 1), random_tensor(x, 2, 0.5, 2)), "elementwise:");
    }
  }
}

TEST(BinaryKernel, TreatsSpecialValuesAsTheFormula) {
  for (const BinaryKind kind : kBinaries) {
    expect_kernel_equal(binary(kind, special_tensor({3001}, 1), special_tensor({3001}, 2)), "elementwise:");
  }
}

TEST(BinaryKernel, WritesOverItsFirstInput) {
  for (const BinaryKind kind : kBinaries) {
    expect_kernel_in_place(binary(kind, random_tensor({40, 37}, 1), random_tensor({37}, 2, 0.5, 2)), 0, 0);
    expect_kernel_in_place(binary(kind, random_tensor({40, 37}, 1), random_tensor({40, 37}, 2, 0.5, 2)), 0,
                           0);
  }
}

TEST(BinaryKernel, TakesOneTensorTwice) {
  RegionCase square("x * x");
  const int x = square.input(random_tensor({1000}, 1));
  square.output(square.add(BinaryOp(BinaryKind::multiply), {x, x})[0]);
  expect_kernel_equal(square, "elementwise:");
}

TEST(SelectGradientKernel, HasTheFormulasBits) {
  for (const bool largest : {false, true}) {
    for (const bool first : {false, true}) {
      RegionCase region("select");
      // Small whole numbers: many ties.
      const int x = region.input(random_integers({999}, DType::int32, 1, 3).astype(DType::float32));
      const int y = region.input(random_integers({999}, DType::int32, 2, 3).astype(DType::float32));
      const int dz = region.input(random_tensor({999}, 3));
      region.output(region.add(SelectGradientOp(largest, first), {x, y, dz})[0]);
      expect_kernel_equal(region, "elementwise:");
      RegionCase special("select with special values");
      const int a = special.input(special_tensor({999}, 1)), b = special.input(special_tensor({999}, 2));
      special.output(
          special.add(SelectGradientOp(largest, first), {a, b, special.input(random_tensor({999}, 3))})[0]);
      expect_kernel_equal(special, "elementwise:");
    }
  }
}

TEST(SigmoidCrossEntropyKernel, IsAccurate) {
  for (const std::int64_t size : {0, 1, 33, 5000}) {
    for (const bool special : {false, true}) {
      RegionCase region("sigmoid cross-entropy");
      const int x = region.input(special ? special_tensor({size}, 1) : random_tensor({size}, 1, -30, 30));
      const int t = region.input(random_tensor({size}, 2, 0, special ? 0.8 : 1));
      region.output(region.add(SigmoidCrossEntropyOp(), {x, t})[0]);
      // x - x t loses what the terms, up to 30, have behind the seventh digit.
      expect_kernel(region, "elementwise:", {.relative = 1e-6, .absolute = 4e-6});
    }
  }
}

TEST(CastKernel, MakesFloatsOfIntegers) {
  for (const std::int64_t size : {0, 1, 15, 31, 1025, 70'000}) {
    for (const DType dtype : {DType::uint8, DType::int32}) {
      RegionCase region("cast");
      const int x = region.input(random_integers({size}, dtype, 1, dtype == DType::uint8 ? 256 : 1 << 24));
      region.output(region.add(CastOp(DType::float32), {x})[0]);
      expect_kernel_equal(region, "elementwise:");
    }
  }
}

TEST(BroadcastToKernel, CopiesEveryElement) {
  const std::pair<Shape, Shape> shapes[] = {
      {{}, {1000}}, {{64}, {7, 9, 64}}, {{7, 1, 1, 5}, {7, 20, 30, 5}}, {{3, 1}, {3, 5000}}, {{1}, {0}}};
  for (const auto& [from, to] : shapes) {
    RegionCase region("broadcast " + from.str() + " to " + to.str());
    region.output(region.add(BroadcastToOp(to), {region.input(random_tensor(from, 1))})[0]);
    expect_kernel_equal(region, "elementwise:");
  }
}

// Rescaling of a batch of bytes, an offset per channel, an activation; the cast's and the sum's values are
// read outside too.
TEST(ElementwiseChain, IsOneKernelForSeveralOps) {
  for (const Shape& shape : {Shape{2, 5, 7, 3}, Shape{9, 33, 31, 3}, Shape{1, 1, 1, 1}}) {
    RegionCase region("chain of " + shape.str());
    const int pixels = region.input(random_integers(shape, DType::uint8, 1, 256));
    const int offset = region.input(random_tensor({shape[-1]}, 2));
    const int other = region.input(random_tensor(shape, 3));
    const int cast = region.add(CastOp(DType::float32), {pixels})[0];
    const int scaled =
        region.add(UnaryOp(UnaryKind::scale, {.alpha = 1.0 / 127.5, .beta = -1, .gamma = 0}), {cast})[0];
    const int shifted = region.add(BinaryOp(BinaryKind::add), {offset, scaled})[0];
    const int activated = region.add(UnaryOp(UnaryKind::tanh, {}), {shifted})[0];
    const int product = region.add(BinaryOp(BinaryKind::multiply), {activated, other})[0];
    region.output(product);
    region.output(cast);
    region.output(shifted);
    expect_kernel(region, "elementwise:blocks", {.relative = 1e-6, .absolute = 3e-7});
  }
}

TEST(ElementwiseChain, SumsItsLastResultOverAllButTheLastAxis) {
  for (const bool keepdims : {false, true}) {
    for (const bool read_outside : {false, true}) {
      for (const Shape& shape :
           {Shape{32, 512}, Shape{5, 40, 41, 24}, Shape{7, 1}, Shape{900, 1000}, Shape{0, 3}}) {
        RegionCase region("relu backward with column sums of " + shape.str());
        const int y = region.input(random_tensor(shape, 1));
        const int dy = region.input(random_tensor(shape, 2));
        const int dx = region.add(UnaryBackwardOp(UnaryKind::relu, {}), {y, dy})[0];
        std::vector<std::int64_t> axes;
        for (std::size_t i = 0; i + 1 < shape.rank(); ++i) axes.push_back(static_cast<std::int64_t>(i));
        const int sums = region.add(ReduceOp(ops::ReduceKind::sum, axes, keepdims), {dx})[0];
        if (read_outside) region.output(dx);
        region.output(sums);
        expect_kernel(region, "elementwise:blocks+column_sums", {.of_magnitude = 1e-6, .absolute = 1e-7});
      }
    }
  }
}

TEST(ElementwiseChain, SaysWhatItDeclines) {
  RegionCase pieces("another shape");
  const int x = pieces.input(random_tensor({3}, 1));
  const int y = pieces.input(random_tensor({2, 3}, 2));
  const int negative = pieces.add(UnaryOp(UnaryKind::negative, {}), {x})[0];
  pieces.output(pieces.add(BinaryOp(BinaryKind::add), {negative, y})[0]);
  EXPECT_NE(reason_declined(pieces).find("another shape"), std::string::npos) << reason_declined(pieces);

  RegionCase matmul("a matrix product after a square");
  const int z = matmul.input(random_tensor({4, 4}, 1));
  const int square = matmul.add(UnaryOp(UnaryKind::square, {}), {z})[0];
  matmul.output(matmul.add(MatMulOp(false, false), {square, z})[0]);
  EXPECT_NE(reason_declined(matmul).find("step 1 is no elementwise op"), std::string::npos)
      << reason_declined(matmul);

  RegionCase wide("cast from int64");
  wide.output(wide.add(CastOp(DType::float32), {wide.input(random_integers({4}, DType::int64, 1, 9))})[0]);
  EXPECT_EQ(kernel_of(wide), "reference");
}

}  // namespace
}  // namespace fovea
