#include <gtest/gtest.h>

#include <cmath>

#include "backends/region_case.h"
#include "ops/batch_norm.h"

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

}  // namespace
}  // namespace fovea
