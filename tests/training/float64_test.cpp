#include <gtest/gtest.h>

#include "fovea/error.h"
#include "training/models.h"

// A whole model in double, and what training says it needs of memory.

namespace fovea {
namespace {

using test::labels;
using test::random_tensor;

class Float64 : public ::testing::Test {
 protected:
  void SetUp() override { set_floatx(DType::float64); }
  void TearDown() override { set_floatx(DType::float32); }
};

TEST_F(Float64, FitRunsWhollyInDouble) {
  const Sequential model = test::convnet();
  model.compile({.optimizer = SGD({.learning_rate = 0.01, .momentum = 0.9}),
                 .loss = "sparse_categorical_crossentropy",
                 .metrics = {"acc"}});
  for (const Tensor& weight : model.get_weights()) EXPECT_EQ(weight.dtype(), DType::float64);
  const History history =
      model.fit(random_tensor({8, 9, 11, 3}), labels(8, 3), {.batch_size = 4, .epochs = 3});
  EXPECT_LT(history["loss"].back(), history["loss"].front());
  EXPECT_EQ(model.predict(random_tensor({2, 9, 11, 3})).dtype(), DType::float64);
}

/// Loss of the model when weight `index`, element `element` is moved by `step`.
double loss_at(const Model& model, std::size_t index, std::int64_t element, double step, const Tensor& x,
               const Tensor& y) {
  const std::vector<Tensor> before = model.get_weights();
  std::vector<Tensor> moved = model.get_weights();
  moved[index].data<double>()[element] += step;
  model.set_weights(moved);
  const double loss = model.test_on_batch(x, y)["loss"];
  model.set_weights(before);
  return loss;
}

TEST_F(Float64, AStepOfPlainDescentFollowsTheNumericGradient) {
  set_random_seed(5);
  const Sequential model{
      Input({6, 5, 2}),
      Conv2D(3, 3, {.padding = "same", .activation = "tanh", .kernel_regularizer = {.l1 = 0, .l2 = 0.1}}),
      AveragePooling2D(2), Flatten(), Dense(3, {.activation = "softmax"})};
  const Tensor x = random_tensor({3, 6, 5, 2}), y = labels(3, 3);
  model.compile({.optimizer = SGD({.learning_rate = 1}), .loss = "sparse_categorical_crossentropy"});
  constexpr double kStep = 1e-5;
  std::vector<std::vector<double>> numeric;
  for (std::size_t i = 0; i < model.weights().size(); ++i) {
    numeric.emplace_back();
    for (std::int64_t e = 0; e < model.get_weights()[i].size(); ++e) {
      numeric.back().push_back((loss_at(model, i, e, kStep, x, y) - loss_at(model, i, e, -kStep, x, y)) /
                               (2 * kStep));
    }
  }
  const std::vector<Tensor> before = model.get_weights();
  model.train_on_batch(x, y);
  const std::vector<Tensor> after = model.get_weights();
  for (std::size_t i = 0; i < before.size(); ++i) {
    for (std::int64_t e = 0; e < before[i].size(); ++e) {
      EXPECT_NEAR(before[i].data<double>()[e] - after[i].data<double>()[e],
                  numeric[i][static_cast<std::size_t>(e)], 1e-7);
    }
  }
}

TEST(TrainingBytes, CountWeightsSlotsAndTheArena) {
  const Sequential model{Input({32}), Dense(1000)};
  model.compile({.optimizer = "sgd", .loss = "mse"});
  const std::int64_t weights = (32 * 1000 + 1000) * 4;
  const std::int64_t plain = model.training_bytes(8);
  EXPECT_GE(plain, weights + 8 * 1000 * 4);
  EXPECT_GE(model.training_bytes(800), plain + 700 * 1000 * 4);
  model.compile({.optimizer = "adam", .loss = "mse"});
  EXPECT_GE(model.training_bytes(8), plain + 2 * weights);
}

}  // namespace
}  // namespace fovea
