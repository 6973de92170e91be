#include <gtest/gtest.h>

#include "backends/region_case.h"
#include "ops/reduce.h"

namespace fovea {
namespace {

struct ReduceCase {
  Shape x;
  std::vector<std::int64_t> axes;
};

const ReduceCase kCases[] = {
    {{5, 7, 9, 32}, {0, 1, 2}},    // the gradient of a bias
    {{31, 50, 60, 3}, {0, 1, 2}},  // few channels, several pieces
    {{90'001, 17}, {0}},           // several pieces
    {{700, 513}, {0}},             //
    {{32, 7, 7, 100}, {1, 2}},     // global pooling
    {{2, 300, 301, 5}, {1, 2}},    //
    {{40, 1000}, {1}},             // rows
    {{5000, 10}, {1}},             //
    {{3, 100'003}, {1}},           // rows longer than a piece
    {{33, 34, 35}, {0, 1, 2}},     // everything
    {{300'000}, {0}},              //
    {{4, 5, 6}, {1}},              //
    {{4, 1, 6}, {1}},              // nothing to add
    {{4, 5, 6}, {}},               //
    {{1, 5, 1, 6, 1}, {0, 1, 2}},  // sizes of 1 on both sides
    {{}, {}},                      //
    {{1}, {0}},                    //
};

RegionCase reduction(const ReduceCase& c, ops::ReduceKind kind, bool keepdims, Tensor x) {
  RegionCase region("reduction " + std::to_string(static_cast<int>(kind)) + " of " + c.x.str());
  region.output(region.add(ReduceOp(kind, c.axes, keepdims), {region.input(std::move(x))})[0]);
  return region;
}

TEST(ReduceKernel, AgreesWithTheFormula) {
  for (const ReduceCase& c : kCases) {
    for (const bool keepdims : {false, true}) {
      for (const ops::ReduceKind kind : {ops::ReduceKind::sum, ops::ReduceKind::mean}) {
        // As good for many elements as for few.
        expect_kernel(reduction(c, kind, keepdims, random_tensor(c.x, 1)),
                      "reduce:", {.relative = 1e-7, .of_magnitude = 3e-7});
      }
      for (const ops::ReduceKind kind : {ops::ReduceKind::max, ops::ReduceKind::min}) {
        expect_kernel_equal(reduction(c, kind, keepdims, random_tensor(c.x, 1)), "reduce:");
      }
    }
  }
}

TEST(ReduceKernel, TreatsSpecialValuesAsTheFormula) {
  for (const ReduceCase& c : kCases) {
    for (const ops::ReduceKind kind : {ops::ReduceKind::max, ops::ReduceKind::min}) {
      expect_kernel_equal(reduction(c, kind, false, special_tensor(c.x, 1)), "reduce:");
    }
    // Infinities alone: an extreme without NaN.
    Tensor x = random_tensor(c.x, 2);
    for (std::int64_t i = 0; i < x.size(); i += 3) x.data<float>()[i] /= i % 2 == 0 ? 0.0F : -0.0F;
    for (const ops::ReduceKind kind : {ops::ReduceKind::max, ops::ReduceKind::min}) {
      expect_kernel_equal(reduction(c, kind, false, x), "reduce:");
    }
  }
}

TEST(ReduceKernel, SumsOfNothingAreZero) {
  for (const Shape& shape : {Shape{0, 4}, Shape{3, 0}, Shape{0}}) {
    std::vector<std::int64_t> axes{0};
    expect_kernel_equal(reduction({shape, axes}, ops::ReduceKind::sum, false, Tensor(shape)), "reduce:");
  }
}

TEST(ReduceKernel, DeclinesAxesThatStandApart) {
  const ReduceCase apart{{2, 3, 4}, {0, 2}};
  const RegionCase region = reduction(apart, ops::ReduceKind::sum, false, random_tensor(apart.x, 1));
  EXPECT_EQ(kernel_of(region), "reference");
}

TEST(ReduceExtremeBackwardKernel, SharesAmongEquals) {
  for (const ReduceCase& c : kCases) {
    // Small whole numbers, so that several elements reach the extreme.
    const Tensor x = random_integers(c.x, DType::int32, 1, 5).astype(DType::float32);
    Shape kept = c.x;
    for (const std::int64_t axis : c.axes) kept.set(axis, 1);
    Tensor y(kept);
    std::fill_n(y.data<float>(), y.size(), 4.0F);
    RegionCase region("extreme backward of " + c.x.str());
    const int inputs[] = {region.input(x), region.input(y), region.input(random_tensor(kept, 2))};
    region.output(region.add(ReduceExtremeBackwardOp(c.axes), {inputs[0], inputs[1], inputs[2]})[0]);
    expect_kernel_equal(region, "reduce_extreme_backward:");
  }
}

}  // namespace
}  // namespace fovea
