#include "saving/legacy_h5.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "fovea/callbacks.h"
#include "saving/files.h"
#include "saving/hdf5_writer.h"
#include "saving/json_access.h"
#include "saving/legacy_config.h"
#include "saving/model_json.h"
#include "support/golden.h"

// Whole models in .h5 files, of tests/golden/h5.py. What they predict is in
// tests/training/legacy_h5_test.cpp.

namespace fovea::testing {
namespace {

std::string h5_file(const std::string& name) { return FOVEA_GOLDEN_DIR "/h5/" + name + ".h5"; }

class LegacyH5 : public WithFolder {
 protected:
  LegacyH5() {
    set_log_callback([this](std::string_view message) { messages_.emplace_back(message); });
  }
  ~LegacyH5() override { set_log_callback(nullptr); }

  /// A file of one layer whose weights are in one dataset.
  std::string one_layer_file(const std::string& model, const std::string& weight, const Tensor& value) const {
    Hdf5Writer file;
    file.make_group("model_weights/only");
    file.set_attribute("", "model_config", model);
    file.set_attribute("model_weights", "layer_names", "only");
    file.set_attribute("model_weights/only", "weight_names", weight);
    file.write("model_weights/only/" + weight, value);
    write_bytes(path("one.h5"), file.finish());
    return path("one.h5");
  }

  std::vector<std::string> messages_;
};

constexpr const char* kDense = R"({"class_name": "Sequential", "config": [{"class_name": "Dense", "config": {
    "name": "only", "units": 3, "use_bias": false, "batch_input_shape": [null, 2]}}]})";

TEST_F(LegacyH5, TheWeightsAreKeras) {
  for (const std::string& name : golden_cases("h5")) {
    SCOPED_TRACE(name);
    const std::vector<Tensor> expected = tensors_from(golden("h5", name)["weights"]);
    const std::vector<Tensor> weights = load_model(h5_file(name), {.compile = false}).get_weights();
    ASSERT_EQ(weights.size(), expected.size());
    for (std::size_t i = 0; i < weights.size(); ++i) {
      ASSERT_EQ(weights[i].spec(), expected[i].spec()) << i;
      const auto ours = weights[i].values<float>(), theirs = expected[i].values<float>();
      EXPECT_TRUE(std::equal(ours.begin(), ours.end(), theirs.begin())) << i;
    }
  }
  EXPECT_TRUE(messages_.empty());
}

TEST_F(LegacyH5, TheModelIsTheSameFromEveryKeras) {
  for (const char* name : {"two_inputs", "residual"}) {
    const Model older = load_model(h5_file(name + std::string("_keras2")), {.compile = false});
    const Model newer = load_model(h5_file(name + std::string("_keras3")), {.compile = false});
    EXPECT_EQ(model_to_json(older), model_to_json(newer)) << name;
  }
}

TEST_F(LegacyH5, IsCompiledAsItWas) {
  for (const char* name : {"sequential_keras2", "sequential_keras3"}) {
    messages_.clear();
    const Model model = load_model(h5_file(name));
    ASSERT_TRUE(model.compiled()) << name;
    EXPECT_EQ(model.optimizer().name(), "adam");
    EXPECT_EQ(model.optimizer().learning_rate(), 0.0625);
    EXPECT_FALSE(load_model(h5_file(name), {.compile = false}).compiled());
  }
  ASSERT_EQ(messages_.size(), 1u);
  EXPECT_TRUE(contains(messages_[0], "The optimizer's state in an .h5 file is not read"));
  messages_.clear();
  EXPECT_FALSE(load_model(h5_file("nested_keras2")).compiled());
  ASSERT_EQ(messages_.size(), 1u);
  EXPECT_TRUE(contains(messages_[0], "does not say how the model was trained"));
}

TEST_F(LegacyH5, IsLoadedWithoutATrainingThatIsNotKnown) {
  const std::string one = one_layer_file(kDense, "kernel:0", Tensor({2, 3}));
  for (const char* config :
       {R"({"optimizer_config": {"class_name": "Muon", "config": {}}, "loss": "mse"})",
        R"({"optimizer_config": {"class_name": "SGD", "config": {"lr": 0.1, "decay": 0.5}}, "loss": "mse"})",
        R"({"optimizer_config": {"class_name": "SGD", "config": {"lr": 0.1}}, "loss": "my_loss"})", "{}",
        "["}) {
    Hdf5Writer file;
    file.make_group("model_weights/only");
    file.set_attribute("", "model_config", kDense);
    file.set_attribute("", "training_config", config);
    file.set_attribute("model_weights", "layer_names", "only");
    file.set_attribute("model_weights/only", "weight_names", "kernel:0");
    file.write("model_weights/only/kernel:0", Tensor({2, 3}));
    write_bytes(path("odd.h5"), file.finish());
    messages_.clear();
    EXPECT_FALSE(load_model(path("odd.h5")).compiled());
    ASSERT_EQ(messages_.size(), 1u) << config;
    EXPECT_TRUE(contains(messages_[0], "The model is not compiled: training_config: "));
  }
}

