#include <gtest/gtest.h>

#include "models/model_impl.h"
#include "training/models.h"
#include "training/runtime.h"

// Weights that inference keeps in the forms that kernels read, or makes again in each run.

namespace fovea {
namespace {

using test::labels;
using test::random_tensor;
using test::same_bits;

/// Its kernels read weights that are folded (the normalization into the convolution), transformed and packed.
Sequential net() {
  set_random_seed(5);
  return Sequential{Input({12, 12, 16}),
                    Conv2D(32, 3, {.use_bias = false}),
                    BatchNormalization(),
                    Activation("relu"),
                    Conv2D(64, 1),
                    GlobalAveragePooling2D(),
                    Dense(3, {.activation = "softmax"})};
}

class Prepacking : public ::testing::Test {
 protected:
  void TearDown() override { set_prepacking(true); }

  std::shared_ptr<const StepProgram> plan() const {
    ModelImpl& impl = static_cast<ModelImpl&>(*model_.impl());
    return Runtime::of(impl)->inference(impl, {images_.spec()});
  }
  std::int64_t kept() const { return plan()->program->derived_bytes(); }
  void expect_same(const Tensor& got, const Tensor& expected) const {
    ASSERT_EQ(got.shape(), expected.shape());
    for (std::int64_t i = 0; i < got.size(); ++i)
      EXPECT_NEAR(got.data<float>()[i], expected.data<float>()[i], 1e-6F);
  }

  const Sequential model_ = net();
  const Tensor images_ = random_tensor({2, 12, 12, 16});
};

TEST_F(Prepacking, IsWhatHappensUnlessAskedFor) {
  const std::int64_t winograd = std::int64_t{36} * 16 * 32 * 4;
  EXPECT_GE(kept(), winograd);
}

TEST_F(Prepacking, LeftOutKeepsNothing) {
  const Tensor expected = model_.predict(images_);
  set_prepacking(false);
  EXPECT_EQ(kept(), 0);
  expect_same(model_.predict(images_), expected);
}

TEST_F(Prepacking, LeftOutNeedsTheSameForManyLayersAsForFew) {
  set_prepacking(false);
  const auto arena = [&](int layers) {
    std::vector<Layer> all{Input({12, 12, 16})};
    for (int i = 0; i < layers; ++i) {
      all.push_back(Conv2D(16, 3, {.padding = "same", .use_bias = false}));
      all.push_back(BatchNormalization());
    }
    const Sequential deep(all);
    auto& impl = static_cast<ModelImpl&>(*deep.impl());
    return Runtime::of(impl)->inference(impl, {images_.spec()})->program->arena_bytes();
  };
  EXPECT_EQ(arena(12), arena(3));
}

TEST_F(Prepacking, LeftOutSeesNewWeights) {
  set_prepacking(false);
  const Tensor before = model_.predict(images_);
  Variable kernel = model_.weights()[0];
  kernel.assign(random_tensor(kernel.spec().shape, 3));
  const Tensor after = model_.predict(images_);
  EXPECT_FALSE(same_bits({before}, {after}));
  set_prepacking(true);
  expect_same(model_.predict(images_), after);
}

TEST_F(Prepacking, LeftOutEvaluatesToTheSame) {
  model_.compile({.loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"}});
  const Logs kept = model_.evaluate(images_, labels(2, 3));
  set_prepacking(false);
  const Logs again = model_.evaluate(images_, labels(2, 3));
  EXPECT_NEAR(again["loss"], kept["loss"], 1e-6);
  EXPECT_EQ(again["accuracy"], kept["accuracy"]);
}

}  // namespace
}  // namespace fovea
