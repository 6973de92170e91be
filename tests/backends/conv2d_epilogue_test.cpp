#include <gtest/gtest.h>

#include "backends/region_case.h"
#include "ops/binary.h"
#include "ops/conv2d.h"
#include "ops/unary.h"

namespace fovea {
namespace {

struct ConvCase {
  Shape x;
  std::int64_t kernel, filters, padding;
  Size2 strides = 1;
  const char* method = "conv2d:direct";
  std::int64_t groups = 1;
};

const ConvCase kCases[] = {
    {{2, 9, 8, 24}, 1, 70, 0},
    {{1, 40, 41, 16}, 1, 17, 0},  // pieces that begin within a row
    {{2, 7, 9, 5}, 3, 33, 1},
    {{1, 11, 10, 40}, 3, 96, 1, 2},
    {{1, 5, 5, 2100}, 1, 40, 0},  // weights in slices
    {{2, 6, 6, 12}, 3, 24, 1, 1, "conv2d:direct", 4},
    {{2, 14, 18, 16}, 3, 48, 1, 1, "conv2d:winograd"},
    {{1, 9, 13, 20}, 3, 33, 0, 1, "conv2d:winograd"},
};

struct Options {
  bool bias = true, residual = true, residual_first = false;
  double largest = -1;  ///< negative: no ReLU; 0: plain
};

RegionCase region_of(const ConvCase& c, const Options& o) {
  RegionCase region(c.x.str() + " to " + std::to_string(c.filters));
  const ops::Conv2DAttributes attributes{.strides = c.strides, .padding = c.padding, .groups = c.groups};
  const int x = region.input(random_tensor(c.x, 1));
  const int w = region.input(random_tensor({c.kernel, c.kernel, c.x[3] / c.groups, c.filters}, 2));
  int value = region.add(Conv2DOp(attributes), {x, w})[0];
  const Shape y = region.region().values.back().shape;
  if (o.bias)
    value = region.add(BinaryOp(BinaryKind::add), {value, region.input(random_tensor({c.filters}, 3))})[0];
  if (o.residual) {
    const int other = region.input(random_tensor(y, 4, -3, 3));
    std::vector<int> terms{value, other};
    if (o.residual_first) std::swap(terms[0], terms[1]);
    value = region.add(BinaryOp(BinaryKind::add), terms)[0];
  }
  if (o.largest >= 0) value = region.add(UnaryOp(UnaryKind::relu, {.beta = o.largest}), {value})[0];
  region.output(value);
  return region;
}

TEST(Conv2DEpilogue, AddsAndClips) {
  for (const ConvCase& c : kCases) {
    for (const Options& o :
         {Options{}, Options{.largest = 0}, Options{.bias = false, .largest = 0.75},
          Options{.residual_first = true, .largest = 1.5}, Options{.residual = false, .largest = 0.5}}) {
      const std::string name = std::string(c.method) + (o.residual ? "+residual" : "");
      EXPECT_EQ(kernel_of(region_of(c, o)), name);
      expect_kernel(region_of(c, o), name, {.of_largest = 3e-6, .absolute = 2e-5});
    }
  }
}

TEST(Conv2DEpilogue, DeclinesWhatItDoesNotAdd) {
  const auto reason = [](const std::vector<Shape>& added, const UnaryOp& activation) {
    RegionCase region("declined");
    const int x = region.input(random_tensor({2, 6, 6, 3}, 1)),
              w = region.input(random_tensor({3, 3, 3, 8}, 2));
    int value = region.add(Conv2DOp(ops::Conv2DAttributes{}), {x, w})[0];
    for (const Shape& shape : added)
      value = region.add(BinaryOp(BinaryKind::add), {value, region.input(random_tensor(shape, 3))})[0];
    region.output(region.add(activation, {value})[0]);
    return reason_declined(region);
  };
  const UnaryOp relu(UnaryKind::relu, {});
  const Shape map{2, 4, 4, 8};
  EXPECT_EQ(reason({{8}, map}, relu), "");
  EXPECT_NE(reason({map, {8}}, relu).find("adds neither"), std::string::npos);
  EXPECT_NE(reason({map, map}, relu).find("adds neither"), std::string::npos);
  EXPECT_NE(reason({{4, 4, 8}}, relu).find("adds neither"), std::string::npos);
  EXPECT_NE(reason({map}, UnaryOp(UnaryKind::relu, {.alpha = 0.1})).find("no ReLU"), std::string::npos);
  EXPECT_NE(reason({map}, UnaryOp(UnaryKind::relu, {.gamma = 0.1})).find("no ReLU"), std::string::npos);
}

}  // namespace
}  // namespace fovea
