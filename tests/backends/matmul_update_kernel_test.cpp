#include <gtest/gtest.h>

#include "backends/region_case.h"
#include "ops/matmul.h"
#include "ops/optimizer_update.h"
#include "ops/shaping.h"

// The gradient of a weight and the optimizer's step with it, as one kernel.

namespace fovea {
namespace {

struct Sizes {
  std::int64_t k, m, n;
};

// Tails of rows and columns, a block of few rows, several blocks, one panel and many, no products.
const Sizes kSizes[] = {{1, 1, 1},     {7, 5, 3},     {32, 300, 512}, {3, 1000, 70},
                        {33, 29, 130}, {256, 60, 65}, {16, 25, 9000}, {0, 4, 5}};

/// What comes before and behind the gradient among an update's inputs.
struct Parts {
  int gradient, w;
  std::vector<int> updated;
};

template <class UpdateOp>
Parts add_step(RegionCase& region, const Sizes& s, const UpdateOp& op, bool transposed = true) {
  const int a = region.input(random_tensor(transposed ? Shape{s.k, s.m} : Shape{s.m, s.k}, 1));
  const int b = region.input(random_tensor({s.k, s.n}, 2));
  std::vector<int> inputs = {region.input(Tensor::of<float>({}, {0.037F})),
                             region.input(Tensor::of<std::int64_t>({}, {7}))};
  if (op.scaled) inputs.push_back(region.input(Tensor::of<float>({}, {0.63F})));
  if (op.own_scalars() > 0) inputs.push_back(region.input(Tensor::of<float>({}, {0.61F})));
  const int w = region.input(random_tensor({s.m, s.n}, 3));
  inputs.push_back(w);
  // Averages of squares are positive; the centered form subtracts the average's square, which epsilon
  // outweighs.
  for (std::size_t slot = 0; slot < op.slots(); ++slot)
    inputs.push_back(region.input(random_tensor({s.m, s.n}, 4, 0.5, 1)));
  const int gradient = region.add(MatMulOp(transposed, false), {a, b})[0];
  inputs.push_back(gradient);
  if (op.clip_norm > 0) inputs.push_back(region.input(random_tensor({}, 5, 1, 2)));
  return {gradient, w, region.add(op, inputs)};
}

template <class UpdateOp>
RegionCase step(const Sizes& s, const UpdateOp& op) {
  RegionCase region(std::string(op.class_name()) + " of " + std::to_string(s.m) + " x " +
                    std::to_string(s.n) + ", batch " + std::to_string(s.k));
  for (const int value : add_step(region, s, op).updated) region.output(value);
  return region;
}

AdamUpdateOp adam() {
  AdamUpdateOp op;
  op.epsilon = 1e-3;
  op.weight_decay = 0.004;
  return op;
}

template <class UpdateOp>
void expect_bits_of_two_kernels(UpdateOp op) {
  for (const Sizes& s : kSizes) expect_kernel_as_apart(step(s, op), "matmul:blocks+update");
  const Sizes s{9, 700, 100};
  op.clip_value = 0.3;
  expect_kernel_as_apart(step(s, op), "matmul:blocks+update");
  op.clip_value = 0;
  op.clip_norm = 0.7;
  expect_kernel_as_apart(step(s, op), "matmul:blocks+update");
  op.clip_norm = 0;
  op.scaled = true;
  expect_kernel_as_apart(step(s, op), "matmul:blocks+update");
}

TEST(MatMulUpdateKernel, AdamHasTheBitsOfTwoKernels) {
  AdamUpdateOp op = adam();
  expect_bits_of_two_kernels(op);
  op.amsgrad = true;
  expect_bits_of_two_kernels(op);
}

TEST(MatMulUpdateKernel, SgdHasTheBitsOfTwoKernels) {
  SgdUpdateOp op;
  expect_bits_of_two_kernels(op);
  op.momentum = 0.9;
  op.nesterov = true;
  expect_bits_of_two_kernels(op);
}

TEST(MatMulUpdateKernel, RmspropHasTheBitsOfTwoKernels) {
  RmspropUpdateOp op;
  expect_bits_of_two_kernels(op);
  op.momentum = 0.8;
  op.centered = true;
  op.epsilon = 3;
  expect_bits_of_two_kernels(op);
}

TEST(MatMulUpdateKernel, OthersHaveTheBitsOfTwoKernels) {
  expect_bits_of_two_kernels(NadamUpdateOp());
  expect_bits_of_two_kernels(AdagradUpdateOp());
  expect_bits_of_two_kernels(AdadeltaUpdateOp());
  expect_bits_of_two_kernels(AdamaxUpdateOp());
  expect_bits_of_two_kernels(LionUpdateOp());
  expect_bits_of_two_kernels(FtrlUpdateOp());
}

TEST(MatMulUpdateKernel, AgreesWithTheFormula) {
  expect_kernel(step({32, 300, 130}, adam()), "matmul:blocks+update", {.of_largest = 1e-6});
}

TEST(MatMulUpdateKernel, WritesOverVariablesAndSlots) {
  const RegionCase region = step({5, 300, 200}, adam());
  // Behind a, b, rate and iteration.
  for (std::size_t output = 0; output < 3; ++output) expect_kernel_in_place(region, output + 4, output);
}

TEST(MatMulUpdateKernel, LeavesOtherRegionsAlone) {
  RegionCase exported("the gradient is read outside");
  const Parts parts = add_step(exported, {4, 50, 20}, adam());
  for (const int value : parts.updated) exported.output(value);
  exported.output(parts.gradient);
  EXPECT_NE(reason_declined(exported).find("the gradient is read outside"), std::string::npos);

  RegionCase plain("a is not transposed");
  for (const int value : add_step(plain, {4, 50, 20}, adam(), false).updated) plain.output(value);
  EXPECT_NE(reason_declined(plain).find("no product a^T b"), std::string::npos);

  AdamUpdateOp waiting = adam();
  waiting.accumulation_steps = 2;
  EXPECT_NE(reason_declined(step({4, 50, 20}, waiting)).find("in every iteration"), std::string::npos);
  FtrlUpdateOp powered;
  powered.power = -0.8;
  EXPECT_NE(reason_declined(step({4, 50, 20}, powered)).find("power of -1/2 only"), std::string::npos);

  EXPECT_NE(reason_declined(step({257, 50, 20}, adam())).find("the products take longer"), std::string::npos);
  EXPECT_NE(reason_declined(step({4, 12, 30'000}, adam())).find("too long"), std::string::npos);

  // w -= rate w^T w, a block of which reads what others have written over.
  RegionCase own("the product reads what is updated");
  const int w = own.input(random_tensor({30, 30}, 1));
  const int rate = own.input(Tensor::of<float>({}, {0.1F}));
  const int iteration = own.input(Tensor::of<std::int64_t>({}, {1}));
  const int gradient = own.add(MatMulOp(true, false), {w, w})[0];
  own.output(own.add(SgdUpdateOp(), {rate, iteration, w, gradient})[0]);
  EXPECT_NE(reason_declined(own).find("reads what is updated"), std::string::npos);
}

TEST(MatMulUpdateKernel, TakesFactorsOfBfloat16) {
  RegionCase region("mixed_bfloat16");
  const int a = region.input(random_tensor({6, 90}, 1).astype(DType::bfloat16));
  const int b = region.input(random_tensor({6, 40}, 2).astype(DType::bfloat16));
  const int rate = region.input(Tensor::of<float>({}, {0.1F}));
  const int iteration = region.input(Tensor::of<std::int64_t>({}, {1}));
  const int w = region.input(random_tensor({90, 40}, 3));
  const int narrow = region.add(MatMulOp(true, false), {a, b})[0];
  const int gradient = region.add(CastOp(DType::float32), {narrow})[0];
  region.output(region.add(SgdUpdateOp(), {rate, iteration, w, gradient})[0]);
  EXPECT_EQ(kernel_of(region), "matmul:blocks+update (widened)");
  expect_kernel(region, "matmul:blocks+update (widened)", {.of_largest = 1e-6});
}

}  // namespace
}  // namespace fovea
