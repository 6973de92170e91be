#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "fovea/callbacks.h"
#include "fovea/model.h"
#include "optimizers/optimizer_impl.h"
#include "support/compare.h"
#include "support/golden.h"

// Archives and architectures as Keras 2 writes them (tests/golden/keras2.py).

namespace fovea::testing {
namespace {

constexpr Tolerance kRounding{.of_element = 3e-6, .of_largest = 2e-6, .absolute = 0};

std::string archive_of(const std::string& name) { return FOVEA_GOLDEN_DIR "/keras2/" + name + ".keras"; }

void expect_predictions(const Model& model, const Json& expected) {
  const std::vector<Tensor> theirs = tensors_from(expected.at("outputs"));
  const std::vector<Tensor> ours = model.predict_all(tensors_from(expected.at("inputs")));
  ASSERT_EQ(ours.size(), theirs.size());
  for (std::size_t i = 0; i < ours.size(); ++i) EXPECT_TRUE(near(ours[i], theirs[i], kRounding)) << i;
}

class Keras2 : public ::testing::TestWithParam<std::string> {
 protected:
  const Json expected_ = golden("keras2", GetParam());
};

TEST_P(Keras2, ArchivesPredictTheSame) {
  expect_predictions(load_model(archive_of(GetParam()), {.compile = false}), expected_);
}

TEST_P(Keras2, ArchitecturesPredictTheSameWithTheWeights) {
  const Model model = model_from_json(expected_.at("architecture").dump());
  model.set_weights(tensors_from(expected_.at("weights")));
  expect_predictions(model, expected_);
}

TEST_P(Keras2, ModelsAreWrittenAsKeras3WritesThem) {
  const Model model = load_model(archive_of(GetParam()), {.compile = false});
  const std::string json = model_to_json(model);
  EXPECT_EQ(json.find("batch_input_shape"), std::string::npos);
  EXPECT_EQ(json.find("tf_keras"), std::string::npos);
  EXPECT_EQ(model_to_json(model_from_json(json)), json);
}

INSTANTIATE_TEST_SUITE_P(Golden, Keras2, ::testing::ValuesIn(golden_cases("keras2")),
                         [](const auto& test) { return test.param; });

/// The state of the optimizer, which has the rate among its variables here and not there.
TEST(Keras2Training, GoesOnWithTheOptimizersState) {
  std::vector<std::string> messages;
  set_log_callback([&](std::string_view message) { messages.emplace_back(message); });
  for (const char* name : {"trained_adam", "trained_sgd", "trained_rmsprop"}) {
    SCOPED_TRACE(name);
    const Json expected = golden("keras2", name);
    const Model model = load_model(archive_of(name));
    ASSERT_TRUE(model.compiled());
    EXPECT_EQ(model.optimizer().iterations(), 2);
    EXPECT_FLOAT_EQ(static_cast<float>(model.optimizer().learning_rate()), 0.01F);
    // Iterations first; of each weight its slots, as far as there are some.
    const std::vector<Tensor> theirs = tensors_from(expected.at("optimizer"));
    std::vector<Tensor> ours;
    for (const Variable& weight : model.trainable_weights()) {
      for (const Variable& slot : model.optimizer().impl()->slots_of(weight)) ours.push_back(slot.value());
    }
    ASSERT_EQ(theirs.size(), ours.size() + 1);
    for (const Tensor& slot : ours) {
      EXPECT_TRUE(std::any_of(theirs.begin() + 1, theirs.end(), [&](const Tensor& other) {
        return other.spec() == slot.spec() && same_bits(slot, other);
      }));
    }
  }
  EXPECT_TRUE(messages.empty());
  // Its Nadam does not keep the product of its rates.
  EXPECT_TRUE(load_model(archive_of("trained_nadam")).compiled());
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_NE(messages[0].find("The optimizer's state is not read"), std::string::npos) << messages[0];
  set_log_callback(nullptr);
}

TEST(Keras2Models, WithOutputsByNameAreRefused) {
  Json architecture = golden("keras2", "bytes").at("architecture");
  architecture["config"]["output_layers"] = {{"scores", {"dense", 0, 0}}};
  try {
    model_from_json(architecture.dump());
    FAIL() << "was read";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("expected a list of tensors. Received: {\"scores\""),
              std::string::npos)
        << error.what();
  }
}

TEST(Keras2Layers, ThresholdedReluKeepsWhatIsAboveIt) {
  const Model model = load_model(archive_of("thresholded_relu"));
  const float above = std::nextafter(0.75F, 1.0F), below = std::nextafter(0.75F, 0.0F);
  Tensor x({1, 40});
  const float values[] = {0.75F, above, below, -0.75F, 1, 0, 100, -100};
  std::copy(std::begin(values), std::end(values), x.data<float>());
  const Tensor y = model.predict(x);
  const float expected[] = {0, above, 0, 0, 1, 0, 100, 0};
  for (std::size_t i = 0; i < std::size(expected); ++i) EXPECT_EQ(y.data<float>()[i], expected[i]) << i;
}

}  // namespace
}  // namespace fovea::testing
