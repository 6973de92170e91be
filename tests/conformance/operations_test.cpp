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
  const std::vector<Tensor> outputs = golden_.arrays("outputs");
  ASSERT_EQ(got.outputs.size(), outputs.size());
  for (std::size_t i = 0; i < outputs.size(); ++i)
    EXPECT_TRUE(near(got.outputs[i], outputs[i], kRounding)) << "output " << i;
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

struct Refusal {
  const char* golden;   ///< the case whose model is changed
  const char* place;    ///< within its first operation
  const char* value;    ///< what is put there
  const char* message;  ///< a part of it
};

constexpr Refusal kRefusals[] = {
    {"get_item", "/inbound_nodes/0/args/1/0/config/start", "1",
     "'get_item' (keras.src.ops.numpy>GetItem): the "
     "batch stays whole"},
    {"get_item", "/inbound_nodes/0/args/1/1/config/step", "0", "a step must not be 0"},
    {"get_item", "/inbound_nodes/0/args/1/1/config/step", "1.5", "expected a position. Received: 1.5"},
    {"get_item", "/inbound_nodes/0/args/1/1", "\"a\"", "a key is made of numbers, slices, '...' and None"},
    {"get_item", "/inbound_nodes/0/args/1/1", "5", "axis 1 of shape (None, 5, 4, 3) has no position 5"},
    {"get_item", "/inbound_nodes/0/args/1/1", "-6", "axis 1 of shape (None, 5, 4, 3) has no position -6"},
    {"get_item_index", "/inbound_nodes/0/args/1", "0", "the batch stays whole"},
    {"get_item_last", "/inbound_nodes/0/args/1/1", R"({"class_name": "__ellipsis__", "config": {}})",
     "a key has one '...' at most"},
    {"get_item_index", "/inbound_nodes/0/args/1", "[0, 1, 1, 1, 1]", "the key has 5 parts for shape"},
    {"get_item_index", "/inbound_nodes/0/args/1", "18446744073709551615", "expected a position"},
    {"flip", "/config/axis", "4", "a tensor of rank 4 has no axis 4"},
    {"flip_two_axes", "/config/axis", "[1, -3]", "an axis is flipped once"},
    {"roll", "/config/shift", "[1, 2]", "takes a shift for each of 1 axes. Received: 2"},
    {"repeat", "/config/axis", "0", "axis must be one behind the batch's"},
    {"repeat", "/config/axis", "null", "axis must be one behind the batch's"},
    {"repeat", "/config/repeats", "-1", "repeats must be at least 0. Received: -1"},
    {"repeat", "/config/repeats", "1000000000", "at most 67108864 are possible"},
    {"repeat_each", "/config/repeats", "[1, 2]", "one for each of 5 positions. Received: 2 of them"},
    {"tile", "/config/repeats", "[2, 1, 1, 1]", "the batch stays whole"},
    {"tile", "/config/repeats", "[1, 1, 1, 1, 1]", "at most one for each axis of shape (None, 5, 4, 3)"},
    {"split", "/config/axis", "0", "the batch stays whole"},
    {"split", "/config/indices_or_sections", "3", "axis 2 of size 4 does not come in 3 equal parts"},
    {"split", "/config/indices_or_sections", "0", "indices_or_sections must be at least 1"},
    {"split_at", "/config/indices_or_sections", "[3, 1]", "must rise from 0 to at most 5"},
    {"split_at", "/config/indices_or_sections", "[1, 6]", "must rise from 0 to at most 5"},
    {"unstack", "/config/num", "3", "num must be 4, the size of axis 2. Received: 3"},
    {"pad", "/config/pad_width/0", "[1, 0]", "the batch stays whole"},
    {"pad", "/config/pad_width", "[[0, 0]]", "pad_width must have a pair for each axis"},
    {"pad", "/config/pad_width", "1", "'pad_width' must be a list of pairs. Received: 1"},
    {"pad", "/config/pad_width/1", "[0, -1]", "pad_width must be at least 0. Received: (0, -1)"},
    {"pad", "/config/mode", "\"edge\"",
     "mode must be 'constant', 'reflect' or 'symmetric'. Received: 'edge'"},
    {"pad_reflect", "/config/pad_width/1", "[5, 0]",
     "pad_width of axis 1 must be at most 4 in mode 'reflect'"},
    {"pad_reflect", "/inbound_nodes/0/kwargs/constant_values", "1",
     "constant_values are for mode 'constant' alone"},
    {"pad", "/inbound_nodes/0/kwargs/constant_values", "[1]", "'constant_values' must be a number or None"},
    {"pad", "/inbound_nodes/0/kwargs/other", "1", "the argument 'other' is not known"},
    {"average", "/inbound_nodes/0/kwargs/weights", "1", "weights must be None"},
    {"relu", "/inbound_nodes/0/args/0", "1.5", "'relu' (keras.src.ops.nn>Relu), its call: expected a tensor"},
    {"subtract_array", "/inbound_nodes/0/args/1/config/dtype", "\"text\"", "its array of text: "},
    {"subtract_array", "/inbound_nodes/0/args/1/config/dtype", "\"int32\"",
     "its array of int32: holds whole numbers. Received: 0.48"},
    {"multiply_whole_numbers", "/inbound_nodes/0/args/1/config/value", "[1e30]",
     "holds whole numbers. Received: 1e+30"},
    {"subtract_array", "/inbound_nodes/0/args/1/config/value", "[1, [2]]", "an array holds numbers"},
    {"subtract_array", "/inbound_nodes/0/args/1/config/value", "[[1, 2], [2]]",
     "must have one length along an axis"},
    {"subtract_array", "/inbound_nodes/0/args/1/config/value", "[]", "an array must have numbers"},
    {"subtract_array", "/inbound_nodes/0/args/1/config/value", "[1, 2]", "must have shapes that broadcast"},
    {"matmul_array", "/inbound_nodes/0/args/1/config/value", "[[1, 2]]", "the inner sizes differ"},
    {"matmul_array", "/inbound_nodes/0/args/1/config/value", "[1, 2, 3]", "takes tensors of rank 2 or more"},
    {"matmul_array", "/inbound_nodes/0/args/1", "3", "takes two arguments, tensors or arrays"},
    {"norm", "/config/axis", "[1, 2, 3]", "takes one axis, or two with ord None. Received: 3 axes"},
    {"norm", "/config/ord", "0.5", "ord must be None or a whole number from 1 to 64. Received: 0.5"},
    {"normalize", "/config/order", "0", "order must be from 1 to 64. Received: 0"},
    {"normalize_order1", "/config/axis", "[1, 2]", "takes one axis unless order is 2"},
    {"normalize", "/config/epsilon", "0", "epsilon must be above 0"},
    {"cast", "/config/dtype", "\"int32\"", "dtype must be float32, float64 or bfloat16. Received: int32"},
    {"max_pool", "/config/pool_size", "[2, 2, 2]", "'pool_size' must be"},
    {"max_pool", "/config/padding", "\"full\"", "padding must be"},
    {"resize", "/config/size", "[0, 3]", "height and width must be at least 1"},
    {"resize", "/config/interpolation", "\"cubic\"", "interpolation must be"},
    {"depth_to_space", "/config/block_size", "3", "axis 3 of shape (None, 3, 2, 8) does not come in 9 parts"},
    {"depth_to_space", "/config/block_size", "0", "block_size must be at least 1"},
    {"depth_to_space", "/config/block_size", "2000000000", "positions; at most 67108864 are possible"},
    {"conv", "/config/strides", "[1, 2, 3]", "strides must be one number or two. Received: 3 of them"},
    {"conv", "/config/strides", "0", "strides must be at least 1"},
    {"conv", "/config/data_format", "\"channels_first\"",
     "data_format must be channels_last. Received: channels_first"},
    {"conv", "/inbound_nodes/0/args/1", "2", "takes images and a kernel that is an array"},
    {"conv", "/inbound_nodes/0/args/1/config/value", "[[[1, 2, 3]]]",
     "takes kernels of rank 4. Received: (1, 1, 3)"},
    {"conv", "/inbound_nodes/0/args/1/config/value", "[[[[1], [2]]]]",
     "a kernel of shape (1, 1, 2, 1) does not fit images of 3 channels"},
    {"depthwise_conv", "/inbound_nodes/0/args/1/config/value", "[[[[1]]]]",
     "a kernel of shape (1, 1, 1, 1) does not fit images of 3 channels"},
    {"unstack", "/config/axis", "0", "the batch stays whole"},
    {"moveaxis", "/config/source", "[1, 1]", "source and destination must be different axes, and as many"},
};

TEST(RefusedOperations, HaveArgumentsThatDoNotFit) {
  for (const Refusal& refusal : kRefusals) {
    Json object = golden("operations", refusal.golden).at("model");
    Json& layers = object["config"]["layers"];
    for (Json& layer : layers) {
      if (layer.at("class_name") == "InputLayer") continue;
      layer[Json::json_pointer(refusal.place)] = Json::parse(refusal.value);
      break;
    }
    const std::string message = error_of_model(object);
    EXPECT_NE(message.find(refusal.message), std::string::npos)
        << refusal.golden << " with " << refusal.value << ": " << message;
  }
}

}  // namespace
}  // namespace fovea::testing
