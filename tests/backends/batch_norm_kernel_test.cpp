#include <gtest/gtest.h>

#include <cmath>

#include "backends/region_case.h"
#include "ops/batch_norm.h"
#include "ops/binary.h"
#include "ops/reduce.h"
#include "ops/unary.h"

namespace fovea {
namespace {

const Shape kShapes[] = {{2, 3, 4, 5},    {4, 16},     {1, 1},           {8, 1, 1, 33},
                         {7, 30, 31, 24}, {60'001, 3}, {32, 20, 20, 64}, {3, 1500}};

/// Channels of very different means and spreads.
Tensor channels(const Shape& shape, double offset) {
  Tensor x = random_tensor(shape, 1);
  for (std::int64_t i = 0; i < x.size(); ++i) {
    const auto c = static_cast<double>(i % shape[-1]);
    float& value = x.data<float>()[i];
    value = static_cast<float>(offset * (c + 1) + static_cast<double>(value) * (1 + 0.3 * c));
  }
  return x;
}

RegionCase training(const Shape& shape, double offset, double epsilon, const std::vector<std::size_t>& read) {
  RegionCase region("batch norm of " + shape.str());
  const Shape c{shape[-1]};
  const int x = region.input(channels(shape, offset));
  const int gamma = region.input(random_tensor(c, 2, 0.5, 2)), beta = region.input(random_tensor(c, 3));
  const std::vector<int> outputs = region.add(BatchNormTrainingOp(epsilon), {x, gamma, beta});
  for (const std::size_t i : read) region.output(outputs[i]);
  return region;
}

TEST(BatchNormTrainingKernel, AgreesWithTheFormula) {
  for (const Shape& shape : kShapes) {
    expect_kernel(training(shape, 0, 1e-3, {0, 1, 2}),
                  "batch_norm_training:", {.relative = 1e-6, .of_largest = 1e-7, .absolute = 1e-6});
  }
}

TEST(BatchNormTrainingKernel, LosesNothingToAMeanFarFromZero) {
  for (const Shape& shape : kShapes) {
    const double offset = shape[-1] > 100 ? 1 : 100;
    // Of the results, which are of size 1, not of the inputs.
    expect_kernel(training(shape, offset, 1e-3, {0}), "batch_norm_training:", {.absolute = 2e-6});
    expect_kernel(training(shape, offset, 1e-3, {2}), "batch_norm_training:", {.relative = 1e-6});
  }
}

TEST(BatchNormTrainingKernel, LeavesOutWhatNobodyReads) {
  const Tolerance tolerance{.relative = 1e-6, .absolute = 1e-6};
  expect_kernel(training({6, 5, 4, 7}, 1, 0.1, {0}), "batch_norm_training:", tolerance);
  expect_kernel(training({6, 5, 4, 7}, 1, 0.1, {1, 2}), "batch_norm_training:", tolerance);
  expect_kernel(training({6, 5, 4, 7}, 1, 0.1, {2, 0}), "batch_norm_training:", tolerance);
}

RegionCase backward(const Shape& shape, double offset, const std::vector<std::size_t>& read) {
  RegionCase region("batch norm backward of " + shape.str());
  const Shape c{shape[-1]};
  std::vector<int> inputs = {region.input(channels(shape, offset)),
                             region.input(random_tensor(c, 2, 0.5, 2))};
  Tensor mean(c);
  for (std::int64_t i = 0; i < c[0]; ++i)
    mean.data<float>()[i] = static_cast<float>(offset * static_cast<double>(i + 1));
  inputs.push_back(region.input(mean));
  inputs.push_back(region.input(random_tensor(c, 4, 0.5, 2)));
  inputs.push_back(region.input(random_tensor(shape, 5)));
  const std::vector<int> outputs = region.add(BatchNormBackwardOp(0.01), inputs);
  for (const std::size_t i : read) region.output(outputs[i]);
  return region;
}

TEST(BatchNormBackwardKernel, AgreesWithTheFormula) {
  for (const Shape& shape : kShapes) {
    for (const double offset : {0.0, 1.0}) {
      expect_kernel(backward(shape, offset, {0, 1, 2}),
                    "batch_norm_backward:", {.relative = 1e-6, .of_largest = 1e-6});
    }
  }
  for (const std::vector<std::size_t>& read : {std::vector<std::size_t>{0}, {1, 2}, {2}}) {
    expect_kernel(backward({6, 5, 4, 7}, 1, read),
                  "batch_norm_backward:", {.relative = 1e-6, .of_largest = 1e-6});
  }
}

// ---- with what stands beside them ----

RegionCase training_block(const Shape& shape, bool residual, double largest, bool read_inner = false) {
  RegionCase region("batch norm block of " + shape.str());
  const Shape c{shape[-1]};
  const int x = region.input(channels(shape, 1)), gamma = region.input(random_tensor(c, 2, 0.5, 2)),
            beta = region.input(random_tensor(c, 3));
  const std::vector<int> normalised = region.add(BatchNormTrainingOp(0.01), {x, gamma, beta});
  int value = normalised[0];
  if (residual)
    value = region.add(BinaryOp(BinaryKind::add), {region.input(random_tensor(shape, 4, -2, 2)), value})[0];
  if (largest >= 0) value = region.add(UnaryOp(UnaryKind::relu, {.beta = largest}), {value})[0];
  region.output(normalised[2]);
  region.output(value);
  region.output(normalised[1]);
  if (read_inner) region.output(normalised[0]);
  return region;
}

TEST(BatchNormTrainingKernel, AddsAndClips) {
  const Tolerance tolerance{.relative = 1e-6, .absolute = 3e-6};
  for (const Shape& shape : kShapes) {
    const std::string name = "batch_norm_training:two_pass";
    expect_kernel(training_block(shape, false, 0), name + "+relu", tolerance);
    expect_kernel(training_block(shape, false, 0.75), name + "+relu", tolerance);
    expect_kernel(training_block(shape, true, -1), name + "+residual", tolerance);
    expect_kernel(training_block(shape, true, 0), name + "+residual+relu", tolerance);
  }
  EXPECT_NE(reason_declined(training_block({4, 3}, false, 0, true)).find("read outside"), std::string::npos);
}

/// The gradients of a ReLU and of the normalisation before it; `read_masked`: that of the ReLU goes elsewhere
/// too.
RegionCase backward_block(const Shape& shape, double largest, bool read_masked,
                          const std::vector<std::size_t>& read) {
  RegionCase region("batch norm backward block of " + shape.str());
  const Shape c{shape[-1]};
  const int after = region.input(random_tensor(shape, 6, -1, 8)), dz = region.input(random_tensor(shape, 5));
  const int dy = region.add(UnaryBackwardOp(UnaryKind::relu, {.beta = largest}), {after, dz})[0];
  const std::vector<int> outputs =
      region.add(BatchNormBackwardOp(0.01),
                 {region.input(channels(shape, 1)), region.input(random_tensor(c, 2, 0.5, 2)),
                  region.input(random_tensor(c, 3, 1, 9)), region.input(random_tensor(c, 4, 0.5, 2)), dy});
  for (const std::size_t i : read) region.output(outputs[i]);
  if (read_masked) region.output(dy);
  return region;
}

TEST(BatchNormBackwardKernel, TakesTheReluAfterIt) {
  const Tolerance tolerance{.relative = 1e-6, .of_largest = 1e-6};
  for (const Shape& shape : kShapes) {
    for (const double largest : {0.0, 6.0}) {
      expect_kernel(backward_block(shape, largest, false, {0, 1, 2}), "batch_norm_backward:relu+two_pass",
                    tolerance);
      expect_kernel(backward_block(shape, largest, true, {2, 0}), "batch_norm_backward:relu+two_pass",
                    tolerance);
    }
    expect_kernel(backward_block(shape, 0, false, {1, 2}), "batch_norm_backward:relu+two_pass", tolerance);
  }
}

TEST(BatchNormBackwardKernel, SumsItsResultForABias) {
  // What cancels: as exact as its terms.
  const Tolerance tolerance{.relative = 1e-6, .of_largest = 1e-6, .absolute = 1e-3};
  for (const Shape& shape : kShapes) {
    if (shape.rank() < 4) continue;
    RegionCase region("batch norm backward and sum of " + shape.str());
    const Shape c{shape[-1]};
    const std::vector<int> outputs =
        region.add(BatchNormBackwardOp(0.01),
                   {region.input(random_tensor(shape, 1)), region.input(random_tensor(c, 2, 0.5, 2)),
                    region.input(random_tensor(c, 3)), region.input(random_tensor(c, 4, 0.5, 2)),
                    region.input(random_tensor(shape, 5))});
    for (const int value : outputs) region.output(value);
    region.output(region.add(ReduceOp(ops::ReduceKind::sum, {0, 1, 2}, false), {outputs[0]})[0]);
    expect_kernel(region, "batch_norm_backward:two_pass+sums", tolerance);
  }
}

/// The region with data of bfloat16; gamma, beta and statistics stay float32.
TEST(BatchNormInBfloat16, AgreesWithTheFormula) {
  constexpr double kRounding = 0x1.01p-8;
  for (const Shape& shape : kShapes) {
    const Shape c{shape[-1]};
    const Tensor data = channels(shape, 1).astype(DType::bfloat16),
                 dy = random_tensor(shape, 4).astype(DType::bfloat16),
                 other = random_tensor(shape, 5).astype(DType::bfloat16);
    RegionCase forward(shape.str());
    const int x = forward.input(data), gamma = forward.input(random_tensor(c, 2, 0.5, 2)),
              beta = forward.input(random_tensor(c, 3));
    const std::vector<int> results = forward.add(BatchNormTrainingOp(1e-3), {x, gamma, beta});
    int y = forward.add(BinaryOp(BinaryKind::add), {results[0], forward.input(other)})[0];
    y = forward.add(UnaryOp(UnaryKind::relu, {}), {y})[0];
    for (const int value : {y, results[1], results[2]}) forward.output(value);
    expect_kernel(forward, "batch_norm_training:two_pass+residual+relu",
                  {.relative = kRounding, .of_largest = 1e-6, .absolute = 1e-6});

    RegionCase backward(shape.str());
    const int after = backward.input(other), gradient = backward.input(dy), input = backward.input(data),
              factor = backward.input(random_tensor(c, 2, 0.5, 2)),
              mean = backward.input(random_tensor(c, 6)),
              variance = backward.input(random_tensor(c, 7, 0.5, 2));
    const int masked = backward.add(UnaryBackwardOp(UnaryKind::relu, {}), {after, gradient})[0];
    const std::vector<int> gradients =
        backward.add(BatchNormBackwardOp(1e-3), {input, factor, mean, variance, masked});
    for (const int value : {masked, gradients[0], gradients[1], gradients[2]}) backward.output(value);
    expect_kernel(backward, "batch_norm_backward:relu+two_pass",
                  {.relative = kRounding, .of_largest = 4e-6, .absolute = 1e-5});
  }
}

}  // namespace
}  // namespace fovea
