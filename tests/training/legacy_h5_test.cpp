#include <gtest/gtest.h>

#include <cmath>

#include "fovea/model.h"
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

}  // namespace
}  // namespace fovea::testing
