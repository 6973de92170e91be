#include "conformance/random_models.h"

#include <gtest/gtest.h>

#include "conformance/golden_models.h"
#include "core/format.h"
#include "support/compare.h"

// Random models, one training step on the fast backend in float32 against the formulas in double: shapes and
// combinations of layers that nobody thought of.

namespace fovea::testing {
namespace {

class RandomModels : public ::testing::TestWithParam<int> {};

TEST_P(RandomModels, TrainAsTheReferenceDoesInDouble) {
  const auto seed = static_cast<std::uint64_t>(GetParam());
  const RandomModel fast = random_model(seed, DType::float32), exact = random_model(seed, DType::float64);
  SCOPED_TRACE(fast.model.summary());
  exact.model.set_weights(fast.model.get_weights());

  const Tensor predictions = exact.model.predict(exact.x);
  EXPECT_TRUE(near(fast.model.predict(fast.x), predictions.astype(DType::float32),
                   {.of_element = 1e-5, .of_largest = 1e-5, .absolute = 0}))
      << "predictions";
  const TrainedOnce got = train_once(fast.model, fast.loss, batch_of(fast.x, fast.y));
  const TrainedOnce expected = train_once(exact.model, exact.loss, batch_of(exact.x, exact.y));
  EXPECT_NEAR(got.loss, expected.loss, 1e-5 * std::abs(expected.loss));
  ASSERT_EQ(got.gradients.size(), expected.gradients.size());
  for (std::size_t i = 0; i < got.gradients.size(); ++i) {
    SCOPED_TRACE("gradient of " + fast.model.trainable_weights()[i].name());
    // Where all terms cancel, as those of a bias before a BatchNormalization do, rounding is all there is.
    EXPECT_TRUE(near(got.gradients[i], expected.gradients[i].astype(DType::float32),
                     {.of_element = 1e-4, .of_largest = 1e-4, .absolute = 5e-7}));
  }
  // What the step left in all weights: moving statistics too.
  const std::vector<Tensor> left = fast.model.get_weights(), expected_left = exact.model.get_weights();
  for (std::size_t i = 0; i < left.size(); ++i) {
    EXPECT_TRUE(near(left[i], expected_left[i].astype(DType::float32),
                     {.of_element = 1e-4, .of_largest = 1e-4, .absolute = 1e-6}))
        << fast.model.weights()[i].name();
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomModels, ::testing::Range(1, 101));

}  // namespace
}  // namespace fovea::testing
