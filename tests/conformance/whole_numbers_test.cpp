#include <gtest/gtest.h>

#include <functional>

#include "conformance/golden_models.h"
#include "conformance/layer_cases.h"
#include "models/model_impl.h"
#include "support/compare.h"
#include "support/errors.h"
#include "support/golden.h"
#include "support/names.h"

// What layers and operations make of bytes and other whole numbers, against what real Keras made of them: the
// numbers, their type, and where it fails.

namespace fovea::testing {
namespace {

constexpr Tolerance kRounding{.of_element = 3e-6, .of_largest = 6e-7, .absolute = 0};

/// Cases of classes that fovea does not have yet.
const std::set<std::string> kWithoutLayer = {
    "cropping3d",
};

std::vector<std::string> cases() {
  std::vector<std::string> names = golden_cases("whole_numbers");
  std::erase_if(names, [](const std::string& name) { return kWithoutLayer.count(name) != 0; });
  return names;
}

class WholeNumbersOf : public ::testing::TestWithParam<std::tuple<const char*, std::string>> {
 protected:
  Model model() const {
    Model model = model_from(golden_.file.at("model"));
    const std::vector<Tensor> weights = golden_.arrays("weights");
    std::vector<Variable> variables = model.weights();
    EXPECT_EQ(variables.size(), weights.size());
    for (std::size_t i = 0; i < weights.size(); ++i) variables[i].assign(weights[i]);
    return model;
  }
  std::vector<Tensor> run(bool training) const {
    const Model whole = model();
    return run_layer(*whole.impl(), golden_.arrays("inputs"), {}, {.training = training},
                     backend_named(std::get<0>(GetParam())))
        .outputs;
  }
  void compare(const char* key, bool training) const {
    const Json& expected = golden_.file.at(key);
    if (expected.is_null()) {
      const std::string error = error_of([&] { run(training); });
      EXPECT_NE(error.find(": takes floats"), std::string::npos) << error;
      EXPECT_NE(error.find("Received: "), std::string::npos) << error;
      return;
    }
    const std::vector<Tensor> got = run(training);
    ASSERT_EQ(got.size(), 1U);
    EXPECT_TRUE(near(got[0], tensor_from(expected[0]), kRounding));
    EXPECT_EQ(name(static_cast<ModelImpl&>(*model().impl()).outputs()[0].dtype()), name(got[0].dtype()));
  }

