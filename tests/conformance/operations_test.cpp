#include <gtest/gtest.h>

#include "conformance/golden_models.h"
#include "conformance/layer_cases.h"
#include "saving/model_json.h"
#include "support/compare.h"
#include "support/golden.h"
#include "support/names.h"

// Operations of keras.ops that functional models record, against what real Keras computed, and written as
// Keras wrote them.

namespace fovea::testing {
namespace {

constexpr Tolerance kRounding{.of_element = 3e-6, .of_largest = 6e-7, .absolute = 0};

class Operations : public ::testing::TestWithParam<std::tuple<const char*, std::string>> {
 protected:
  const Backend& backend() const { return backend_named(std::get<0>(GetParam())); }
  const LayerCase golden_{std::get<1>(GetParam()), golden("operations", std::get<1>(GetParam()))};
};

TEST_P(Operations, ComputeWhatKerasComputes) {
  const Model model = model_from(golden_.file.at("model"));
  const LayerRun got = run_layer(*model.impl(), golden_.arrays("inputs"), {},
                                 {.output_gradients = golden_.arrays("output_gradients")}, backend());
  ASSERT_EQ(got.outputs.size(), 1U);
  EXPECT_TRUE(near(got.outputs[0], golden_.arrays("outputs")[0], kRounding));
  const std::vector<Tensor> gradients = golden_.arrays("input_gradients");
  ASSERT_EQ(got.input_gradients.size(), gradients.size());
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    if (gradients[i].empty()) continue;
    EXPECT_TRUE(near(got.input_gradients[i], gradients[i], kRounding)) << "gradient of input " << i;
  }
}

TEST_P(Operations, AreWrittenAsKerasWritesThem) {
  const Json& written = golden_.file.at("model").at("config").at("layers");
  const Json ours =
      Json::parse(model_to_json(model_from(golden_.file.at("model")))).at("config").at("layers");
  ASSERT_EQ(ours.size(), written.size());
  for (std::size_t i = 0; i < written.size(); ++i) {
    if (written[i].at("class_name") == "InputLayer") continue;
    EXPECT_EQ(ours[i], written[i]);
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, Operations,
                         ::testing::Combine(kBackends, ::testing::ValuesIn(golden_cases("operations"))),
                         CaseName());

std::string error_of_model(const Json& object) {
  try {
    model_from(object);
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was refused";
}

TEST(RefusedOperations, AreNamed) {
  Json object = golden("operations", "add_number").at("model");
  Json& operation = object["config"]["layers"][1];
  Json unknown = object;
  unknown["config"]["layers"][1]["class_name"] = "Einsum";
  EXPECT_NE(error_of_model(unknown).find("The operation 'Einsum' of keras.ops is not known"),
            std::string::npos)
      << error_of_model(unknown);
  Json called_twice = object;
  Json& nodes = called_twice["config"]["layers"][1]["inbound_nodes"];
  nodes.push_back(nodes[0]);
  EXPECT_NE(error_of_model(called_twice).find("an operation is called once"), std::string::npos)
      << error_of_model(called_twice);
  operation["inbound_nodes"][0]["args"].erase(1);
  EXPECT_NE(error_of_model(object).find("takes two arguments, tensors or numbers. Received: 1"),
            std::string::npos)
      << error_of_model(object);
}

}  // namespace
}  // namespace fovea::testing
