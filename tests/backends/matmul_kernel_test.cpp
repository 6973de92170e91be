#include <gtest/gtest.h>

#include <cmath>

#include "backends/region_case.h"
#include "ops/binary.h"
#include "ops/matmul.h"
#include "ops/unary.h"

namespace fovea {
namespace {

struct Sizes {
  std::int64_t m, k, n;
};

// Tails of rows, of columns and of depth; one of each; several slices of k, blocks of rows and panels.
const Sizes kSizes[] = {
    {1, 1, 1},     {1, 7, 1},     {32, 512, 1},   {1, 300, 64},   {3, 5, 2},     {6, 16, 64},  {7, 33, 17},
    {12, 255, 31}, {13, 257, 65}, {32, 300, 97},  {33, 19, 130},  {250, 40, 70}, {500, 9, 33}, {40, 700, 200},
    {2, 3, 1100},  {1, 600, 300}, {64, 2000, 70}, {33, 5000, 97}, {0, 4, 5},     {4, 0, 5},    {4, 5, 0}};

const std::pair<bool, bool> kTransposed[] = {{false, false}, {true, false}, {false, true}, {true, true}};

std::string name_of(const Sizes& s, std::pair<bool, bool> transposed) {
  return "matmul " + std::to_string(s.m) + " x " + std::to_string(s.k) + " x " + std::to_string(s.n) +
         (transposed.first ? ", a transposed" : "") + (transposed.second ? ", b transposed" : "");
}

int add_product(RegionCase& region, const Sizes& s, std::pair<bool, bool> transposed) {
  const int a = region.input(random_tensor(transposed.first ? Shape{s.k, s.m} : Shape{s.m, s.k}, 1));
  const int b = region.input(random_tensor(transposed.second ? Shape{s.n, s.k} : Shape{s.k, s.n}, 2));
  return region.add(MatMulOp(transposed.first, transposed.second), {a, b})[0];
}

TEST(MatMulKernel, AgreesWithTheFormula) {
  for (const Sizes& s : kSizes) {
    for (const auto& transposed : kTransposed) {
      RegionCase region(name_of(s, transposed));
      region.output(add_product(region, s, transposed));
      expect_kernel(region, "matmul:", {.of_magnitude = 1e-6, .absolute = 1e-30});
    }
  }
}

TEST(MatMulKernel, AddsABiasAndAppliesAnActivation) {
  const UnaryKind activations[] = {UnaryKind::relu, UnaryKind::sigmoid, UnaryKind::gelu};
  for (const Sizes& s : kSizes) {
    for (const UnaryKind kind : activations) {
      for (const bool with_bias : {false, true}) {
        RegionCase region(name_of(s, {false, true}) + " with " + std::string(name(kind)));
        int value = add_product(region, s, {false, true});
        // (n) or (1, n), before or behind the product.
        if (with_bias && kind == UnaryKind::relu) {
          value = region.add(BinaryOp(BinaryKind::add), {region.input(random_tensor({s.n}, 3)), value})[0];
        } else if (with_bias) {
          value = region.add(BinaryOp(BinaryKind::add), {value, region.input(random_tensor({1, s.n}, 3))})[0];
        }
        value = region.add(UnaryOp(kind, {}), {value})[0];
        region.output(value);
        // A sigmoid's value is no measure of its argument.
        const Tolerance tolerance = kind == UnaryKind::sigmoid
                                        ? Tolerance{.absolute = 5e-5}
                                        : Tolerance{.of_magnitude = 1e-6, .absolute = 1e-7};
        expect_kernel(region, "matmul:", tolerance);
      }
    }
  }
}

TEST(MatMulKernel, MultipliesATensorWithItself) {
  RegionCase region("x times its transpose");
  const int x = region.input(random_tensor({23, 31}, 1));
  region.output(region.add(MatMulOp(false, true), {x, x})[0]);
  expect_kernel(region, "matmul:", {.of_magnitude = 1e-6});
}

TEST(BatchMatMulKernel, AgreesWithTheFormula) {
  for (const Sizes& s : {Sizes{3, 5, 7}, Sizes{13, 67, 35}, Sizes{1, 600, 33}, Sizes{49, 8, 49}}) {
    for (const auto& transposed : kTransposed) {
      RegionCase region("batch of " + name_of(s, transposed));
      const int a =
          region.input(random_tensor(transposed.first ? Shape{5, s.k, s.m} : Shape{5, s.m, s.k}, 1));
      const int b =
          region.input(random_tensor(transposed.second ? Shape{5, s.n, s.k} : Shape{5, s.k, s.n}, 2));
      region.output(region.add(BatchMatMulOp(transposed.first, transposed.second), {a, b})[0]);
      expect_kernel(region, "batch_matmul:", {.of_magnitude = 1e-6, .absolute = 1e-30});
    }
  }
}

TEST(MatMulKernel, KeepsNaNThroughReLU) {
  RegionCase region("NaN");
  const int a = region.input(Tensor::of<float>({1, 2}, {std::nanf(""), 1}));
  const int b = region.input(Tensor::of<float>({2, 3}, {1, 2, 3, 4, 5, 6}));
  const int product = region.add(MatMulOp(false, false), {a, b})[0];
  region.output(region.add(UnaryOp(UnaryKind::relu, {}), {product})[0]);
  expect_kernel(region, "matmul:", {});
}

TEST(MatMulKernel, DeclinesWhatIsNoBias) {
  RegionCase region("a whole matrix added");
  const int product = add_product(region, {4, 5, 6}, {false, false});
  region.output(region.add(BinaryOp(BinaryKind::add), {product, region.input(random_tensor({4, 6}, 3))})[0]);
  EXPECT_NE(reason_declined(region).find("adds no tensor"), std::string::npos) << reason_declined(region);
}

}  // namespace
}  // namespace fovea
