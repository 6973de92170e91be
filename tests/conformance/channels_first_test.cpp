#include <gtest/gtest.h>

#include "conformance/golden_models.h"
#include "conformance/layer_cases.h"
#include "ops/shaping.h"
#include "support/compare.h"
#include "support/golden.h"
#include "support/random.h"

// Layers that read (N, C, H, W) give what the same layer gives for (N, H, W, C), and a model of them turns
// images at its ends alone.

namespace fovea::testing {
namespace {

Tensor turned(const Tensor& x, const std::vector<std::int64_t>& order) {
  Graph graph;
  graph.add_output(ops::transpose(graph, graph.feed("x", x.spec()), order));
  return run(graph, {{"x", x}}, reference_backend())[0];
}

/// Golden cases of layers that have a data_format, in channels last; but for softmax, which goes over the
/// last axis whatever that is.
std::vector<std::string> image_cases() {
  std::vector<std::string> names;
  for (const std::string& name : layer_case_names()) {
    const LayerCase c = layer_case(name);
    if (c.config().value("data_format", "") == "channels_last" && c.arrays("inputs")[0].shape().rank() == 4 &&
        c.config().value("activation", "") != "softmax" && c.class_name().rfind("Random", 0) != 0)
      names.push_back(name);
  }
  return names;
}

class ChannelsFirst : public ::testing::TestWithParam<std::string> {};

TEST_P(ChannelsFirst, GivesWhatChannelsLastGives) {
  const LayerCase c = layer_case(GetParam());
  Json config = c.config();
  config["data_format"] = "channels_first";
  const auto layer = layer_from(c.class_name(), config);
  const std::vector<std::int64_t> first{0, 3, 1, 2}, last{0, 2, 3, 1};
  const Tensor x = turned(c.arrays("inputs")[0], first);
  const bool image = c.arrays("outputs")[0].shape().rank() == 4;
  const auto as_first = [&](const Tensor& y) { return image ? turned(y, first) : y; };
  const LayerUse use{.training = c.training(),
                     .output_gradients = {as_first(c.arrays("output_gradients")[0])}};
  const LayerRun got = run_layer(*layer, {x}, c.arrays("weights"), use, backend_named("cpu"));
  const Tolerance rounding{.of_element = 3e-6, .of_largest = 6e-7, .absolute = 0};
  EXPECT_TRUE(near(got.outputs[0], as_first(c.arrays("outputs")[0]), rounding));
  const Tensor gradient = c.arrays("input_gradients")[0];
  if (!gradient.empty()) {
    EXPECT_TRUE(near(got.input_gradients[0], turned(gradient, first), rounding));
  }
  EXPECT_EQ(layer->output_shapes({{x.shape()}})[0].str(), got.outputs[0].shape().str());
  EXPECT_EQ(layer->explain_parameters({{x.shape()}}),
            layer_from(c.class_name(), c.config())->explain_parameters(shapes_of(c.arrays("inputs"))));
}

INSTANTIATE_TEST_SUITE_P(Layers, ChannelsFirst, ::testing::ValuesIn(image_cases()),
                         [](const auto& test) { return test.param; });

TEST(ChannelsFirstModels, TurnImagesAtTheirEndsAlone) {
  // A residual block, with axis=1 where Keras has it, that ends in another block's convolution.
  const char* const model_text =
      R"({"module": "keras.src.models.functional", "class_name": "Functional", "config": {
    "name": "m", "layers": [%LAYERS%], "input_layers": [["x", 0, 0]], "output_layers": [["last", 0, 0]]},
    "registered_name": "Functional"})";
  const auto layer = [](const char* kind, const std::string& name, const Json& options,
                        const std::vector<std::string>& inputs) {
    Json config = options;
    config["name"] = name;
    Json tensors = Json::array();
    for (const std::string& input : inputs) {
      tensors.push_back({{"class_name", "__keras_tensor__"}, {"config", {{"keras_history", {input, 0, 0}}}}});
    }
    Json nodes = Json::array();
    if (!inputs.empty()) {
      nodes.push_back(
          {{"args", inputs.size() > 1 ? Json::array({tensors}) : tensors}, {"kwargs", Json::object()}});
    }
    return Json{{"module", "keras.layers"},   {"class_name", kind}, {"config", config},
                {"registered_name", nullptr}, {"name", name},       {"inbound_nodes", nodes}};
  };
  const Json conv = {
      {"filters", 4}, {"kernel_size", 3}, {"padding", "same"}, {"data_format", "channels_first"}};
  Json layers = Json::array();
  layers.push_back(layer("InputLayer", "x", {{"batch_shape", {nullptr, 3, 8, 8}}}, {}));
  layers.push_back(layer("Conv2D", "stem", conv, {"x"}));
  std::string block = "stem";
  for (const std::string index : {"1", "2", "3"}) {
    layers.push_back(layer("BatchNormalization", "bn" + index, {{"axis", 1}}, {block}));
    layers.push_back(layer("Activation", "relu" + index, {{"activation", "relu"}}, {"bn" + index}));
    layers.push_back(layer("Conv2D", "conv" + index, conv, {"relu" + index}));
    layers.push_back(layer("Add", "add" + index, Json::object(), {block, "conv" + index}));
    block = "add" + index;
  }
  layers.push_back(layer("Concatenate", "both", {{"axis", 1}}, {block, "stem"}));
  layers.push_back(layer("MaxPooling2D", "pool", {{"data_format", "channels_first"}}, {"both"}));
  layers.push_back(layer("GlobalAveragePooling2D", "last", {{"data_format", "channels_first"}}, {"pool"}));
  std::string text = model_text;
  text.replace(text.find("%LAYERS%"), 8, layers.dump().substr(1, layers.dump().size() - 2));
  const Model model = model_from(Json::parse(text));

  Graph graph;
  const Value x = graph.feed("x", {{2, 3, 8, 8}, DType::float32});
  const std::vector<Value> outputs =
      model.impl()->lower({.graph = graph, .training = false, .weights = {}}, {{x}});
  // Only what the output depends on is computed.
  std::vector<bool> needed(graph.value_count());
  needed[static_cast<std::size_t>(outputs[0].id)] = true;
  int turns = 0;
  for (auto node = graph.nodes().rbegin(); node != graph.nodes().rend(); ++node) {
    bool used = false;
    for (const Value output : node->outputs) used = used || needed[static_cast<std::size_t>(output.id)];
    if (!used) continue;
    for (const Value input : node->inputs) needed[static_cast<std::size_t>(input.id)] = true;
    turns += dynamic_cast<const TransposeOp*>(node->op.get()) != nullptr ? 1 : 0;
  }
  EXPECT_EQ(turns, 1) << "the input alone";
}

}  // namespace
}  // namespace fovea::testing
