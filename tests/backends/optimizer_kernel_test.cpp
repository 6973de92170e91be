#include <gtest/gtest.h>

#include "backends/region_case.h"
#include "ops/optimizer_update.h"

namespace fovea {
namespace {

// A scalar, odd sizes, several variables in a piece, one over several pieces, none at all.
const Shape kVariables[] = {{}, {3, 3, 3, 32}, {32}, {1}, {0}, {17, 31}, {60'001}, {5}};

/// Every combination of a kind's options.
std::vector<SgdUpdateOp> sgd_steps() {
  std::vector<SgdUpdateOp> steps;
  for (const double momentum : {0.0, 0.9}) {
    for (const bool nesterov : {false, true}) {
      SgdUpdateOp op;
      op.momentum = momentum;
      op.nesterov = nesterov;
      steps.push_back(op);
    }
  }
  return steps;
}

std::vector<RmspropUpdateOp> rmsprop_steps() {
  std::vector<RmspropUpdateOp> steps;
  for (const double momentum : {0.0, 0.8}) {
    for (const bool centered : {false, true}) {
      RmspropUpdateOp op;
      op.rho = 0.85;
      op.epsilon = 3e-3;
      op.momentum = momentum;
      op.centered = centered;
      steps.push_back(op);
    }
  }
  return steps;
}

std::vector<AdamUpdateOp> adam_steps() {
  std::vector<AdamUpdateOp> steps;
  for (const bool amsgrad : {false, true}) {
    AdamUpdateOp op;
    op.beta_1 = 0.8;
    op.beta_2 = 0.97;
    op.epsilon = 1e-3;
    op.amsgrad = amsgrad;
    steps.push_back(op);
  }
  return steps;
}

std::vector<AdagradUpdateOp> adagrad_steps() {
  AdagradUpdateOp op;
  op.epsilon = 3e-3;
  return {op};
}

std::vector<AdadeltaUpdateOp> adadelta_steps() {
  AdadeltaUpdateOp op;
  op.rho = 0.85;
  op.epsilon = 3e-3;
  return {op};
}

template <class UpdateOp>
std::vector<UpdateOp> steps_with_betas() {
  UpdateOp op;
  op.beta_1 = 0.8;
  op.beta_2 = 0.6;
  op.epsilon = 1e-3;
  return {op};
}

std::vector<LionUpdateOp> lion_steps() {
  LionUpdateOp op;
  op.beta_1 = 0.7;
  op.beta_2 = 0.8;
  return {op};
}

std::vector<FtrlUpdateOp> ftrl_steps() {
  FtrlUpdateOp op;
  op.l1 = 0.2;
  op.l2 = 0.3;
  op.shrinkage = 0.4;
  op.beta = 0.5;
  return {FtrlUpdateOp(), op};
}

/// Without clipping, with each kind of it, and with the gradients of several iterations: one that waits and
/// one that does not.
template <class UpdateOp>
std::vector<UpdateOp> clipped(UpdateOp op) {
  std::vector<UpdateOp> result(6, op);
  result[1].clip_value = 0.3;
  result[2].clip_norm = 0.7;
  result[3].scaled = true;
  result[4].accumulation_steps = 4;
  result[5].accumulation_steps = 7;
  return result;
}

template <class UpdateOp>
RegionCase update(UpdateOp op, double weight_decay) {
  op.weight_decay = weight_decay;
  RegionCase region(std::string(op.class_name()) + " with decay " + std::to_string(weight_decay));
  std::vector<int> inputs = {region.input(Tensor::of<float>({}, {0.037F})),
                             region.input(Tensor::of<std::int64_t>({}, {7}))};
  if (op.scaled) inputs.push_back(region.input(Tensor::of<float>({}, {0.63F})));
  if (op.own_scalars() > 0) inputs.push_back(region.input(Tensor::of<float>({}, {0.61F})));
  std::uint32_t seed = 1;
  for (const Shape& shape : kVariables) {
    inputs.push_back(region.input(random_tensor(shape, ++seed)));
    // The average square stays above the average's square, which the centered form subtracts.
    for (std::size_t slot = 0; slot < op.slots(); ++slot) {
      constexpr bool kSquareFirst =
          std::is_same_v<UpdateOp, RmspropUpdateOp> || std::is_same_v<UpdateOp, AdagradUpdateOp> ||
          std::is_same_v<UpdateOp, AdadeltaUpdateOp> || std::is_same_v<UpdateOp, FtrlUpdateOp>;
      const bool square = std::is_same_v<UpdateOp, AdadeltaUpdateOp> || (kSquareFirst ? slot == 0 : slot > 0);
      inputs.push_back(
          region.input(square ? random_tensor(shape, ++seed, 1, 2) : random_tensor(shape, ++seed)));
    }
    inputs.push_back(region.input(random_tensor(shape, ++seed)));
    if (op.clip_norm > 0) inputs.push_back(region.input(random_tensor({}, ++seed, 1, 2)));
  }
  for (const int value : region.add(op, inputs)) region.output(value);
  return region;
}

template <class UpdateOp>
void expect_same_bits_as_the_formula(const std::vector<UpdateOp>& steps) {
  for (const UpdateOp& op : steps) {
    for (const UpdateOp& clipping : clipped(op)) {
      for (const double decay : {0.0, 0.004}) expect_kernel_equal(update(clipping, decay), "optimizer:");
    }
  }
}

TEST(OptimizerKernel, SgdHasTheFormulasBits) { expect_same_bits_as_the_formula(sgd_steps()); }
TEST(OptimizerKernel, RmspropHasTheFormulasBits) { expect_same_bits_as_the_formula(rmsprop_steps()); }
TEST(OptimizerKernel, AdamHasTheFormulasBits) { expect_same_bits_as_the_formula(adam_steps()); }

TEST(OptimizerKernel, AdagradHasTheFormulasBits) { expect_same_bits_as_the_formula(adagrad_steps()); }
TEST(OptimizerKernel, AdadeltaHasTheFormulasBits) { expect_same_bits_as_the_formula(adadelta_steps()); }
TEST(OptimizerKernel, AdamaxHasTheFormulasBits) {
  expect_same_bits_as_the_formula(steps_with_betas<AdamaxUpdateOp>());
}
TEST(OptimizerKernel, NadamHasTheFormulasBits) {
  expect_same_bits_as_the_formula(steps_with_betas<NadamUpdateOp>());
}
TEST(OptimizerKernel, LionHasTheFormulasBits) { expect_same_bits_as_the_formula(lion_steps()); }
TEST(OptimizerKernel, FtrlHasTheFormulasBits) { expect_same_bits_as_the_formula(ftrl_steps()); }

template <class PairOpType>
void expect_pairs_have_the_formulas_bits(const PairOpType& op, bool in_place) {
  RegionCase region(std::string(op.class_name()));
  std::vector<int> inputs = {region.input(Tensor::of<std::int64_t>({}, {7}))};
  std::uint32_t seed = 1;
  for (const Shape& shape : kVariables) {
    inputs.push_back(region.input(random_tensor(shape, ++seed)));
    inputs.push_back(region.input(random_tensor(shape, ++seed)));
  }
  for (const int value : region.add(op, inputs)) region.output(value);
  expect_kernel_equal(region, "optimizer:pairs");
  for (std::size_t output = 0; in_place && output < 4; ++output) {
    const int input = region.region().steps[0].op->in_place(static_cast<int>(output));
    expect_kernel_in_place(region, static_cast<std::size_t>(input), output);
  }
}

TEST(OptimizerKernel, AccumulationHasTheFormulasBits) {
  for (const std::int64_t steps : {3, 7}) {
    GradientAccumulationOp op;
    op.steps = steps;
    expect_pairs_have_the_formulas_bits(op, true);
  }
}

TEST(OptimizerKernel, MovingAverageHasTheFormulasBits) {
  for (const std::int64_t frequency : {0, 2, 7}) {
    for (const std::int64_t accumulation : {1, 4, 7}) {
      MovingAverageOp op;
      op.momentum = 0.7;
      op.overwrite_frequency = frequency;
      op.accumulation_steps = accumulation;
      expect_pairs_have_the_formulas_bits(op, true);
    }
  }
}

TEST(OptimizerKernel, WritesOverVariablesAndSlots) {
  for (const AdamUpdateOp& op : clipped(adam_steps()[1])) {
    const RegionCase region = update(op, 0.004);
    const std::size_t kept = 4;
    for (std::size_t output = 0; output < 2 * kept; ++output) {
      const int input = region.region().steps[0].op->in_place(static_cast<int>(output));
      expect_kernel_in_place(region, static_cast<std::size_t>(input), output);
    }
  }
}

}  // namespace
}  // namespace fovea
