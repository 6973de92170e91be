#include <gtest/gtest.h>

#include <algorithm>

#include "fovea/error.h"
#include "training/models.h"

// A pretrained model gets a new top: frozen parts stay, and change again once they are thawed.

namespace fovea {
namespace {

using test::convnet;
using test::labels;
using test::random_tensor;
using test::same_bits;

const Tensor kImages = random_tensor({12, 9, 11, 3});

/// Weights of the first `count` variables.
std::vector<Tensor> first_weights(const Model& model, std::size_t count) {
  std::vector<Tensor> all = model.get_weights();
  return {all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count)};
}

TEST(FineTuning, ANewTopOnTheCutBaseTrainsAloneUntilTheBaseIsThawed) {
  const Sequential pretrained = convnet(3);
  const Model base(pretrained.inputs(), {pretrained.get_layer("flatten").output()}, {.name = "base"});
  const std::size_t base_weights = base.weights().size();
  EXPECT_EQ(base_weights, 8U);  // two convolutions with bias, four of the normalisation
  base.set_trainable(false);
  const Input input({9, 11, 3});
  const Model model({input}, {Dense(5, {.activation = "softmax"})(base(input))});
  EXPECT_EQ(model.trainable_weights().size(), 2U);
  model.compile({.optimizer = "adam", .loss = "sparse_categorical_crossentropy"});

  const std::vector<Tensor> before = first_weights(model, base_weights), head = model.get_weights();
  model.fit(kImages, labels(12, 5), {.batch_size = 4, .epochs = 2});
  EXPECT_TRUE(same_bits(first_weights(model, base_weights), before)) << "moving statistics included";
  EXPECT_FALSE(same_bits({model.get_weights().back()}, {head.back()}));
  EXPECT_TRUE(same_bits(pretrained.get_weights(), pretrained.get_weights()));

  // Thawed without another compile: what trains now has slots of its own, and the iteration goes on.
  const std::int64_t steps = model.optimizer().iterations();
  base.set_trainable(true);
  model.fit(kImages, labels(12, 5), {.batch_size = 4});
  EXPECT_EQ(model.optimizer().iterations(), steps + 3);
  EXPECT_EQ(model.trainable_weights().size(), 8U);
  for (std::size_t i = 0; i < base_weights; ++i) {
    EXPECT_FALSE(same_bits({model.get_weights()[i]}, {before[i]})) << "weight " << i;
  }
  EXPECT_TRUE(same_bits(first_weights(pretrained, base_weights), first_weights(model, base_weights)))
      << "they are shared";
}

TEST(FineTuning, AFrozenModelFreezesItsLayersAndBackAsInKeras) {
  const Sequential base = convnet();
  base.get_layer("conv2d").set_trainable(false);
  base.set_trainable(false);
  EXPECT_FALSE(base.get_layer("dense").trainable());
  base.set_trainable(true);
  EXPECT_TRUE(base.get_layer("conv2d").trainable());
}

TEST(FineTuning, FreezingActsAtTheNextStepOfARunningFit) {
  const Sequential model{Input({9, 11, 3}), Conv2D(4, 3), Flatten(), Dense(3, {.activation = "softmax"})};
  model.compile({.optimizer = "sgd", .loss = "sparse_categorical_crossentropy"});
  std::vector<std::vector<Tensor>> seen;
  model.fit(kImages, labels(12, 3),
            {.batch_size = 4,
             .callbacks = {LambdaCallback({.on_train_batch_end = [&](std::int64_t batch, const Logs&) {
               seen.push_back(model.get_weights());
               if (batch == 0) model.get_layer("conv2d").set_trainable(false);
             }})}});
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_TRUE(same_bits({seen[0][0], seen[0][1]}, {seen[2][0], seen[2][1]}));
  EXPECT_FALSE(same_bits({seen[0][2]}, {seen[2][2]}));
}

TEST(FineTuning, AFrozenNormalizationUsesItsMovingAverages) {
  // Without weights of its own the layer differs only in how it runs.
  const Sequential model{Input({9, 11, 3}), BatchNormalization({.center = false, .scale = false}), Flatten(),
                         Dense(1)};
  model.compile({.optimizer = SGD({.learning_rate = 0}), .loss = "mse"});
  const Tensor y({12, 1});
  const double by_batch = model.train_on_batch(kImages, y)["loss"];
  model.get_layer("batch_normalization").set_trainable(false);
  const std::vector<Tensor> statistics = model.get_weights();
  const double by_average = model.train_on_batch(kImages, y)["loss"];
  EXPECT_NE(by_batch, by_average);
  EXPECT_NEAR(by_average, model.test_on_batch(kImages, y)["loss"], 1e-6);
  EXPECT_TRUE(same_bits(model.get_weights(), statistics));
}

TEST(FineTuning, AFrozenDropoutStillDrops) {
  const Sequential model{Input({64}), Dropout(0.5), Dense(1, {.kernel_initializer = "ones"})};
  model.compile({.optimizer = SGD({.learning_rate = 0}), .loss = "mae"});
  model.get_layer("dropout").set_trainable(false);
  const Tensor x = Tensor::of({1, 64}, std::vector<float>(64, 1.0F));
  EXPECT_NE(model.train_on_batch(x, Tensor({1, 1}))["loss"], 64);
}

TEST(FineTuning, CallArgumentsHoldAnUnfrozenBaseInInference) {
  const Sequential base{Input({9, 11, 3}), BatchNormalization(), Flatten()};
  const Input input({9, 11, 3});
  const Model model({input}, {Dense(1)(base(input, {.training = false}))});
  model.compile({.optimizer = "sgd", .loss = "mse"});
  const std::vector<Tensor> before = model.get_weights();
  model.train_on_batch(kImages, Tensor({12, 1}));
  const std::vector<Tensor> after = model.get_weights();
  EXPECT_FALSE(same_bits({before[0]}, {after[0]})) << "gamma trains";
  EXPECT_TRUE(same_bits({before[2], before[3]}, {after[2], after[3]})) << "averages stay";
}

TEST(FineTuning, ADropoutCalledForTrainingDropsInPredictToo) {
  const Input input({100});
  const Model model({input}, {Dropout(0.5)(input, {.training = true})});
  const Tensor ones = Tensor::of({2, 100}, std::vector<float>(200, 1.0F));
  const Tensor dropped = model.predict(ones, {.batch_size = 1});
  const float* values = dropped.data<float>();
  const auto zeros = std::count(values, values + 200, 0.0F);
  EXPECT_GT(zeros, 60);
  EXPECT_LT(zeros, 140);
  EXPECT_FALSE(std::equal(values, values + 100, values + 100)) << "each batch draws numbers of its own";
}

TEST(FineTuning, ALayersTensorsAreKnownOnceItWasCalled) {
  const Dense dense(2);
  EXPECT_THROW(static_cast<void>(dense.output()), Error);
  const Input input({3});
  const SymbolicTensor y = dense(input);
  EXPECT_EQ(dense.output().call(), y.call());
  EXPECT_EQ(dense.input().shape(), (Shape{Shape::unknown, 3}));
  const SymbolicTensor again = dense(input);
  EXPECT_THROW(static_cast<void>(dense.output()), Error);
}

}  // namespace
}  // namespace fovea
