#include <gtest/gtest.h>

#include "core/format.h"
#include "fovea/fovea.h"
#include "support/errors.h"
#include "training/models.h"

// What layers add to the loss, and rules that weights keep, beyond what the trajectories of Keras show.

namespace fovea::test {
namespace {

/// A rate of 0: a step changes nothing and gives the loss of its batch.
CompileOptions standing_still() { return {.optimizer = SGD({.learning_rate = 0}), .loss = "mse"}; }

double loss_of(const Logs& logs) { return logs["loss"]; }

TEST(Penalties, OnActivationsCountInTrainingAndInEvaluation) {
  const Tensor x = random_tensor({40, 6, 6, 2}), y = random_tensor({40, 1}, 2);
  const auto layers = [](const Regularizer& penalty) {
    return Sequential{
        Input({6, 6, 2}),
        Conv2D(3, 3,
               {.kernel_initializer = initializers::RandomNormal({.stddev = 0.5, .seed = 3}),
                .activity_regularizer = penalty}),
        ActivityRegularization({.l1 = penalty.l1}), Flatten(),
        Dense(1, {.kernel_initializer = initializers::RandomNormal({.stddev = 0.5, .seed = 4})})};
  };
  const Sequential plain = layers({}), penalised = layers({0.01, 0.02});
  for (const Sequential* model : {&plain, &penalised}) model->compile(standing_still());
  const Model features(penalised.inputs(), {penalised.layers()[1].output()});
  const Tensor maps = features.predict(x);
  double expected = loss_of(plain.evaluate(x, y, {}));
  for (std::int64_t i = 0; i < maps.size(); ++i) {
    const double value = maps.data<float>()[i];
    expected += (0.02 * std::abs(value) + 0.02 * value * value) / 40;
  }
  // Batches of 16, 16 and 8: each weighs as much as it has samples.
  EXPECT_NEAR(loss_of(penalised.evaluate(x, y, {.batch_size = 16})), expected, 1e-5 * expected);
  EXPECT_NEAR(loss_of(penalised.evaluate(x, y, {.batch_size = 40})), expected, 1e-5 * expected);
  const History history =
      penalised.fit(x, y, {.batch_size = 40, .epochs = 1, .shuffle = false, .verbose = 0});
  EXPECT_NEAR(history["loss"][0], expected, 1e-5 * expected);
  // Predictions do not know of it.
  EXPECT_EQ(penalised.predict(x).shape().str(), "(40, 1)");
}

TEST(Penalties, OfLayersInNestedModelsCount) {
  const Sequential inner{Input({4}), ActivityRegularization({.l2 = 0.5, .name = "inside"})};
  const SymbolicTensor x = Input({4});
  const Model model({x}, {inner(x)});
  model.compile(standing_still());
  const Tensor values = Tensor::of({2, 4}, std::vector<float>{1, 2, 3, 4, 0, 1, 0, 1});
  EXPECT_NEAR(loss_of(model.evaluate(values, values, {})), 0.5 * (30 + 2) / 2, 1e-5);
}

TEST(Constraints, HoldAfterEveryStep) {
  const Tensor x = random_tensor({32, 6}), y = random_tensor({32, 3}, 2);
  const Sequential model{
      Input({6}),
      Dense(5, {.kernel_constraint = constraints::MaxNorm({.max_value = 0.5}), .bias_constraint = "non_neg"}),
      Dense(3, {.kernel_constraint = constraints::UnitNorm()})};
  model.compile({.optimizer = Adam({.learning_rate = 0.1}), .loss = "mse"});
  for (int step = 0; step < 5; ++step) {
    model.fit(x, y, {.batch_size = 32, .epochs = 1, .verbose = 0});
    const std::vector<Tensor> weights = model.get_weights();
    for (std::int64_t unit = 0; unit < 5; ++unit) {
      double norm = 0;
      for (std::int64_t i = 0; i < 6; ++i) norm += std::pow(weights[0].data<float>()[i * 5 + unit], 2);
      EXPECT_LE(std::sqrt(norm), 0.5 + 1e-6);
      EXPECT_GE(weights[1].data<float>()[unit], 0);
    }
    for (std::int64_t unit = 0; unit < 3; ++unit) {
      double norm = 0;
      for (std::int64_t i = 0; i < 5; ++i) norm += std::pow(weights[2].data<float>()[i * 3 + unit], 2);
      EXPECT_NEAR(std::sqrt(norm), 1, 1e-5);
    }
  }
}

TEST(Normalization, AdaptsToDataAndGivesItBack) {
  const Tensor x = random_tensor({50, 4, 4, 3});
  const Normalization layer;
  layer.adapt(x);
  const Normalization back({.invert = true});
  back.adapt(x);
  const SymbolicTensor input = Input({4, 4, 3});
  const SymbolicTensor normal = layer(input);
  const Model model({input}, {normal, back(normal)});
  const std::vector<Tensor> outputs = model.predict_all({x});
  for (std::int64_t c = 0; c < 3; ++c) {
    double mean = 0, square = 0;
    for (std::int64_t i = c; i < x.size(); i += 3) {
      const double value = outputs[0].data<float>()[i];
      mean += value / 800;
      square += value * value / 800;
    }
    EXPECT_NEAR(mean, 0, 1e-5);
    EXPECT_NEAR(square, 1, 1e-4);
  }
  for (std::int64_t i = 0; i < x.size(); ++i)
    ASSERT_NEAR(outputs[1].data<float>()[i], x.data<float>()[i], 1e-5);
  EXPECT_EQ(layer.weights()[0].spec().str(), "float32 (3,)");

  const Normalization given({.mean = 0, .variance = 1, .name = "given"});
  EXPECT_EQ(error_of([&] { given.adapt(x); }),
            "Layer 'given' (Normalization): its mean and variance were given; there is nothing to adapt");
  Tensor broken = x.clone();
  broken.data<float>()[5] = NAN;
  EXPECT_NE(
      error_of([&] { layer.adapt(broken); }).find("adapt takes finite numbers. Received: nan at element 5"),
      std::string::npos);
  EXPECT_NE(error_of([&] {
              layer.adapt(random_tensor({5, 4, 4, 2}));
            }).find("its weight 'mean' has shape (3,)"),
            std::string::npos);
  EXPECT_NE(error_of([&] {
              layer.adapt(Tensor(Shape{0, 4, 4, 3}, DType::float32));
            }).find("at least one sample"),
            std::string::npos);
}

}  // namespace
}  // namespace fovea::test