  const LayerCase golden_{std::get<1>(GetParam()), golden("whole_numbers", std::get<1>(GetParam()))};
};

TEST_P(WholeNumbersOf, AreKerasInInference) { compare("outputs", false); }

TEST_P(WholeNumbersOf, AreKerasInTraining) {
  if (!golden_.file.contains("training_outputs")) GTEST_SKIP() << "random";
  compare("training_outputs", true);
}

TEST_P(WholeNumbersOf, AreWrittenAsKerasWritesThem) {
  if (golden_.file.at("outputs").is_null()) GTEST_SKIP() << "refused";
  const Json& written = golden_.file.at("model").at("config").at("layers");
  const Json ours = Json::parse(model_to_json(model())).at("config").at("layers");
  ASSERT_EQ(ours.size(), written.size());
  for (std::size_t i = 0; i < written.size(); ++i) {
    if (!written[i].contains("inbound_nodes")) continue;
    // Keras notes a usual `training` without being asked; some layers' is dropped by reading.
    Json nodes = ours[i].at("inbound_nodes"), expected = written[i].at("inbound_nodes");
    for (Json* list : {&nodes, &expected}) {
      for (Json& node : *list) node.at("kwargs").erase("training");
    }
    EXPECT_EQ(nodes, expected);
    // An operation's 20 is not 20.0.
    if (written[i].at("module").get<std::string>().rfind("keras.src.ops.", 0) == 0) {
      EXPECT_EQ(ours[i].dump(1), written[i].dump(1));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, WholeNumbersOf, ::testing::Combine(kBackends, ::testing::ValuesIn(cases())),
                         CaseName());

/// Keras cuts what they normalized to whole numbers again, mostly 0; CustomScaleLayer it cannot call at all.
const std::set<std::string> kWithoutCase = {"LayerNormalization", "GroupNormalization", "CustomScaleLayer"};

TEST(WholeNumbersOfLayers, EachClassHasACase) {
  std::set<std::string> missing = registered_layers();
  missing.erase("fovea>MinPooling2D");  // no class of Keras
  for (const std::string& name : cases()) {
    const Json file = golden("whole_numbers", name);
    for (const Json& layer : file.at("model").at("config").at("layers")) {
      missing.erase(layer.at("registered_name").is_string() ? layer.at("registered_name").get<std::string>()
                                                            : layer.at("class_name").get<std::string>());
      missing.erase(layer.at("class_name").get<std::string>());
    }
  }
  EXPECT_EQ(missing, kWithoutCase);
}

TEST(WholeNumbersOfLayers, OfNoUseInKerasAreRefused) {
  const auto bytes = [] { return Input({4, 4, 2}, {.dtype = DType::uint8}); };
  const std::vector<std::function<void()>> calls = {
      [&] { LayerNormalization()(bytes()); },
      [&] { GroupNormalization({.groups = 2})(bytes()); },
      [&] {
        Average()({bytes(), bytes()});
      },
      [&] { Activation("sigmoid")(bytes()); },
  };
  for (const auto& call : calls) {
    const std::string error = error_of(call);
    EXPECT_NE(error.find("takes floats, no whole numbers. "), std::string::npos) << error;
    EXPECT_NE(error.find("Received: uint8"), std::string::npos) << error;
  }
}

TEST(WholeNumbersOfLayers, ArePredictedInTheirType) {
  const SymbolicTensor input = Input({4, 4, 1}, {.dtype = DType::uint8});
  const Model model({input}, {MinPooling2D(2)(input), Rescaling(0.5)(input)});
  std::vector<std::uint8_t> values;
  for (int i = 0; i < 16; ++i) values.push_back(static_cast<std::uint8_t>(250 - i));
  for (const Tensor& x :
       {Tensor::of({1, 4, 4, 1}, values), Tensor::of({1, 4, 4, 1}, values).astype(DType::float32)}) {
    const std::vector<Tensor> results = model.predict_all({x});
    EXPECT_TRUE(same_bits(results[0], Tensor::of<std::uint8_t>({1, 2, 2, 1}, {245, 243, 237, 235})));
    EXPECT_EQ(results[1].data<float>()[15], 117.5F);
  }
}

TEST(WholeNumbersOfLayers, TrainWithLayersThatTakeFloats) {
  const SymbolicTensor input = Input({4}, {.dtype = DType::uint8});
  const Model dropped({input}, {Dense(1)(Dropout(0.5)(input))});
  dropped.compile({.loss = "mse"});
  const Tensor x = Tensor::of<std::uint8_t>({1, 4}, {1, 2, 3, 4}), y({1, 1});
  EXPECT_EQ(dropped.predict(x).shape().str(), "(1, 1)");
  const std::string error = error_of([&] { dropped.train_on_batch(batch_of(x, y)); });
  EXPECT_NE(error.find("takes floats in training, no whole numbers. "), std::string::npos) << error;
  const Model trained({input}, {Dense(1)(input)});
  trained.compile({.optimizer = SGD({.learning_rate = 1}), .loss = "mse"});
  const Tensor before = trained.trainable_weights()[0].value().clone();
  const float predicted = trained.predict(x).data<float>()[0];
  trained.train_on_batch(batch_of(x, y));
  const Tensor after = trained.trainable_weights()[0].value();
  for (std::int64_t i = 0; i < 4; ++i) {
    const float gradient = 2 * predicted * static_cast<float>(i + 1);
    EXPECT_NEAR(after.data<float>()[i], before.data<float>()[i] - gradient, 1e-5F * (1 + std::abs(gradient)));
  }
}

}  // namespace
}  // namespace fovea::testing
