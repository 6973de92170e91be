#include <gtest/gtest.h>

#include "fovea/error.h"
#include "saving/json_access.h"
#include "saving/legacy_config.h"
#include "saving/model_json.h"

// Functions of TensorFlow in models of tf.keras 2.

namespace fovea::testing {
namespace {

/// A functional model of Keras 2 that calls a function of TensorFlow on its input "x".
Json recorded(const std::string& function, const char* node) {
  Json model = Json::parse(R"({"class_name": "Functional", "config": {"name": "m", "layers": [
      {"class_name": "InputLayer", "name": "x", "config": {"name": "x", "batch_input_shape": [null, 5, 4, 3]},
       "inbound_nodes": []},
      {"class_name": "TFOpLambda", "name": "tf.op", "config": {"name": "tf.op"}, "inbound_nodes": [null]}],
      "input_layers": [["x", 0, 0]], "output_layers": [["tf.op", 0, 0]]}})");
  Json& layer = model["config"]["layers"][1];
  layer["config"]["function"] = function;
  layer["inbound_nodes"][0] = Json::parse(node);
  return model;
}

TEST(RecordedFunctions, ThatAreUnknownOrCalledOtherwiseAreRefused) {
  const struct {
    const char *function, *node, *message;
  } cases[] = {
      {"math.cumsum", R"(["x", 0, 0, {}])",
       "layer 'tf.op' (TFOpLambda): records tf.math.cumsum, for which fovea has no operation"},
      {"nn.silu", R"(["x", 0, 0, {"beta": 2.0}])", "tf.nn.silu: beta must be 1.0. Received: 2.0"},
      {"nn.relu", R"(["x", 0, 0, {"other": 1}])", "the argument 'other' is not known. Received: other=1"},
      {"math.add", R"(["x", 0, 0, {}])", "its function tf.math.add: has no 'y'"},
      {"math.add", R"(["x", 0, 0, {"y": ["nobody", 0, 0]}])", "there is no layer 'nobody'"},
      {"math.add", R"(["x", 0, 0, {"y": "text"}])", "expected a tensor. Received: \"text\""},
      {"math.add", R"(["x", 0, 0, {"y": [[1, 2], [3]]}])", "must have one length along an axis"},
      {"math.add", R"([])", "expected a list of tensors"},
      {"math.add", R"(["x", 0, 0, 7])", "expected arguments by name. Received: 7"},
      {"split", R"(["x", 0, 0, {"num_or_size_splits": [-1, 1], "axis": 1}])",
       "the sizes of parts must be known"},
      {"split", R"(["x", 0, 0, {"num_or_size_splits": [9, 1], "axis": 1}])", "must rise from 0 to at most 5"},
      {"math.l2_normalize", R"(["x", 0, 0, {"axis": 1, "epsilon": "a"}])", "epsilon must be a number"},
      {"__operators__.getitem", R"(["x", 0, 0, {"slice_spec": [0]}])", "the batch stays whole"},
      {"compat.v1.pad", R"(["x", 0, 0, {"paddings": 3}])", "'pad_width' must be a list of pairs"},
      {"cast", R"(["x", 0, 0, {"dtype": "int32"}])", "dtype must be float32, float64 or bfloat16"},
  };
  for (const auto& c : cases) {
    std::string message = "nothing was refused";
    try {
      model_from_json_object(model_from_legacy(recorded(c.function, c.node)), {});
    } catch (const Error& error) {
      message = error.what();
    }
    EXPECT_NE(message.find(c.message), std::string::npos) << c.function << " " << c.node << ": " << message;
  }
}

TEST(RecordedFunctions, BecomeOperations) {
  const Model model = model_from_json_object(
      model_from_legacy(
          recorded("math.subtract", R"(["_CONSTANT_VALUE", -1, 1.5, {"y": ["x", 0, 0], "name": null}])")),
      {});
  const Json layer = Json::parse(model_to_json(model))["config"]["layers"][1];
  EXPECT_EQ(layer["class_name"], "Subtract");
  EXPECT_EQ(layer["name"], "tf.op");
  EXPECT_EQ(layer["inbound_nodes"][0]["args"][0], 1.5);
}

}  // namespace
}  // namespace fovea::testing
