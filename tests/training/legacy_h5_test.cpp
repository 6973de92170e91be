#include <gtest/gtest.h>

#include <cmath>

#include "fovea/callbacks.h"
#include "fovea/model.h"
#include "fovea/numpy.h"
#include "support/golden.h"

namespace fovea::testing {
namespace {

TEST(LegacyH5Predictions, AreKeras) {
  for (const std::string& name : golden_cases("h5")) {
    SCOPED_TRACE(name);
    const Json expected = golden("h5", name);
    const Model model = load_model(std::string(FOVEA_GOLDEN_DIR "/h5/") + name + ".h5", {.compile = false});
    const std::vector<Tensor> theirs = tensors_from(expected["outputs"]);
    const std::vector<Tensor> ours = model.predict_all(tensors_from(expected["inputs"]));
    ASSERT_EQ(ours.size(), theirs.size());
    for (std::size_t i = 0; i < ours.size(); ++i) {
      ASSERT_EQ(ours[i].shape(), theirs[i].shape());
      const auto a = ours[i].values<float>(), b = theirs[i].values<float>();
      for (std::size_t j = 0; j < a.size(); ++j) EXPECT_NEAR(a[j], b[j], 1e-5 * (1 + std::abs(b[j]))) << j;
    }
  }
}

/// Functions of TensorFlow that Keras 2 recorded, of tests/saving/files/make_files.py.
TEST(LegacyH5Predictions, OfRecordedFunctionsAreKeras) {
  const std::string file = FOVEA_GOLDEN_DIR "/../saving/files/functions";
  const NamedArrays recorded = load_npz(file + ".npz");
  const std::vector<Tensor> ours = load_model(file + ".h5").predict_all({recorded[0].second});
  ASSERT_EQ(ours.size() + 1, recorded.size());
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const Tensor& theirs = recorded[i + 1].second;
    ASSERT_EQ(ours[i].shape(), theirs.shape()) << i;
    const Tensor ours32 = ours[i].astype(DType::float32);
    const auto a = ours32.values<float>(), b = theirs.values<float>();
    for (std::size_t j = 0; j < a.size(); ++j)
      EXPECT_NEAR(a[j], b[j], 1e-5 * (1 + std::abs(b[j]))) << "output " << i << ", element " << j;
  }
}

/// A training that began in Keras 3 or tf.keras goes on here: one step more gives what it gave there. The
/// files are made by tests/saving/files/make_files.py.
TEST(LegacyH5Training, GoesOnWithTheOptimizersState) {
  std::vector<std::string> messages;
  set_log_callback([&](std::string_view message) { messages.emplace_back(message); });
  for (const char* name : {"keras3_adam", "keras3_rmsprop", "keras3_sgd", "tf_adam", "tf_rmsprop", "tf_sgd",
                           "tf_plain_sgd", "older_adam", "older_rmsprop", "older_sgd"}) {
    SCOPED_TRACE(name);
    const std::string file = std::string(FOVEA_GOLDEN_DIR "/../saving/files/optimizer_") + name;
    const Model model = load_model(file + ".h5");
    ASSERT_TRUE(model.compiled());
    EXPECT_EQ(model.optimizer().iterations(), 2);
    const NamedArrays after = load_npz(file + ".npz");
    model.train_on_batch(after[0].second, after[1].second);
    const std::vector<Tensor> weights = model.get_weights();
    ASSERT_EQ(after.size(), weights.size() + 2);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const auto ours = weights[i].values<float>(), theirs = after[i + 2].second.values<float>();
      ASSERT_EQ(weights[i].shape(), after[i + 2].second.shape());
      for (std::size_t j = 0; j < ours.size(); ++j) EXPECT_NEAR(ours[j], theirs[j], 2e-6) << i << " " << j;
    }
  }
  set_log_callback(nullptr);
  EXPECT_TRUE(messages.empty()) << messages[0];
}

}  // namespace
}  // namespace fovea::testing
