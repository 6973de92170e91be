#include "saving/legacy_h5.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <random>

#include "fovea/callbacks.h"
#include "optimizers/optimizer_impl.h"
#include "saving/compile_json.h"
#include "saving/files.h"
#include "saving/gallery.h"
#include "saving/hdf5_reader.h"
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

// ---- the optimizer ----

TEST_F(LegacyH5, AnOptimizersStateThatDoesNotFitIsLeftOut) {
  const Model model = load_model(made_file("optimizer_keras3_adam.h5"));
  EXPECT_TRUE(messages_.empty());
  EXPECT_EQ(model.optimizer().iterations(), 2);
  // One of the layers was frozen since.
  Hdf5Writer file;
  file.make_group("optimizer_weights");
  file.set_texts("optimizer_weights", "weight_names", {"adam/iteration", "adam/learning_rate", "adam/a"});
  file.write("optimizer_weights/adam/iteration", Tensor::of<std::int64_t>({}, {9}));
  const std::string original = read_bytes(h5_file("sequential_keras3"));
  const Hdf5Reader keras(original);
  for (const char* name : {"model_config", "training_config", "keras_version"})
    file.set_attribute("", name, keras.texts("", name)->front());
  file.make_group("model_weights");
  const std::vector<std::string> layers = *keras.texts("model_weights", "layer_names");
  file.set_texts("model_weights", "layer_names", layers);
  for (const std::string& layer : layers) {
    const std::vector<std::string> names = *keras.texts("model_weights/" + layer, "weight_names");
    file.make_group("model_weights/" + layer);
    file.set_texts("model_weights/" + layer, "weight_names", names);
    for (const std::string& name : names) {
      const std::string weight = "model_weights/" + layer + "/" + name;
      file.write(weight, keras.read(weight));
    }
  }
  write_bytes(path("odd.h5"), file.finish());
  const Model odd = load_model(path("odd.h5"));
  ASSERT_EQ(messages_.size(), 1u);
  EXPECT_TRUE(
      contains(messages_[0], "The optimizer's state is not read: optimizer_weights: it has 3 values and"));
  EXPECT_EQ(odd.optimizer().iterations(), 0);
}

/// A file with other names for the optimizer's state and the weights, and of another version.
std::string renamed(const std::string& original, const std::string& version,
                    const std::vector<std::pair<std::string, std::string>>& state,
                    const std::function<std::string(const std::string&)>& weight_name) {
  const Hdf5Reader from(original);
  Hdf5Writer file;
  for (const char* name : {"model_config", "training_config"})
    file.set_attribute("", name, from.texts("", name)->front());
  file.set_attribute("", "keras_version", version);
  const std::vector<std::string> layers = *from.texts("model_weights", "layer_names");
  file.make_group("model_weights");
  file.set_texts("model_weights", "layer_names", layers);
  for (const std::string& layer : layers) {
    const std::string group = "model_weights/" + layer;
    const std::vector<std::string> names = *from.texts(group, "weight_names");
    std::vector<std::string> new_names;
    for (const std::string& name : names) new_names.push_back(weight_name(name));
    file.make_group(group);
    file.set_texts(group, "weight_names", new_names);
    for (std::size_t i = 0; i < names.size(); ++i)
      file.write(group + "/" + new_names[i], from.read(group + "/" + names[i]));
  }
  std::vector<std::string> names;
  for (const auto& [old_name, name] : state) names.push_back(name);
  file.make_group("optimizer_weights");
  file.set_texts("optimizer_weights", "weight_names", names);
  for (const auto& [old_name, name] : state)
    file.write("optimizer_weights/" + name, from.read("optimizer_weights/" + old_name));
  return std::string(std::string_view(file.finish()));
}

std::vector<double> state_of(const Model& model) {
  const auto& impl = static_cast<const ModelImpl&>(*model.impl());
  std::vector<double> result;
  for (const Variable& variable : model.optimizer().impl()->variables(impl.collect_weights(true))) {
    const Tensor value = variable.value().astype(DType::float64);
    result.insert(result.end(), value.values<double>().begin(), value.values<double>().end());
  }
  return result;
}

class LegacyState : public LegacyH5 {
 protected:
  /// Of the file with Adam of tf.keras before 2.11: all of m, then all of v and vhat.
  const std::string original_ = read_bytes(made_file("optimizer_older_adam.h5"));
  const std::vector<std::string> names_ = *Hdf5Reader(original_).texts("optimizer_weights", "weight_names");
  const std::vector<double> expected_ = state_of(load_model(made_file("optimizer_older_adam.h5")));