TEST_F(LegacyH5, CompileConfigsGetTheirNewForm) {
  const Json config = compile_config_from_legacy(parse_json(R"({
    "optimizer_config": {"class_name": "Custom>Adam", "config": {"learning_rate": 0.5, "decay": 0.0,
                         "epsilon": null, "is_legacy_optimizer": false, "jit_compile": false}},
    "loss": {"class_name": "BinaryCrossentropy", "config": {"reduction": "auto", "fn": "binary_crossentropy"}},
    "metrics": [[{"class_name": "MeanMetricWrapper", "config": {"name": "acc", "fn": "binary_accuracy"}},
                 {"class_name": "MeanMetricWrapper", "config": {"name": "mae", "fn": "mean_absolute_error"}}]],
    "sample_weight_mode": null})"));
  EXPECT_EQ(config, parse_json(R"({
    "optimizer": {"class_name": "Adam", "config": {"learning_rate": 0.5}},
    "loss": {"class_name": "BinaryCrossentropy", "config": {"reduction": "sum_over_batch_size"}},
    "metrics": [["acc", "mean_absolute_error"]]})"));
}

TEST_F(LegacyH5, WeightsThatDoNotFitAreNamed) {
  const auto error_with = [&](const std::string& weight, const Tensor& value) {
    const std::string file = one_layer_file(kDense, weight, value);
    const std::string error = error_of([&] { load_model(file); });
    EXPECT_TRUE(error == "no error" || error.rfind("'" + file + "': ", 0) == 0) << error;
    return error;
  };
  EXPECT_EQ(error_with("kernel:0", Tensor({2, 3})), "no error");
  EXPECT_TRUE(contains(error_with("kernel:0", Tensor({2, 4})),
                       "'model_weights/only/kernel:0' has shape (2, 4), 'kernel' of layer 'only' (Dense) "
                       "needs (2, 3)"));
  const std::string with_bias = std::string(kDense).replace(std::string(kDense).find("false"), 5, "true");
  const std::string file_name = one_layer_file(with_bias, "kernel:0", Tensor({2, 3}));
  EXPECT_TRUE(contains(error_of([&] { load_model(file_name); }),
                       "'model_weights/only' has 1 weights, layer 'only' (Dense) needs 2"));
  Hdf5Writer file;
  file.set_attribute("", "model_config", kDense);
  write_bytes(path("none.h5"), file.finish());
  EXPECT_TRUE(contains(error_of([&] { load_model(path("none.h5")); }), "there is no group 'model_weights'"));
  Hdf5Writer without;
  without.set_attribute("", "model_config", kDense);
  without.make_group("model_weights");
  write_bytes(path("none.h5"), without.finish());
  EXPECT_TRUE(contains(error_of([&] { load_model(path("none.h5")); }),
                       "model_weights: the model has 1 layers with weights. Received: 0"));
  write_bytes(path("none.h5"), Hdf5Writer().finish());
  EXPECT_TRUE(contains(error_of([&] { load_model(path("none.h5")); }), "no attribute 'model_config'"));
  write_bytes(path("none.h5"), "no HDF5");
  EXPECT_TRUE(contains(error_of([&] { load_model(path("none.h5")); }), "is no HDF5 file"));
  EXPECT_TRUE(contains(error_of([&] { load_model(path("other.h5")); }), "there is no such file"));
}

