#include <gtest/gtest.h>

#include "backends/region_case.h"
#include "ops/binary.h"
#include "ops/conv2d.h"
#include "ops/pool2d.h"
#include "ops/unary.h"

namespace fovea {
namespace {

/// A convolution [+ bias] [+ ReLU] + a pooling [+ ReLU], as nets have them.
struct ConvPoolCase {
  Shape x;
  std::int64_t kernel = 3, filters = 16, padding = 0;
  Size2 window = 2;
  const char* kernel_name = "conv2d:winograd+pool";
  std::int64_t groups = 1;
};

const ConvPoolCase kCases[] = {
    {{2, 14, 18, 16}, 3, 16, 0},
    {{1, 15, 9, 20}, 3, 33, 1},  // a row and a column are left over, tiles hang over
    {{3, 11, 24, 17}, 3, 70, 0},
    {{2, 30, 30, 32}, 3, 64, 1},
    {{2, 15, 14, 3}, 3, 32, 0},
    {{2, 13, 9, 3}, 3, 40, 2},
    {{1, 12, 15, 2}, 3, 17, 1},
    {{1, 16, 8, 4}, 3, 70, 1},
    {{2, 15, 14, 3}, 3, 12, 0, 2, "conv2d:direct+pool"},
    {{2, 15, 14, 1}, 3, 32, 0, 2, "conv2d:direct+pool"},
    {{1, 13, 17, 5}, 5, 19, 2, 2, "conv2d:direct+pool"},
    {{2, 12, 20, 4}, 3, 100, 1, {3, 2}, "conv2d:direct+pool"},
    {{1, 9, 8, 8}, 1, 40, 0, {2, 3}, "conv2d:direct+pool"},
    {{1, 8, 9, 12}, 3, 24, 1, 4, "conv2d:direct+pool", 4},
};

struct Options {
  ops::PoolKind kind = ops::PoolKind::max;
  bool bias = true, relu_before = false, relu_after = false, winners = false, dead = false;
};

std::string name_of(const ConvPoolCase& c, const Options& o) {
  return c.x.str() + " to " + std::to_string(c.filters) + ", pooling " +
         std::to_string(static_cast<int>(o.kind)) + (o.relu_before ? ", ReLU before" : "") +
         (o.relu_after ? ", ReLU after" : "");
}

RegionCase region_of(const ConvPoolCase& c, const Options& o) {
  RegionCase region(name_of(c, o));
  const Shape kernel{c.kernel, c.kernel, c.x[3] / c.groups, c.filters};
  const ops::Conv2DAttributes attributes{.padding = c.padding, .groups = c.groups};
  const int x = region.input(random_tensor(c.x, 1)), w = region.input(random_tensor(kernel, 2));
  int value = region.add(Conv2DOp(attributes), {x, w})[0];
  if (o.bias)
    value = region.add(BinaryOp(BinaryKind::add), {value, region.input(random_tensor({c.filters}, 3))})[0];
  if (o.relu_before) value = region.add(UnaryOp(UnaryKind::relu, {}), {value})[0];
  const std::vector<int> pooled =
      region.add(Pool2DOp({.kind = o.kind, .window = c.window, .strides = c.window}, o.dead), {value});
  region.output(o.relu_after ? region.add(UnaryOp(UnaryKind::relu, {}), {pooled[0]})[0] : pooled[0]);
  if (o.winners) region.output(pooled[1]);
  return region;
}

TEST(Conv2DPoolKernel, AgreesWithTheFormulas) {
  using ops::PoolKind;
  for (const ConvPoolCase& c : kCases) {
    for (const Options& o :
         {Options{}, Options{.relu_after = true, .winners = true},
          Options{.relu_after = true, .winners = true, .dead = true}, Options{.winners = true, .dead = true},
          Options{.kind = PoolKind::min, .relu_before = true},
          Options{.kind = PoolKind::min, .winners = true},
          Options{.kind = PoolKind::average, .bias = false, .relu_before = true}}) {
      expect_kernel(region_of(c, o), c.kernel_name, {.of_largest = 3e-6});
    }
  }
}

TEST(Conv2DPoolKernel, DeclinesWhatItCannotDoInOnePass) {
  const auto reason = [](const ConvPoolCase& c, const ops::Pool2DAttributes& pool, bool read_map) {
    RegionCase region("declined");
    const int x = region.input(random_tensor(c.x, 1));
    const int w = region.input(random_tensor({c.kernel, c.kernel, c.x[3], c.filters}, 2));
    const int map = region.add(Conv2DOp(ops::Conv2DAttributes{}), {x, w})[0];
    region.output(region.add(Pool2DOp(pool), {map})[0]);
    if (read_map) region.output(map);
    return reason_declined(region);
  };
  const auto contains = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
  };
  const ConvPoolCase direct{{1, 12, 12, 5}}, winograd{{1, 12, 12, 16}};
  EXPECT_EQ(reason(direct, {.window = 2, .strides = 2}, false), "");
  EXPECT_TRUE(contains(reason(direct, {.window = 3, .strides = 2}, false), "overlap"));
  EXPECT_TRUE(contains(reason(direct, {.window = 2, .strides = 3}, false), "gaps"));
  EXPECT_TRUE(contains(reason(direct, {.window = 2, .strides = 2, .padding = 1}, false), "padded"));
  EXPECT_TRUE(contains(reason(direct, {.window = 2, .strides = 2}, true), "read outside"));
  EXPECT_TRUE(contains(reason(winograd, {.window = 5, .strides = 5}, false), "do not divide"));
  const ConvPoolCase wide{{1, 6, 3000, 5}};
  EXPECT_TRUE(contains(reason(wide, {.window = 2, .strides = 2}, false), "do not fit"));
}

}  // namespace
}  // namespace fovea