  std::vector<double> state_with(const std::vector<std::pair<std::string, std::string>>& state,
                                 const std::function<std::string(const std::string&)>& weight_name) {
    write_bytes(path("renamed.h5"), renamed(original_, "2.0.5", state, weight_name));
    messages_.clear();
    return state_of(load_model(path("renamed.h5")));
  }
  /// Keras 2's names say nothing; `order` is that of the weights.
  std::vector<std::pair<std::string, std::string>> numbered(const std::vector<std::size_t>& order) const {
    std::vector<std::pair<std::string, std::string>> state = {{names_[0], "iterations_1:0"}};
    for (std::size_t slot = 0; slot < 3; ++slot) {
      for (const std::size_t i : order) {
        const std::string& name = names_[1 + slot * order.size() + i];
        state.emplace_back(name, "training/Adam/Variable_" + std::to_string(state.size()) + ":0");
      }
    }
    return state;
  }
  /// As the file has them.
  const std::vector<std::string> weights_ = {"b/kernel",   "b/bias",    "c/kernel",    "a/kernel",
                                             "norm/gamma", "norm/beta", "last/kernel", "last/bias"};
  static std::string same(const std::string& name) { return name; }
};

TEST_F(LegacyState, OfKeras2StandsInTheOrderOfTheWeights) {
  ASSERT_EQ(names_.size(), 1 + 3 * weights_.size());
  for (std::size_t i = 0; i < weights_.size(); ++i) EXPECT_TRUE(contains(names_[1 + i], weights_[i]));
  // Where the order by name has other shapes in it, there is no doubt.
  const auto renamed_weight = [](const std::string& name) {
    return name.rfind("b/", 0) == 0 ? "z" + name : name;
  };
  EXPECT_EQ(state_with(numbered({0, 1, 2, 3, 4, 5, 6, 7}), renamed_weight), expected_);
  EXPECT_TRUE(messages_.empty());
}

TEST_F(LegacyState, OfTheFirstKeras2IsSortedByName) {
  std::vector<std::size_t> order = {0, 1, 2, 3, 4, 5, 6, 7};
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return weights_[a] < weights_[b]; });
  EXPECT_EQ(state_with(numbered(order), same), expected_);
  EXPECT_TRUE(messages_.empty());
}

TEST_F(LegacyState, IsReadByLayerAndWeightWhereItNamesThem) {
  std::vector<std::pair<std::string, std::string>> state;
  for (auto name = names_.rbegin(); name != names_.rend(); ++name) state.emplace_back(*name, *name);
  EXPECT_EQ(state_with(state, same), expected_);
  EXPECT_TRUE(messages_.empty());
}

TEST_F(LegacyState, ThatCannotBeTold) {
  const std::vector<double> fresh = [&] {
    std::vector<double> zeros(expected_.size(), 0.0);
    zeros[1] = expected_[1];
    return zeros;
  }();
  std::vector<std::pair<std::string, std::string>> state = numbered({0, 1, 2, 3, 4, 5, 6, 7});
  state.pop_back();
  EXPECT_EQ(state_with(state, same), fresh);
  ASSERT_EQ(messages_.size(), 1u);
  EXPECT_TRUE(
      contains(messages_[0], "optimizer_weights: its values have other shapes than the model's weights"));
  // norm's gamma and beta are of one shape, and their names are in another order.
  const auto by_name = [](const std::string& name) {
    const std::size_t at = name.find("norm/");
    if (at == 0) return "w5/" + std::string(name.find("gamma") != std::string::npos ? "z" : name);
    for (const auto& [prefix, place] :
         std::vector<std::pair<std::string, std::string>>{{"b/kernel", "w1"},
                                                          {"b/bias", "w2"},
                                                          {"a/kernel", "w4"},
                                                          {"last/kernel", "w6"},
                                                          {"last/bias", "w7"}}) {
      if (name.rfind(prefix, 0) == 0) return place;
    }
    return "w3" + name;
  };
  EXPECT_EQ(state_with(numbered({0, 1, 2, 3, 4, 5, 6, 7}), by_name), fresh);
  ASSERT_EQ(messages_.size(), 1u);
  EXPECT_TRUE(contains(messages_[0], "it does not say which values belong to which weight"));
  state.clear();
  for (const std::string& name : names_)
    if (name.find("vhat") == std::string::npos) state.emplace_back(name, name);
  EXPECT_EQ(state_with(state, same), fresh);
  EXPECT_TRUE(contains(messages_.at(0), "it has no 'velocity_hat'"));
}

TEST_F(LegacyH5, AnOptimizersStateComesBack) {
  for (const char* name : {"keras3_adam", "keras3_rmsprop", "keras3_sgd", "tf_adam", "older_rmsprop"}) {
    const Model model = load_model(made_file(std::string("optimizer_") + name + ".h5"));
    model.save(path("a.h5"));
    const Model again = load_model(path("a.h5"));
    const auto state = [](const Model& of) {
      const auto& impl = static_cast<const ModelImpl&>(*of.impl());
      return of.optimizer().impl()->variables(impl.collect_weights(true));
    };
    const std::vector<Variable> ours = state(again), expected = state(model);
    ASSERT_EQ(ours.size(), expected.size());
    for (std::size_t i = 0; i < ours.size(); ++i) {
      const Tensor a = ours[i].value(), b = expected[i].value();
      EXPECT_EQ(std::memcmp(a.raw(), b.raw(), static_cast<std::size_t>(a.bytes())), 0) << name << " " << i;
      EXPECT_NE(*b.astype(DType::float64).data<double>(), 0) << name << " " << i;
    }
  }
  EXPECT_TRUE(messages_.empty());
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
