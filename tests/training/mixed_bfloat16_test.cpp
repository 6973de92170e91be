#include <gtest/gtest.h>

#include "fovea/error.h"
#include "optimizers/optimizer_impl.h"
#include "training/models.h"

// Models under the policy mixed_bfloat16: what is float32 and what is not, and how training goes.

namespace fovea {
namespace {

using test::labels;
using test::random_tensor;
using test::same_bits;

class MixedBfloat16 : public ::testing::Test {
 protected:
  void SetUp() override { set_dtype_policy("mixed_bfloat16"); }
  void TearDown() override {
    set_dtype_policy("float32");
    set_threads(0);
    set_backend("cpu");
  }
};

/// Everything that training goes through, wide enough for Winograd.
Sequential net(const DTypePolicy& head = dtype_policy()) {
  return Sequential{Input({25, 27, 3}),
                    Rescaling(0.5),
                    Conv2D(16, 3, {.activation = "relu"}),
                    MaxPooling2D(2),
                    Conv2D(24, 3, {.padding = "same", .use_bias = false}),
                    BatchNormalization(),
                    Activation("relu"),
                    MaxPooling2D(2),
                    Conv2D(32, 3, {.activation = "relu"}),
                    Flatten(),
                    Dropout(0.2),
                    Dense(20, {.activation = "relu"}),
                    Dense(3, {.activation = "softmax", .dtype = head})};
}

void compile(const Model& model) {
  model.compile({.optimizer = Adam({.learning_rate = 0.003}),
                 .loss = "sparse_categorical_crossentropy",
                 .metrics = {"acc"}});
}

TEST_F(MixedBfloat16, WeightsAndSlotsStayFloat32) {
  const Sequential model = net();
  compile(model);
  const std::vector<Tensor> before = model.get_weights();
  for (int step = 0; step < 2; ++step) model.train_on_batch(random_tensor({6, 25, 27, 3}), labels(6, 3));
  const std::vector<Tensor> after = model.get_weights();
  for (std::size_t i = 0; i < after.size(); ++i) {
    ASSERT_EQ(after[i].dtype(), DType::float32);
    // And not as coarse as bfloat16: a step moves them by less.
    bool fine = false;
    for (std::int64_t k = 0; k < after[i].size(); ++k)
      fine = fine || static_cast<float>(bfloat16(after[i].data<float>()[k])) != after[i].data<float>()[k];
    EXPECT_TRUE(fine) << model.weights()[i].name();
    EXPECT_FALSE(same_bits({before[i]}, {after[i]})) << model.weights()[i].name();
  }
  for (const Variable& slot : model.optimizer().impl()->variables(model.trainable_weights()))
    EXPECT_NE(slot.spec().dtype, DType::bfloat16) << slot.name();
}

TEST_F(MixedBfloat16, OutputsAreWhatTheLastLayerComputesIn) {
  const Tensor x = random_tensor({2, 25, 27, 3});
  EXPECT_EQ(net().predict(x).dtype(), DType::bfloat16);
  const Tensor precise = net("float32").predict(x);
  ASSERT_EQ(precise.dtype(), DType::float32);
  const float* p = precise.data<float>();
  EXPECT_NEAR(static_cast<double>(p[0] + p[1] + p[2]), 1, 1e-6);
}

TEST_F(MixedBfloat16, LossesAreComputedInFloat32FromWhatIsPredicted) {
  const Sequential model = net();
  compile(model);
  const Tensor x = random_tensor({9, 25, 27, 3}), y = labels(9, 3);
  const Tensor p = model.predict(x).astype(DType::float32);
  double loss = 0;
  for (std::int64_t i = 0; i < 9; ++i) {
    const float* row = p.data<float>() + 3 * i;
    const double sum =
        static_cast<double>(row[0]) + static_cast<double>(row[1]) + static_cast<double>(row[2]);
    loss -= std::log(static_cast<double>(row[i % 3]) / sum) / 9;
  }
  // Rounded to bfloat16 it would be off by up to 4e-3.
  EXPECT_NEAR(model.evaluate(x, y, {.batch_size = 9})["loss"], loss, 1e-5);
}

/// Losses of some steps on one batch.
std::vector<double> losses_of(const Model& model, int steps) {
  const Tensor x = random_tensor({12, 25, 27, 3}), y = labels(12, 3);
  std::vector<double> losses;
  for (int step = 0; step < steps; ++step) losses.push_back(model.train_on_batch(x, y)["loss"]);
  return losses;
}

TEST_F(MixedBfloat16, TrainsAsFloat32Does) {
  set_random_seed(11);
  const Sequential mixed = net("float32");
  compile(mixed);
  set_dtype_policy("float32");
  set_random_seed(11);
  const Sequential single = net();
  compile(single);
  single.set_weights(mixed.get_weights());
  const std::vector<double> a = losses_of(mixed, 12), b = losses_of(single, 12);
  EXPECT_NE(a, b);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(a[i], b[i], 0.05) << "step " << i;
  EXPECT_LT(a.back(), 0.7 * a.front());
}

TEST_F(MixedBfloat16, PredictsWhatFloat32Does) {
  const Sequential mixed = net("float32");
  compile(mixed);
  losses_of(mixed, 3);  // so that BatchNormalization has averages to fold
  set_dtype_policy("float32");
  const Sequential single = net();
  single.set_weights(mixed.get_weights());
  const Tensor x = random_tensor({12, 25, 27, 3}, 4);
  const Tensor a = mixed.predict(x), b = single.predict(x);
  double largest = 0;
  for (std::int64_t i = 0; i < a.size(); ++i)
    largest = std::max(largest, std::abs(static_cast<double>(a.data<float>()[i] - b.data<float>()[i])));
  EXPECT_GT(largest, 0);
  EXPECT_LT(largest, 0.02);
}

TEST_F(MixedBfloat16, KernelsTrainAsTheFormulasDo) {
  const auto run = [](const char* backend) {
    set_backend(backend);
    set_random_seed(5);
    const Sequential model = net();
    compile(model);
    return losses_of(model, 3);
  };
  const std::vector<double> fast = run("cpu"), slow = run("reference");
  for (std::size_t i = 0; i < fast.size(); ++i) EXPECT_NEAR(fast[i], slow[i], 0.03) << "step " << i;
}

TEST_F(MixedBfloat16, HasTheSameBitsForAnyNumberOfThreads) {
  const auto trained = [](int threads) {
    set_threads(threads);
    set_random_seed(7);
    const Sequential model = net();
    compile(model);
    losses_of(model, 3);
    return model.get_weights();
  };
  const std::vector<Tensor> one = trained(1);
  EXPECT_TRUE(same_bits(trained(2), one));
  EXPECT_TRUE(same_bits(trained(4), one));
}

TEST_F(MixedBfloat16, RescalingRoundsItsNumbersAsKerasDoes) {
  const Sequential model{Input({1}), Rescaling(1.0 / 255, 0.3)};
  // 1/255 becomes 0.00393677 and 0.3 becomes 0.30078125.
  const Tensor y = model.predict(Tensor::of<float>({1, 1}, {200}));
  EXPECT_EQ(static_cast<float>(y.data<bfloat16>()[0]),
            static_cast<float>(bfloat16(200 * 0.003936767578125 + 0.30078125)));
}

TEST_F(MixedBfloat16, ALayersOwnPolicyIsRefusedWhereLayersCannotHaveIt) {
  try {
    Dense(3, {.name = "head", .dtype = "bfloat16"});
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "head: a layer's dtype must be float32, float64 or mixed_bfloat16, which keeps weights in "
                 "float32. Received: bfloat16");
  }
}

}  // namespace
}  // namespace fovea
