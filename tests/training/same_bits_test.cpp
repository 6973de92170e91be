#include <gtest/gtest.h>

#include <thread>

#include "training/models.h"

// What must not depend on how a computation is run.

namespace fovea {
namespace {

using test::convnet;
using test::labels;
using test::random_tensor;
using test::same_bits;

/// Trains the convnet from seed `seed`; weights, then the history's figures.
std::vector<Tensor> trained(std::uint64_t seed, int workers = 1) {
  set_random_seed(seed);
  const Sequential model = convnet();
  model.compile({.optimizer = "adam", .loss = "sparse_categorical_crossentropy", .metrics = {"acc"}});
  const History history =
      model.fit(random_tensor({23, 9, 11, 3}), labels(23, 3),
                {.batch_size = 5, .epochs = 3, .validation_split = 0.3, .workers = workers});
  std::vector<Tensor> result = model.get_weights();
  for (const auto& [name, values] : history.history) {
    result.push_back(Tensor::of(Shape{static_cast<std::int64_t>(values.size())}, values));
  }
  return result;
}

class WithThreads : public ::testing::Test {
 protected:
  void TearDown() override { set_threads(0); }
};

TEST_F(WithThreads, TrainingHasTheSameBitsForAnyNumber) {
  set_threads(1);
  const std::vector<Tensor> one = trained(7);
  for (const int threads : {2, 4}) {
    set_threads(threads);
    EXPECT_TRUE(same_bits(trained(7), one)) << threads << " threads";
  }
  EXPECT_TRUE(same_bits(trained(7, 3), one)) << "three loading threads";
  EXPECT_TRUE(same_bits(trained(7, 0), one)) << "no loading thread";
}

TEST(Seeds, DecideEverything) {
  EXPECT_TRUE(same_bits(trained(1), trained(1)));
  EXPECT_FALSE(same_bits(trained(1), trained(2)));
}

TEST(Seeds, DropoutDrawsAnewAtEachStep) {
  const Sequential model{Input({64}), Dropout(0.5), Dense(1, {.kernel_initializer = "ones"})};
  model.compile({.optimizer = SGD({.learning_rate = 0}), .loss = "mae"});
  const Tensor x = Tensor::of({1, 64}, std::vector<float>(64, 1.0F)), y({1, 1});
  const double first = model.train_on_batch(x, y)["loss"], second = model.train_on_batch(x, y)["loss"];
  EXPECT_NE(first, second);
  EXPECT_NE(first, 64);
  EXPECT_EQ(model.test_on_batch(x, y)["loss"], 64);
}

TEST(Inference, EvaluatePredictAndValidationAgreeBitForBit) {
  set_random_seed(3);
  const Sequential model = convnet();
  model.compile({.optimizer = "adam", .loss = "sparse_categorical_crossentropy", .metrics = {"acc"}});
  const Tensor x = random_tensor({13, 9, 11, 3}), y = labels(13, 3);
  const auto data = std::make_shared<ArrayDataset>(x, y);
  const History history = model.fit(data, {.batch_size = 4, .epochs = 2, .validation_data = data});
  const Logs logs = model.evaluate(data, {.batch_size = 4});
  EXPECT_EQ(logs["loss"], history["val_loss"].back());
  EXPECT_EQ(logs["acc"], history["val_acc"].back());
  const Tensor predictions = model.predict(x, {.batch_size = 4});
  EXPECT_TRUE(same_bits({predictions}, {model.predict(data, {.batch_size = 4})}));
  double loss = 0;
  for (std::int64_t i = 0; i < 13; ++i)
    loss -= std::log(static_cast<double>(predictions.data<float>()[i * 3 + i % 3]));
  EXPECT_NEAR(loss / 13, logs["loss"], 1e-6);
}

// Maps too large for the caches: a batch runs in parts.
TEST(Inference, ALargeBatchOfLargeImagesHasTheBitsOfItsParts) {
  const Sequential model{Input({200, 200, 3}), Conv2D(64, 3, {.activation = "relu"}), BatchNormalization(),
                         GlobalAveragePooling2D(), Dense(2, {.activation = "softmax"})};
  model.compile({.loss = "sparse_categorical_crossentropy", .metrics = {"acc"}});
  const Tensor x = random_tensor({5, 200, 200, 3}), y = labels(5, 2);
  const Tensor together = model.predict(x, {.batch_size = 5});
  const Tensor one_by_one = model.predict(x, {.batch_size = 1});
  EXPECT_TRUE(same_bits({together}, {one_by_one}));
  double sum = 0;
  for (std::int64_t i = 0; i < 5; ++i) sum += model.test_on_batch(x.rows(i, 1), y.rows(i, 1))["loss"];
  EXPECT_NEAR(model.evaluate(x, y, {.batch_size = 5})["loss"], sum / 5, 1e-6);
}

TEST(Inference, ATrainingStepWithoutRandomLayersSeesTheSameLoss) {
  const Sequential model{Input({9, 11, 3}), Conv2D(6, 3, {.activation = "relu"}), MaxPooling2D(2), Flatten(),
                         Dense(3)};
  model.compile({.optimizer = SGD({.learning_rate = 0}),
                 .loss = losses::SparseCategoricalCrossentropy({.from_logits = true})});
  const Tensor x = random_tensor({6, 9, 11, 3}), y = labels(6, 3);
  EXPECT_NEAR(model.train_on_batch(x, y)["loss"], model.test_on_batch(x, y)["loss"], 1e-6);
}

TEST(Inference, TwoThreadsPredictAtOnce) {
  const Sequential model = convnet();
  const Tensor x = random_tensor({8, 9, 11, 3}), z = random_tensor({5, 9, 11, 3}, 2);
  const Tensor expected_x = model.predict(x), expected_z = model.predict(z);
  bool x_same = true, z_same = true;
  std::thread beside([&] {
    for (int i = 0; i < 50; ++i) x_same = x_same && same_bits({model.predict(x)}, {expected_x});
  });
  for (int i = 0; i < 50; ++i) z_same = z_same && same_bits({model.predict(z)}, {expected_z});
  beside.join();
  EXPECT_TRUE(x_same && z_same);
}

TEST(Inference, ReadsACallersBytesWhereTheyLie) {
  const Sequential model{Input({2, 2, 1}), Rescaling(0.5), Flatten(),
                         Dense(1, {.kernel_initializer = "ones"})};
  std::vector<std::uint8_t> pixels = {1, 2, 3, 250, 4, 5, 6, 7};
  const Tensor view = Tensor::borrow(pixels.data(), {2, 2, 2, 1}, DType::uint8);
  EXPECT_EQ(model.predict(view).data<float>()[0], 128);
  pixels[3] = 0;
  EXPECT_EQ(model.predict(view).data<float>()[0], 3);
  std::vector<float> floats = {2, 2, 2, 2};
  EXPECT_EQ(model.predict(Tensor::borrow(floats.data(), {1, 2, 2, 1}, DType::float32)).data<float>()[0], 4);
}

}  // namespace
}  // namespace fovea