TEST_F(LegacyH5, LayersThatAreNotKnownAreNamed) {
  const auto error_with = [](const std::string& layer) {
    const std::string config =
        R"({"class_name": "Sequential", "config": {"name": "s", "layers": [)" + layer + "]}}";
    return error_of([&] { model_from_json_object(model_from_legacy(parse_json(config)), {}); });
  };
  const auto object = [](const std::string& name, const std::string& options) {
    return R"({"class_name": ")" + name + R"(", "config": {"name": "x", "batch_input_shape": [null, 4])" +
           options + "}}";
  };
  EXPECT_TRUE(contains(error_with(object("Lambda", R"(, "function": ["cm0=", null, null])")),
                       "layer 'x' (Lambda): holds Python code"));
  EXPECT_TRUE(contains(error_with(object("Hashing", "")), "layer 'x' (Hashing)"));
  EXPECT_TRUE(contains(error_with(object("TFOpLambda", "")), "layer 'x' (TFOpLambda)"));
  EXPECT_TRUE(contains(error_with(object("Dense", R"(, "units": 2, "kernel_size": 3)")),
                       "layer 'x' (Dense): there is no option 'kernel_size'"));
  for (const char* broken :
       {"7", "{}", R"({"class_name": "Dense"})", R"({"class_name": "Dense", "config": 7})",
        R"({"class_name": "Dense", "config": {"name": 7, "batch_input_shape": [null, 4], "units": 2}})",
        R"({"class_name": "Model", "config": {"layers": [{"class_name": "Dense", "config": {}}]}})",
        R"({"module": "keras.layers", "class_name": "Sequential"})",
        R"({"class_name": "Model", "config": {"name": "m", "layers": [], "output_layers": 7}})",
        R"({"class_name": "Model", "config": {"name": "m", "layers": [{"class_name": "Dense", "name": "d",
            "config": {"units": 2}, "inbound_nodes": [[["d", -1, 0, {}]]]}], "output_layers": [["d", 0, 0]]}})"}) {
    EXPECT_NE(error_with(broken), "no error") << broken;
  }
}

/// As between Keras 2.12 and 3.0: objects with modules, calls as lists.
TEST_F(LegacyH5, TheFormInBetweenIsRead) {
  const Json model = model_from_legacy(parse_json(R"({"module": "keras.src.engine.functional",
    "class_name": "Functional", "registered_name": "Functional", "config": {"name": "m", "trainable": true,
    "layers": [{"module": "keras.layers", "class_name": "InputLayer", "registered_name": null, "name": "x",
                "config": {"batch_input_shape": [null, 2], "dtype": "float32", "ragged": false, "name": "x"},
                "inbound_nodes": []},
               {"module": "keras.layers", "class_name": "LayerOne", "registered_name": "mine>LayerOne",
                "config": {}, "name": "own", "inbound_nodes": [[["x", 0, 0, {"training": false}]]]}],
    "input_layers": [["x", 0, 0]], "output_layers": [["own", 0, 0]]}})"));
  const Json& layers = model["config"]["layers"];
  EXPECT_EQ(layers[0]["config"]["batch_shape"], parse_json("[null, 2]"));
  EXPECT_FALSE(layers[0]["config"].contains("ragged"));
  EXPECT_EQ(layers[1]["registered_name"], "mine>LayerOne");
  EXPECT_EQ(layers[1]["inbound_nodes"], parse_json(R"([{"args": [{"class_name": "__keras_tensor__",
    "config": {"keras_history": ["x", 0, 0]}}], "kwargs": {"training": false}}])"));
}

TEST_F(LegacyH5, OptionsGetTheirNewNames) {
  const Json config = parse_json(R"({"class_name": "Sequential", "config": [
    {"class_name": "LeakyReLU", "config": {"name": "leaky", "batch_input_shape": [null, 4, 4, 2],
     "alpha": {"type": "ndarray", "value": 0.25}}},
    {"class_name": "LayerNormalization", "config": {"name": "norm", "axis": [3], "dtype":
     {"class_name": "Policy", "config": {"name": "float32"}}}},
    {"class_name": "UpSampling2D", "config": {"name": "up", "size": [2, 2], "interpolation": "nearest"}}]})");
  const Model model = model_from_json_object(model_from_legacy(config), {});
  const Json layers = parse_json(model_to_json(model))["config"]["layers"];
  EXPECT_EQ(layers[0]["config"]["name"], "leaky_input");
  EXPECT_EQ(layers[1]["config"]["negative_slope"], 0.25);
  EXPECT_EQ(model.outputs()[0].shape(), (Shape{Shape::unknown, 8, 8, 2}));
}

TEST_F(LegacyH5, DamagedFilesAreSurvived) {
  for (const char* name : {"sequential_keras2", "nested_keras3"}) {
    const std::string original = read_bytes(h5_file(name));
    std::mt19937 random(3);
    for (int i = 0; i < 400; ++i) {
      std::string bytes = original.substr(0, i % 4 == 0 ? random() % original.size() : original.size());
      for (int j = 0; j < 3 && !bytes.empty(); ++j)
        bytes[random() % bytes.size()] = static_cast<char>(random());
      const std::vector<char> exact(bytes.begin(), bytes.end());
      try {
        load_legacy_h5({exact.data(), exact.size()}, {});
      } catch (const Error&) {
      }
    }
  }
}

}  // namespace
}  // namespace fovea::testing
