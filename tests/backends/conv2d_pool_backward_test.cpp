#include <gtest/gtest.h>

#include "backends/region_case.h"
#include "ops/conv2d.h"
#include "ops/pool2d.h"
#include "ops/reduce.h"
#include "ops/unary.h"

namespace fovea {
namespace {

/// What a convolution's backward passes see under a pooling of 2x2 windows.
struct Case {
  Shape x;
  std::int64_t kernel_h = 3, kernel_w = 3, filters = 16;
  Padding2 padding = 0;
};

const Case kWinograd[] = {
    {{2, 14, 18, 16}},
    {{1, 15, 9, 20}, 3, 3, 33, 1},  // a row and a column are in no window
    {{3, 11, 24, 17}, 3, 3, 70, {0, 1, 1, 2}},
    {{2, 30, 30, 32}, 3, 3, 64, 1},
    {{1, 12, 25, 48}, 3, 3, 20, {2, 0, 0, 2}},  // groups of channels, patches of unequal sizes
};
const Case kSparse[] = {
    {{2, 15, 14, 3}, 3, 3, 32, 0},
    {{3, 9, 12, 1}, 5, 5, 7, 0},
    {{1, 12, 11, 4}, 2, 4, 21, 0},
    {{2, 8, 8, 2}, 7, 3, 6, 0},
    {{2, 15, 14, 3}, 3, 3, 40, 1},
    {{1, 9, 70, 3}, 5, 5, 9, {3, 1, 2, 4}},  // several segments, vectors of a patch in two goes
};

constexpr const char kWinogradAndSparse[] = "conv2d_pool_backward:winograd+sparse";
constexpr const char kSparseAlone[] = "conv2d_pool_backward:sparse";

struct Readers {
  bool relu = true, bias = true, input = true, weights = true;
};

RegionCase region_of(const Case& c, ops::PoolKind kind, const Readers& readers) {
  RegionCase region(c.x.str() + " to " + std::to_string(c.filters));
  const ops::Conv2DAttributes attributes{.padding = c.padding};
  const Shape kernel{c.kernel_h, c.kernel_w, c.x[3], c.filters};
  const Shape map = Conv2DOp(attributes)
                        .infer(std::vector<TensorSpec>{{c.x, DType::float32}, {kernel, DType::float32}})[0]
                        .shape;
  const ops::Pool2DAttributes pool{.kind = kind};
  const Shape pooled = Pool2DOp(pool).infer(std::vector<TensorSpec>{{map, DType::float32}})[0].shape;
  const int after = readers.relu ? region.input(random_tensor(pooled, 5)) : -1;
  int dy = region.input(random_tensor(pooled, 6));
  if (readers.relu) dy = region.add(UnaryBackwardOp(UnaryKind::relu, {}), {after, dy})[0];
  // Without a slope, windows are dead.
  const int winners = region.input(random_integers(pooled, DType::uint8, 7, readers.relu ? 4 : 8));
  const int gradient = region.add(Pool2DBackwardOp(pool, map), {dy, winners})[0];
  if (readers.bias)
    region.output(region.add(ReduceOp(ops::ReduceKind::sum, {0, 1, 2}, false), {gradient})[0]);
  if (readers.input) {
    const int w = region.input(random_tensor(kernel, 8));
    region.output(region.add(Conv2DBackwardInputOp(attributes, c.x), {gradient, w})[0]);
  }
  if (readers.weights) {
    const int x = region.input(random_tensor(c.x, 9));
    region.output(region.add(Conv2DBackwardFilterOp(attributes, kernel), {x, gradient})[0]);
  }
  return region;
}

TEST(Conv2DPoolBackwardKernel, AgreesWithTheFormulas) {
  const Tolerance tolerance{.of_largest = 5e-6};
  for (const Case& c : kWinograd) {
    expect_kernel(region_of(c, ops::PoolKind::max, {}), kWinogradAndSparse, tolerance);
    expect_kernel(region_of(c, ops::PoolKind::min, {.relu = false, .bias = false}), kWinogradAndSparse,
                  tolerance);
    expect_kernel(region_of(c, ops::PoolKind::max, {.input = false}), kSparseAlone, tolerance);
    expect_kernel(region_of(c, ops::PoolKind::max, {.bias = false, .weights = false}),
                  "conv2d_pool_backward:winograd", tolerance);
  }
  for (const Case& c : kSparse) {
    expect_kernel(region_of(c, ops::PoolKind::max, {.input = false}), kSparseAlone, tolerance);
    expect_kernel(region_of(c, ops::PoolKind::min, {.relu = false, .bias = false, .input = false}),
                  kSparseAlone, tolerance);
  }
}

TEST(Conv2DPoolBackwardKernel, DeclinesTheRest) {
  const auto contains = [](const RegionCase& region, const char* part) {
    return reason_declined(region).find(part) != std::string::npos;
  };
  // No kernel that gathers makes the gradient of an input with few channels.
  EXPECT_TRUE(contains(region_of(kSparse[0], ops::PoolKind::max, {}), "does not pay"));
  EXPECT_TRUE(contains(region_of(kWinograd[0], ops::PoolKind::max, {.weights = false}), "comes with that"));
  Case wide = kSparse[0];
  wide.x = {1, 9, 9, 6};
  EXPECT_TRUE(contains(region_of(wide, ops::PoolKind::max, {.input = false}), "the sparse gradients do not"));
  RegionCase read = region_of(kWinograd[0], ops::PoolKind::max, {});
  read.output(read.region().steps[1].outputs[0]);
  EXPECT_TRUE(contains(read, "read outside"));
}

}  // namespace
}  // namespace fovea
