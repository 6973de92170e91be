#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "training/models.h"
#include "training/step_graph.h"

// Which weights of a training step are updated together, and which as their gradient is computed.

namespace fovea {
namespace {

using test::labels;
using test::random_tensor;
using test::same_bits;

/// A dense layer that is large enough, and one that is not.
Sequential net(const Regularizer& regularizer = {}) {
  return Sequential{Input({700}), Dense(400, {.activation = "relu", .kernel_regularizer = regularizer}),
                    Dense(1, {.activation = "sigmoid"})};
}

/// The regions of a training step that end in an optimizer's update, with their kernels.
std::vector<std::string> updates(const Model& model, const Optimizer& optimizer) {
  model.compile({.optimizer = optimizer, .loss = "binary_crossentropy"});
  auto& impl = dynamic_cast<ModelImpl&>(*model.impl());
  const BatchSpecs batch{{{{8, 700}, DType::float32}}, {{{8}, DType::int32}}, false};
  const StepProgram made = make_training_program(impl, batch, cpu_backend());
  std::vector<std::string> result;
  for (const Program::StepInfo& step : made.program->steps()) {
    if (step.region.ends_with("Update")) result.push_back(step.region + ": " + step.kernel);
  }
  return result;
}

using Strings = std::vector<std::string>;

class WeightUpdates : public ::testing::Test {
 protected:
  void TearDown() override {
    set_dtype_policy("float32");
    set_threads(0);
  }
};

TEST_F(WeightUpdates, ALargeWeightIsUpdatedAsItsGradientIsComputed) {
  const Sequential model = net();
  EXPECT_EQ(updates(model, Adam()),
            (Strings{"MatMul + AdamUpdate: matmul:blocks+update", "AdamUpdate: optimizer:one_pass"}));
  EXPECT_EQ(updates(model, RMSprop({.centered = true})),
            (Strings{"MatMul + RmspropUpdate: matmul:blocks+update", "RmspropUpdate: optimizer:one_pass"}));
  EXPECT_EQ(updates(model, SGD({.weight_decay = 0.1, .clipvalue = 0.5})),
            (Strings{"MatMul + SgdUpdate: matmul:blocks+update", "SgdUpdate: optimizer:one_pass"}));
}

TEST_F(WeightUpdates, NormsNeedTheWholeGradientFirst) {
  const Sequential model = net();
  const Strings together = {"SgdUpdate: optimizer:one_pass"};
  EXPECT_EQ(updates(model, SGD({.clipnorm = 1.0})), together);
  EXPECT_EQ(updates(model, SGD({.global_clipnorm = 1.0})), together);
}

TEST_F(WeightUpdates, ASumOfGradientsIsUpdatedWithTheOthers) {
  EXPECT_EQ(updates(net({.l2 = 0.01}), SGD()), Strings{"SgdUpdate: optimizer:one_pass"});
}

TEST_F(WeightUpdates, BehindACastToo) {
  set_dtype_policy("mixed_bfloat16");
  EXPECT_EQ(updates(net(), Adam())[0], "MatMul + Cast + AdamUpdate: matmul:blocks+update (widened)");
}

/// Weights after a few steps.
std::vector<Tensor> trained(const Optimizer& optimizer) {
  set_random_seed(5);
  const Sequential model = net();
  model.compile({.optimizer = optimizer, .loss = "binary_crossentropy"});
  for (std::uint32_t step = 0; step < 4; ++step)
    model.train_on_batch(random_tensor({8, 700}, step + 1), labels(8, 2));
  return model.get_weights();
}

TEST_F(WeightUpdates, HaveTheBitsOfAllWeightsTogether) {
  set_threads(1);
  const std::vector<Tensor> alone = trained(Adam());
  // Clipping by a norm that none reaches: g * limit / limit is g for a power of two.
  EXPECT_TRUE(same_bits(alone, trained(Adam({.clipnorm = 0x1p20}))));
  set_threads(3);
  EXPECT_TRUE(same_bits(alone, trained(Adam())));
}

TEST_F(WeightUpdates, GradientsOfAScaledLossAreScaledBack) {
  // Powers of two change no bits.
  EXPECT_TRUE(same_bits(trained(SGD()), trained(SGD({.loss_scale_factor = 1024.0}))));
  const auto loss = [](const Optimizer& optimizer) {
    set_random_seed(5);
    const Sequential model = net();
    model.compile({.optimizer = optimizer, .loss = "binary_crossentropy"});
    return model.train_on_batch(random_tensor({8, 700}, 1), labels(8, 2))["loss"];
  };
  EXPECT_EQ(loss(SGD()), loss(SGD({.loss_scale_factor = 1024.0})));
  for (const double factor : {0.0, -1.0, std::numeric_limits<double>::infinity()})
    EXPECT_THROW(SGD({.loss_scale_factor = factor}), Error);
}

}  // namespace
}  // namespace fovea
