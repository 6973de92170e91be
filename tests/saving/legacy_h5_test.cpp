#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <random>

#include "fovea/callbacks.h"
#include "saving/compile_json.h"
#include "saving/hdf5_reader.h"
#include "saving/json_access.h"
#include "saving/legacy_config.h"
#include "saving/legacy_files.h"
#include "saving/model_json.h"

// Whole models in .h5 files, of tests/golden/h5.py. What they predict is in
// tests/training/legacy_h5_test.cpp.

namespace fovea::testing {
namespace {

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
  EXPECT_TRUE(messages_.empty());
  EXPECT_FALSE(load_model(h5_file("nested_keras2")).compiled());
  ASSERT_EQ(messages_.size(), 1u);
  EXPECT_TRUE(contains(messages_[0], "does not say how the model was trained"));
}

TEST_F(LegacyH5, IsLoadedWithoutATrainingThatIsNotKnown) {
  const std::string one = one_layer_file(kDense, "kernel:0", Tensor({2, 3}));
  for (const char* config :
       {R"({"optimizer_config": {"class_name": "Muon", "config": {}}, "loss": "mse"})",
        R"({"optimizer_config": {"class_name": "SGD", "config": {"lr": 0.1, "decay": "x"}}, "loss": "mse"})",
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

TEST_F(LegacyH5, ARateThatFellByItselfIsASchedule) {
  for (const char* name : {"decay", "initial_decay"}) {
    Json training = {{"optimizer_config", {{"class_name", "SGD"}, {"config", {{"lr", 0.5}, {name, 0.25}}}}},
                     {"loss", "mse"}};
    const CompileOptions options = compile_from_json(compile_config_from_legacy(training), {"only"});
    OptimizerImpl& optimizer = *options.optimizer.impl();
    ASSERT_TRUE(optimizer.schedule) << name;
    // Keras 2: rate / (1 + decay * steps taken).
    for (const std::int64_t steps : {0, 1, 10})
      EXPECT_FLOAT_EQ(static_cast<float>(optimizer.schedule(steps)),
                      0.5F / (1 + 0.25F * static_cast<float>(steps)));
  }
}

TEST_F(LegacyH5, WeightsThatDoNotFitAreNamed) {
  const auto error_with = [&](const std::string& weight, const Tensor& value) {
    const std::string file = one_layer_file(kDense, weight, value);
    const std::string error = error_of([&] { load_model(file); });
    EXPECT_TRUE(error == "" || error.rfind("'" + file + "': ", 0) == 0) << error;
    return error;
  };
  EXPECT_EQ(error_with("kernel:0", Tensor({2, 3})), "");
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
    EXPECT_NE(error_with(broken), "") << broken;
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

// ---- writing ----

std::vector<double> numbers(const Model& model) {
  std::vector<double> result;
  for (const Tensor& weight : model.get_weights())
    result.push_back(weight.astype(DType::float64).data<double>()[0]);
  return result;
}

/// Every weight is its number in the model.
void number_weights(const Model& model, double first = 1) {
  for (Variable weight : model.weights()) {
    Tensor value(weight.spec().shape, DType::float64);
    std::fill_n(value.data<double>(), value.size(), first++);
    weight.assign(value);
  }
}

TEST_F(LegacyH5, EveryModelComesBack) {
  for (const std::string& name : gallery_names()) {
    SCOPED_TRACE(name);
    const Model model = gallery_model(name);
    number_weights(model);
    for (const char* file : {"a.h5", "a.hdf5"}) {
      model.save(path(file));
      const Model loaded = load_model(path(file));
      EXPECT_EQ(numbers(loaded), numbers(model));
      EXPECT_EQ(loaded.compiled(), model.compiled());
      loaded.save(path("again.h5"));
      EXPECT_TRUE(read_bytes(path("again.h5")) == read_bytes(path(file)));
    }
  }
}

TEST_F(LegacyH5, IsWrittenWhereKerasHasIt) {
  for (const char* name :
       {"sequential_keras3", "two_inputs_keras3", "nested_keras3", "sequence_of_models_keras3"}) {
    SCOPED_TRACE(name);
    load_model(h5_file(name)).save(path("ours.h5"));
    const std::string theirs_bytes = read_bytes(h5_file(name)), ours_bytes = read_bytes(path("ours.h5"));
    const Hdf5Reader theirs(theirs_bytes), ours(ours_bytes);
    EXPECT_EQ(ours.children(""), theirs.children(""));
    const auto expect_same_texts = [&](const std::string& group, const char* attribute) {
      EXPECT_EQ(ours.texts(group, attribute), theirs.texts(group, attribute)) << group << " " << attribute;
    };
    expect_same_texts("", "backend");
    expect_same_texts("", "keras_version");
    expect_same_texts("model_weights", "layer_names");
    expect_same_texts("model_weights", "backend");
    expect_same_texts("model_weights", "keras_version");
    EXPECT_EQ(ours.children("model_weights"), theirs.children("model_weights"));
    for (const std::string& layer : theirs.children("model_weights")) {
      const std::string group = "model_weights/" + layer;
      const auto our_names = *ours.texts(group, "weight_names"),
                 their_names = *theirs.texts(group, "weight_names");
      ASSERT_EQ(our_names.size(), their_names.size()) << layer;
      for (std::size_t i = 0; i < our_names.size(); ++i) {
        const Tensor a = ours.read(group + "/" + our_names[i]), b = theirs.read(group + "/" + their_names[i]);
        ASSERT_EQ(a.spec(), b.spec());
        EXPECT_TRUE(
            std::equal(a.values<float>().begin(), a.values<float>().end(), b.values<float>().begin()));
      }
    }
    if (theirs.has("optimizer_weights")) expect_same_texts("optimizer_weights", "weight_names");
    EXPECT_EQ(ours.texts("", "training_config").has_value(), theirs.texts("", "training_config").has_value());
  }
}

TEST_F(LegacyH5, KeepsWhatFoveaKnowsOfAModel) {
  const Model model = gallery_model("sequential");
  model.info() = {.class_names = {"cat", "dog"}, .preprocessing = ImageOptions{.color_mode = "grayscale"}};
  model.set_kernels({"avx2", {{"conv2d", "Conv2D", "shapes", "conv2d:direct", "order", 0}}});
  model.save(path("a.h5"));
  const Model loaded = load_model(path("a.h5"));
  EXPECT_EQ(loaded.info().class_names, model.info().class_names);
  EXPECT_EQ(loaded.info().preprocessing->color_mode, "grayscale");
  ASSERT_EQ(loaded.kernels().choices.size(), 1u);
  EXPECT_EQ(loaded.kernels().choices[0].kernel, "conv2d:direct");
}

/// Keras does not read them otherwise.
TEST_F(LegacyH5, LossesAreWrittenWithTheirLongNames) {
  const Json training = training_to_legacy(parse_json(R"({
    "optimizer": {"module": "keras.optimizers", "class_name": "SGD", "config": {"name": "SGD"}, "registered_name": null},
    "loss": {"a": "mse", "b": ["MAE", null], "c": {"module": "keras.losses", "class_name": "Huber", "config": {},
             "registered_name": null}, "d": "hinge"},
    "metrics": ["mse", {"module": null, "class_name": "Own", "config": {}, "registered_name": "mine>Own"}],
    "loss_weights": [0.5]})"));
  EXPECT_EQ(training, parse_json(R"({
    "loss": {"a": "mean_squared_error", "b": ["mean_absolute_error", null], "c": {"class_name": "Huber", "config": {}},
             "d": "hinge"},
    "metrics": ["mse", {"class_name": "mine>Own", "config": {}}], "loss_weights": [0.5],
    "optimizer_config": {"class_name": "SGD", "config": {"name": "SGD"}}})"));
}

// ---- weights alone ----

TEST_F(LegacyH5, WeightsAreReadIntoAModelThatIsThere) {
  const Model older = load_model(h5_file("residual_keras2"), {.compile = false});
  const Model newer = load_model(h5_file("residual_keras3"), {.compile = false});
  const std::vector<double> expected = numbers(newer);
  older.load_weights(h5_file("residual_keras3"));
  EXPECT_EQ(numbers(older), expected);
  number_weights(older);
  older.load_weights(h5_file("residual_keras3"), {.by_name = true});
  EXPECT_EQ(numbers(older), expected);
}

/// As Keras 2's save_weights wrote them: what stands in a group otherwise is the root.
TEST_F(LegacyH5, FilesWithWeightsAloneAreRead) {
  Hdf5Writer file;
  file.set_attribute("", "backend", "tensorflow");
  file.make_group("only/only");
  file.set_texts("", "layer_names", {"only"});
  file.set_texts("only", "weight_names", {"only/kernel:0"});
  file.write("only/only/kernel:0", Tensor::of<float>({2, 3}, {1, 2, 3, 4, 5, 6}));
  write_bytes(path("weights.h5"), file.finish());
  const Model model = Sequential({Input({2}), Dense(3, {.use_bias = false, .name = "other"})});
  model.load_weights(path("weights.h5"));
  EXPECT_EQ(model.get_weights()[0].values<float>()[5], 6);
  EXPECT_TRUE(contains(error_of([&] { load_model(path("weights.h5")); }), "holds no model"));
}

class LegacyWeights : public LegacyH5 {
 protected:
  static Model net(const char* first, const char* second, std::int64_t units = 2, bool bias = true) {
    return Sequential(
        {Input({4}), Dense(3, {.name = first}), Dense(units, {.use_bias = bias, .name = second})});
  }
  /// The weights of `target` after loading those of `source`, which are numbered from 1; before, from 100.
  std::vector<double> loaded(const Model& source, const Model& target, const LoadWeightsOptions& options) {
    number_weights(source);
    number_weights(target, 100);
    source.save(path("source.h5"));
    messages_.clear();
    target.load_weights(path("source.h5"), options);
    return numbers(target);
  }
};

TEST_F(LegacyWeights, ByNameFindsLayersWhereverTheyStand) {
  const LoadWeightsOptions by_name{.by_name = true};
  EXPECT_EQ(loaded(net("a", "b"), net("x", "b"), by_name), (std::vector<double>{100, 101, 3, 4}));
  EXPECT_EQ(loaded(net("a", "b"), net("x", "b"), {}), (std::vector<double>{1, 2, 3, 4}));
  const Model square_of = Sequential({Input({4}), Dense(4, {.name = "b"}), Dense(4, {.name = "a"})});
  const Model square = Sequential({Input({4}), Dense(4, {.name = "a"}), Dense(4, {.name = "b"})});
  EXPECT_EQ(loaded(square_of, square, by_name), (std::vector<double>{3, 4, 1, 2}));
  EXPECT_EQ(loaded(square_of, square, {}), (std::vector<double>{1, 2, 3, 4}));
  EXPECT_TRUE(messages_.empty());
}

TEST_F(LegacyWeights, WhatDoesNotFitIsLeftOutIfThatIsAskedFor) {
  const auto error = [&](const Model& source, const Model& target, const LoadWeightsOptions& options) {
    const std::string message = error_of([&] { loaded(source, target, options); });
    EXPECT_EQ(numbers(target), (std::vector<double>{100, 101, 102, 103}));
    return message;
  };
  // A kernel of another shape; its bias, too.
  for (const bool by_name : {false, true}) {
    EXPECT_EQ(loaded(net("a", "b", 5), net("a", "b"), {.by_name = by_name, .skip_mismatch = true}),
              (std::vector<double>{1, 2, 102, 103}));
    ASSERT_EQ(messages_.size(), 2u);
    EXPECT_TRUE(
        contains(messages_[0], "Weights are left out, since 'model_weights/b/b/kernel' has shape (3, 5)"));
    EXPECT_TRUE(contains(error(net("a", "b", 5), net("a", "b"), {.by_name = by_name}), "has shape (3, 5)"));
  }
  // One weight less: with names alone, the layer is left out.
  EXPECT_EQ(loaded(net("a", "b", 2, false), net("a", "b"), {.by_name = true, .skip_mismatch = true}),
            (std::vector<double>{1, 2, 102, 103}));
  ASSERT_EQ(messages_.size(), 1u);
  EXPECT_TRUE(contains(messages_[0], "'model_weights/b' has 1 weights, layer 'b' (Dense) needs 2"));
  EXPECT_TRUE(contains(error(net("a", "b", 2, false), net("a", "b"), {.by_name = true}), "has 1 weights"));
  EXPECT_TRUE(
      contains(error(net("a", "b", 2, false), net("a", "b"), {.skip_mismatch = true}), "has 1 weights"));
}

TEST_F(LegacyH5, DamagedFilesAreSurvived) {
  for (const std::string& original :
       {read_bytes(h5_file("sequential_keras2")), read_bytes(h5_file("nested_keras3")),
        read_bytes(made_file("optimizer_tf_adam.h5"))}) {
    std::mt19937 random(3);
    for (int i = 0; i < 400; ++i) {
      std::string bytes = original.substr(0, i % 4 == 0 ? random() % original.size() : original.size());
      for (int j = 0; j < 3 && !bytes.empty(); ++j)
        bytes[random() % bytes.size()] = static_cast<char>(random());
      const std::vector<char> exact(bytes.begin(), bytes.end());
      try {
        load_legacy_h5(MemoryBytes({exact.data(), exact.size()}), {});
      } catch (const Error&) {
      }
    }
  }
}

}  // namespace
}  // namespace fovea::testing
