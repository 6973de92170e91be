#include <gtest/gtest.h>

#include "conformance/layer_cases.h"
#include "support/compare.h"
#include "support/golden.h"
#include "support/names.h"

// Every layer of layers.inc against what real Keras computed: outputs, gradients, the weights it leaves
// behind.

namespace fovea::testing {
namespace {

/// Keras sums in float32, in an order of its own.
constexpr Tolerance kRounding{.of_element = 3e-6, .of_largest = 6e-7, .absolute = 0};

/// Cases of layers that fovea does not have.
const std::set<std::string> kOtherClasses = {
    "cropping3d_asymmetric",
    "cropping3d_default",
};

/// -1e-8: in float32 TensorFlow's exp(x) - 1 is 0 there, and its derivative of selu that of positive values.
const std::map<std::string, std::int64_t> kGradientCancelsInKeras = {{"activation_selu_extremes", 3}};

void expect_near(const std::vector<Tensor>& got, const std::vector<Tensor>& expected, const char* what,
                 const Tolerance& tolerance) {
  ASSERT_EQ(got.size(), expected.size()) << what;
  for (std::size_t i = 0; i < got.size(); ++i) {
    SCOPED_TRACE(fmt::format("{} {}", what, i));
    if (expected[i].empty() || got[i].empty()) {
      EXPECT_EQ(got[i].empty(), expected[i].empty());
      continue;
    }
    EXPECT_TRUE(near(got[i].astype(expected[i].dtype()), expected[i], tolerance));
  }
}

std::vector<Tensor> in_type(std::vector<Tensor> tensors, DType dtype) {
  for (Tensor& tensor : tensors) tensor = tensor.astype(dtype);
  return tensors;
}

void expect_as_keras(const LayerCase& c, DType dtype, const Backend& backend) {
  const auto layer = layer_from(c.class_name(), c.config(), dtype);
  const LayerUse use{.training = c.training(),
                     .trainable = layer->trainable,
                     .output_gradients = in_type(c.arrays("output_gradients"), dtype)};
  const LayerRun got = run_layer(*layer, in_type(c.arrays("inputs"), dtype),
                                 in_type(c.arrays("weights"), dtype), use, backend);
  expect_near(got.outputs, c.arrays("outputs"), "output", kRounding);
  std::vector<Tensor> input_gradients = c.arrays("input_gradients");
  if (const auto element = kGradientCancelsInKeras.find(c.name); element != kGradientCancelsInKeras.end()) {
    const Tensor ours = got.input_gradients[0].astype(DType::float32);
    input_gradients[0].data<float>()[element->second] = ours.data<float>()[element->second];
  }
  // TensorFlow has no gradient for some ways of resizing.
  if (!input_gradients[0].empty())
    expect_near(got.input_gradients, input_gradients, "gradient of input", kRounding);
  expect_near(got.updated_weights, c.arrays("updated_weights"), "weight afterwards", kRounding);
  // Keras gives no gradient for weights that do not train; whatever ours has there, no optimizer asks for it.
  const std::vector<Tensor> expected = c.arrays("weight_gradients");
  ASSERT_EQ(got.weight_gradients.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (!expected[i].empty())
      expect_near({got.weight_gradients[i]}, {expected[i]}, "gradient of weight", kRounding);
  }
}

class GoldenLayers : public ::testing::TestWithParam<std::tuple<const char*, std::string>> {};

TEST_P(GoldenLayers, ComputeWhatKerasComputes) {
  expect_as_keras(layer_case(std::get<1>(GetParam())), DType::float32,
                  backend_named(std::get<0>(GetParam())));
}

INSTANTIATE_TEST_SUITE_P(Layers, GoldenLayers,
                         ::testing::Combine(kBackends, ::testing::ValuesIn(layer_case_names())), CaseName());

class GoldenLayersInDouble : public ::testing::TestWithParam<std::string> {};

TEST_P(GoldenLayersInDouble, ComputeWhatKerasComputes) {
  expect_as_keras(layer_case(GetParam()), DType::float64, reference_backend());
}

INSTANTIATE_TEST_SUITE_P(Layers, GoldenLayersInDouble, ::testing::ValuesIn(layer_case_names()), CaseName());

TEST(GoldenLayers, OfOtherClassesAreKnownByName) {
  std::set<std::string> others;
  for (const std::string& name : golden_cases("layers")) {
    if (registered_layers().count(layer_case(name).class_name()) == 0) others.insert(name);
  }
  EXPECT_EQ(others, kOtherClasses)
      << "a class in layers.inc runs its cases; the others stand in kOtherClasses";
}

TEST(GoldenLayers, ExistForEveryRowOfTheList) {
  // An input computes nothing, and Keras has no minimum pooling: layer_modes_test.cpp has these.
  std::set<std::string> missing = registered_layers();
  missing.erase("InputLayer");
  missing.erase("fovea>MinPooling2D");
  for (const std::string& name : layer_case_names()) missing.erase(layer_case(name).class_name());
  EXPECT_EQ(missing, std::set<std::string>{}) << "add cases to tests/golden/layers.py";
}

TEST(GoldenLayers, WithOptionsThatFoveaLacksAreRefused) {
  for (const auto& [name, words] : refused_layer_cases()) {
    SCOPED_TRACE(name);
    const LayerCase c = layer_case(name);
    try {
      const auto layer = layer_from(c.class_name(), c.config());
      run_layer(*layer, c.arrays("inputs"), c.arrays("weights"), {.training = c.training()},
                reference_backend());
      ADD_FAILURE() << "nothing was refused";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
    }
  }
}

}  // namespace

}  // namespace fovea::testing
