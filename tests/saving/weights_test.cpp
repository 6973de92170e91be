#include <gtest/gtest.h>

#include <random>

#include "fovea/callbacks.h"
#include "saving/compile_json.h"
#include "saving/files.h"
#include "saving/gallery.h"
#include "saving/hdf5_reader.h"
#include "saving/hdf5_writer.h"
#include "saving/model_json.h"
#include "saving/weight_file.h"

namespace fovea::testing {
namespace {

ModelImpl& impl_of(const Model& model) { return static_cast<ModelImpl&>(*model.impl()); }

/// What Model::compile does with a model, without training.
void compile(const Model& model, const CompileOptions& options) {
  impl_of(model).compiled = make_compiled(impl_of(model), options);
}

/// Every weight is its number in the model.
void number_weights(const Model& model, double first = 1) {
  for (Variable weight : model.weights()) {
    Tensor value(weight.spec().shape, DType::float64);
    std::fill_n(value.data<double>(), value.size(), first++);
    weight.assign(value);
  }
}

std::vector<double> numbers(const Model& model) {
  std::vector<double> result;
  for (const Tensor& weight : model.get_weights())
    result.push_back(weight.astype(DType::float64).data<double>()[0]);
  return result;
}

class Weights : public WithFolder {};

TEST_F(Weights, LieWhereKerasHasThem) {
  const Model model = gallery_model("nested");
  number_weights(model);
  const std::string bytes(std::string_view(write_weight_file(impl_of(model))));
  const Hdf5Reader file(bytes);
  EXPECT_EQ(file.children(""), (std::vector<std::string>{"layers", "vars"}));
  EXPECT_EQ(file.children("layers"), (std::vector<std::string>{"functional", "input_layer", "sequential"}));
  EXPECT_EQ(file.children("layers/functional/layers"),
            (std::vector<std::string>{"dense", "input_layer", "sequential"}));
  // A Sequential does not count its input.
  EXPECT_EQ(file.children("layers/functional/layers/sequential/layers"),
            (std::vector<std::string>{"batch_normalization", "dense"}));
  EXPECT_EQ(file.read("layers/functional/layers/sequential/layers/dense/vars/0").values<float>()[0], 1);
  EXPECT_EQ(
      file.read("layers/functional/layers/sequential/layers/batch_normalization/vars/3").values<float>()[0],
      6);
  EXPECT_EQ(file.read("layers/sequential/layers/dense/vars/1").values<float>()[0], 10);
}

TEST_F(Weights, AreNumberedByClassInKerasOrder) {
  const Model model = gallery_model("branches");
  const std::string bytes(std::string_view(write_weight_file(impl_of(model))));
  const Hdf5Reader file(bytes);
  // stem, first, skip and last: the deepest first.
  EXPECT_EQ(file.spec("layers/conv2d/vars/0").shape, (Shape{1, 1, 2, 4}));
  EXPECT_EQ(file.spec("layers/conv2d_1/vars/0").shape, (Shape{3, 3, 4, 4}));
  EXPECT_TRUE(file.has("layers/conv2d_3/vars/1"));
  EXPECT_FALSE(file.has("layers/conv2d_4"));
  EXPECT_TRUE(file.has("layers/global_average_pooling2d/vars"));
}

TEST_F(Weights, OfEveryModelComeBack) {
  for (const std::string& name : gallery_names()) {
    const Model model = gallery_model(name), other = gallery_model(name);
    number_weights(model);
    model.save_weights(path("a.weights.h5"));
    model.save(path("a.keras"));
    other.load_weights(path("a.weights.h5"));
    EXPECT_EQ(numbers(other), numbers(model)) << name;
    number_weights(other, 100);
    other.load_weights(path("a.keras"));
    EXPECT_EQ(numbers(other), numbers(model)) << name;
  }
}

TEST_F(Weights, OfKerasAreRead) {
  const Model model = load_model(made_file("trained.keras"));
  const std::vector<Tensor> expected = model.get_weights();
  number_weights(model);
  model.load_weights(made_file("trained.weights.h5"));
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_EQ(model.get_weights()[i].values<float>()[0], expected[i].values<float>()[0]);
}

TEST_F(Weights, ThatDoNotFitChangeNothing) {
  const Model model = Sequential({Input({4}), Dense(3, {.name = "first"}), Dense(2, {.name = "second"})});
  const Model wider = Sequential({Input({4}), Dense(3), Dense(5)});
  const Model shorter = Sequential({Input({4}), Dense(3)});
  const Model other = Sequential({Input({4}), Dense(3), Dense(2, {.use_bias = false})});
  number_weights(model);
  const auto error_of_loading = [&](const Model& from) {
    from.save_weights(path("from.weights.h5"));
    const std::string error = error_of([&] { model.load_weights(path("from.weights.h5")); });
    EXPECT_TRUE(contains(error, "'" + path("from.weights.h5") + "': "));
    EXPECT_EQ(numbers(model), (std::vector<double>{1, 2, 3, 4}));
    return error;
  };
  EXPECT_TRUE(
      contains(error_of_loading(wider),
               "'layers/dense_1/vars/0' has shape (3, 5), 'kernel' of layer 'second' (Dense) needs (3, 2)"));
  EXPECT_TRUE(contains(error_of_loading(shorter),
                       "'layers/dense_1/vars' has 0 weights, layer 'second' (Dense) needs 2"));
  EXPECT_TRUE(contains(error_of_loading(shorter), "There is no such place in the file"));
  EXPECT_TRUE(contains(error_of_loading(other),
                       "'layers/dense_1/vars' has 1 weights, layer 'second' (Dense) needs 2"));
  write_bytes(path("empty.weights.h5"), Hdf5Writer().finish());
  EXPECT_TRUE(contains(error_of([&] { model.load_weights(path("empty.weights.h5")); }),
                       "holds no weights as Keras 3 writes them. Found: nothing"));
  // More layers than the model has are no harm, as in Keras.
  Sequential({Input({4}), Dense(3), Dense(2), Dense(1)}).save_weights(path("longer.weights.h5"));
  EXPECT_EQ(error_of([&] { model.load_weights(path("longer.weights.h5")); }), "");
}

TEST_F(Weights, AreConvertedBetweenFloats) {
  const auto line = [](DType dtype) {
    set_floatx(dtype);
    const Sequential model({Input({1}), Dense(1)});
    set_floatx(DType::float32);
    return model;
  };
  const Model in_float = line(DType::float32), in_double = line(DType::float64);
  number_weights(in_double, 0.1);
  in_double.save_weights(path("a.weights.h5"));
  in_float.load_weights(path("a.weights.h5"));
  EXPECT_EQ(in_float.get_weights()[0].values<float>()[0], 0.1F);
  in_float.save_weights(path("a.weights.h5"));
  in_double.load_weights(path("a.weights.h5"));
  EXPECT_EQ(in_double.get_weights()[0].values<double>()[0], static_cast<double>(0.1F));
}

TEST_F(Weights, OfKeras212HaveAnotherNameForTheLayers) {
  const Model model =
      Sequential({Input({1}), Dense(1), Sequential({Input({1}), Dense(1, {.use_bias = false})})});
  Hdf5Writer file;
  const std::string name = "_layer_checkpoint_dependencies";
  file.write(name + "/dense/vars/0", Tensor::of<float>({1, 1}, {5}));
  file.write(name + "/dense/vars/1", Tensor::of<float>({1}, {6}));
  file.write(name + "/sequential/" + name + "/dense/vars/0", Tensor::of<float>({1, 1}, {7}));
  write_bytes(path("old.weights.h5"), file.finish());
  model.load_weights(path("old.weights.h5"));
  EXPECT_EQ(numbers(model), (std::vector<double>{5, 6, 7}));
}

TEST_F(Weights, WhatDoesNotFitIsLeftOutIfThatIsAskedFor) {
  const auto net = [](std::int64_t units, bool bias) {
    return Sequential(
        {Input({4}), Dense(3, {.name = "first"}), Dense(units, {.use_bias = bias, .name = "second"})});
  };
  std::vector<std::string> messages;
  set_log_callback([&](std::string_view text) { messages.emplace_back(text); });
  const Model model = net(2, true);
  for (const Model& other : {net(5, true), net(2, false)}) {
    number_weights(model, 100);
    number_weights(other);
    other.save_weights(path("other.weights.h5"));
    other.save(path("other.keras"));
    for (const char* file : {"other.weights.h5", "other.keras"}) {
      number_weights(model, 100);
      messages.clear();
      model.load_weights(path(file), {.skip_mismatch = true});
      EXPECT_EQ(numbers(model), (std::vector<double>{1, 2, 102, 103}));
      ASSERT_EQ(messages.size(), 1u);
      EXPECT_TRUE(contains(messages[0], "Weights are left out, since 'layers/dense_1/vars"));
    }
  }
  // Of a layer, what stands before the weight that does not fit is read, as in Keras.
  Hdf5Writer file;
  file.write("layers/dense/vars/0", Tensor::of<float>({4, 3}, std::vector<float>(12, 7.0F)));
  file.write("layers/dense/vars/1", Tensor({4}));
  file.write("layers/dense_1/vars/0", Tensor({3, 3}));
  file.write("layers/dense_1/vars/1", Tensor({2}));
  write_bytes(path("odd.weights.h5"), file.finish());
  number_weights(model, 100);
  model.load_weights(path("odd.weights.h5"), {.skip_mismatch = true});
  EXPECT_EQ(numbers(model), (std::vector<double>{7, 101, 102, 103}));
  set_log_callback(nullptr);
  EXPECT_TRUE(contains(error_of([&] { model.load_weights(path("odd.weights.h5"), {.by_name = true}); }),
                       "load_weights: by_name goes with a legacy '.h5' or '.hdf5' file alone"));
  EXPECT_TRUE(contains(error_of([&] { model.load_weights(path("other.keras"), {.by_name = true}); }),
                       "by_name goes with a legacy"));
}

// ---- the optimizer ----

CompileOptions with(const Optimizer& optimizer) { return {.optimizer = optimizer, .loss = "mse"}; }

/// A model as after some steps: its optimizer's variables are numbered from 1.
Model trained(const Optimizer& optimizer) {
  const Sequential model(
      {Input({2}), Dense(2, {.name = "a"}), BatchNormalization(), Dense(1, {.name = "b"})});
  compile(model, with(optimizer));
  float number = 1;
  for (Variable variable : optimizer.impl()->variables(impl_of(model).collect_weights(true))) {
    Tensor value(variable.spec().shape);
    std::fill_n(value.data<float>(), value.size(), number++);
    variable.assign(value);
  }
  return model;
}

std::vector<double> state_of(const ModelImpl& model) {
  std::vector<double> result;
  OptimizerImpl& optimizer = *model.compiled->options.optimizer.impl();
  for (const Variable& variable : optimizer.variables(model.collect_weights(true)))
    result.push_back(variable.value().astype(DType::float64).data<double>()[0]);
  return result;
}

std::vector<double> state(const Model& model) { return state_of(impl_of(model)); }

TEST_F(Weights, TheStateOfEveryOptimizerComesBack) {
  const Optimizer optimizers[] = {
      SGD(),
      SGD({.momentum = 0.9, .nesterov = true}),
      RMSprop(),
      RMSprop({.momentum = 0.5, .centered = true, .clipnorm = 2}),
      Adam(),
      Adam({.amsgrad = true, .weight_decay = 0.01, .name = "mine"}),
      AdamW(),
      Adagrad({.initial_accumulator_value = 0.5}),
      Adadelta({.use_ema = true, .ema_momentum = 0.5}),
      Adamax({.gradient_accumulation_steps = 3}),
      Nadam({.use_ema = true, .ema_overwrite_frequency = 2}),
      Lion({.learning_rate = schedules::CosineDecay(0.1, 10, {.warmup_target = 0.2, .warmup_steps = 3})}),
      Ftrl({.learning_rate = schedules::PiecewiseConstantDecay({1}, {0.5, 0.1}),
            .gradient_accumulation_steps = 2})};
  for (const Optimizer& optimizer : optimizers) {
    const Model model = trained(optimizer);
    model.save(path("a.keras"));
    const Model loaded = load_model(path("a.keras"));
    ASSERT_TRUE(loaded.compiled());
    EXPECT_TRUE(same_options(*loaded.optimizer().impl(), *optimizer.impl()));
    EXPECT_EQ(*loaded.optimizer().impl()->iterations.value().data<std::int64_t>(), 1);
    EXPECT_EQ(loaded.optimizer().learning_rate(), optimizer.learning_rate());
    EXPECT_EQ(optimizer.impl()->schedule || optimizer.learning_rate() == 2, true);
    EXPECT_EQ(state(loaded), state(model));
    EXPECT_EQ(model_to_json(loaded), model_to_json(model));
    // Weights alone have it too, for a model that is compiled.
    model.save_weights(path("a.weights.h5"));
    const Sequential fresh({Input({2}), Dense(2), BatchNormalization(), Dense(1)});
    EXPECT_EQ(error_of([&] { fresh.load_weights(path("a.weights.h5")); }), "");
    EXPECT_FALSE(load_model(path("a.keras"), {.compile = false}).compiled());
  }
}

TEST_F(Weights, AnOptimizerThatTookNoStepHasNoSlotsInTheFile) {
  const Sequential model({Input({2}), Dense(1)});
  compile(model, with(Adam({.learning_rate = 0.25})));
  const std::string bytes(std::string_view(write_weight_file(impl_of(model))));
  EXPECT_EQ(Hdf5Reader(bytes).children("optimizer/vars").size(), 2u);
  // Read into one that did, it starts anew.
  const Model other = trained(Adam());
  const std::string of_other(std::string_view(write_weight_file(impl_of(other))));
  EXPECT_EQ(Hdf5Reader(of_other).children("optimizer/vars").size(), 2u + 2 * 6);
  compile(model, with(Adam()));
  read_weight_file(impl_of(model), Hdf5Reader(bytes));
  EXPECT_EQ(model.optimizer().learning_rate(), 0.25);
  EXPECT_FALSE(model.optimizer().impl()->has_slots()) << "memory for nothing";
  const Sequential like_other({Input({2}), Dense(2), BatchNormalization(), Dense(1)});
  compile(like_other, with(Adam({.learning_rate = 0.5})));
  read_weight_file(impl_of(other), Hdf5Reader(write_weight_file(impl_of(like_other))));
  std::vector<double> zeros(14, 0.0);
  zeros[1] = 0.5;
  EXPECT_EQ(state(other), zeros);
}

TEST_F(Weights, SlotsOfAnOptimizerThatTookNoStepBeginWhereTheyDo) {
  const auto layers = [] { return Sequential({Input({2}), Dense(2), BatchNormalization(), Dense(1)}); };
  const Sequential before = layers();
  compile(before, with(Ftrl({.initial_accumulator_value = 0.25})));
  const Model after = trained(Ftrl({.initial_accumulator_value = 0.25}));
  read_weight_file(impl_of(after), Hdf5Reader(write_weight_file(impl_of(before))));
  std::vector<double> starts = {0, static_cast<double>(0.001F)};
  for (int i = 0; i < 6; ++i) starts.insert(starts.end(), {0.25, 0});
  EXPECT_EQ(state(after), starts);

  const Sequential nadam = layers();
  compile(nadam, with(Nadam()));
  const Model later = trained(Nadam());
  read_weight_file(impl_of(later), Hdf5Reader(write_weight_file(impl_of(nadam))));
  EXPECT_EQ(state(later).size(), 2 + 2 * 6 + 1);
  EXPECT_EQ(state(later).back(), 1) << "a product of nothing";
}

TEST_F(Weights, AnOptimizerOfOtherLayersStartsAnewAndSaysSo) {
  const Model model = trained(Adam());
  const std::string bytes(std::string_view(write_weight_file(impl_of(model))));
  std::string message;
  set_log_callback([&](std::string_view text) { message = text; });
  const Sequential other({Input({2}), Dense(2), BatchNormalization(), Dense(1)});
  other.layers()[1].set_trainable(false);
  compile(other, with(Adam()));
  read_weight_file(impl_of(other), Hdf5Reader(bytes));
  set_log_callback(nullptr);
  EXPECT_TRUE(contains(message, "'optimizer/vars' has 14 values and 10 are needed"));
  EXPECT_EQ(other.optimizer().iterations(), 0);
}

TEST_F(Weights, EveryKindOfMetricComesBack) {
  using namespace metrics;
  const std::vector<Metric> given = {
      Precision({.thresholds = {0.25}, .class_id = 1}),
      Recall({.top_k = 2, .name = "r"}),
      TruePositives({.thresholds = {0.75}}),
      PrecisionAtRecall(0.5, {.num_thresholds = 7}),
      AUC({.curve = "PR", .thresholds = {0.25}, .multi_label = true, .label_weights = {1, 2}}),
      F1Score({.average = "macro", .threshold = 0.5}),
      FBetaScore({.average = "micro", .beta = 2}),
      MeanIoU(2, {.ignore_class = 1, .sparse_y_true = false, .sparse_y_pred = false}),
      OneHotIoU(2, {1}),
      BinaryIoU({.threshold = 0.25}),
      CosineSimilarity({.axis = 0}),
      SparseTopKCategoricalAccuracy({.k = 2, .from_sorted_ids = true}),
      CategoricalCrossentropy({.label_smoothing = 0.5}),
      "RootMeanSquaredError",
      "auc"};
  const Sequential model({Input({2}), Dense(2)});
  compile(model, {.optimizer = "adamw", .loss = losses::Huber({.delta = 3}), .metrics = given});
  model.save(path("a.keras"));
  const Model loaded = load_model(path("a.keras"));
  EXPECT_TRUE(same_options(*impl_of(loaded).compiled->losses[0].impl(), *losses::Huber({.delta = 3}).impl()));
  const std::vector<Metric>& found = impl_of(loaded).compiled->metrics[0];
  ASSERT_EQ(found.size(), given.size());
  for (std::size_t i = 0; i < given.size(); ++i) {
    EXPECT_EQ(found[i].identifier(), given[i].identifier());
    EXPECT_TRUE(same_options(*found[i].impl(), *given[i].impl())) << describe(*given[i].impl());
  }
}

TEST_F(Weights, AWeightOfLabelsThatKerasWroteAsATensorIsRead) {
  const Json config =
      Json::parse(R"({"optimizer": "sgd", "loss": "mse", "metrics": [{"module": "keras.metrics",
    "class_name": "AUC", "registered_name": null, "config": {"name": "auc", "dtype": "float32",
    "multi_label": true, "label_weights": {"class_name": "__tensor__",
    "config": {"value": [1.0, 2.0, 0.5], "dtype": "float32"}}}}]})");
  const CompileOptions options = compile_from_json(config, {"only"});
  EXPECT_TRUE(same_options(*options.metrics.list()[0].impl(),
                           *metrics::AUC({.multi_label = true, .label_weights = {1, 2, 0.5}}).impl()));
}

TEST_F(Weights, LossesAndMetricsComeBackAsTheyWereGiven) {
  const Model model = gallery_model("several");
  compile(model, {.optimizer = SGD({.learning_rate = 0.5, .clipvalue = 3}),
                  .loss = {{"age", "mae"},
                           {"face", losses::BinaryCrossentropy({.label_smoothing = 0.25, .name = "f"})}},
                  .loss_weights = {{"face", 2.5}},
                  .metrics = {{"face", {"acc", metrics::BinaryAccuracy({.threshold = 0.75})}}},
                  .weighted_metrics = {{"age", {"mse"}}}});
  model.save(path("a.keras"));
  const Model loaded = load_model(path("a.keras"));
  const Compiled &ours = *impl_of(model).compiled, &theirs = *impl_of(loaded).compiled;
  EXPECT_EQ(theirs.names, ours.names);
  EXPECT_EQ(theirs.loss_weights, (std::vector<double>{1, 2.5}));
  EXPECT_EQ(theirs.losses[0].identifier(), "mae");
  EXPECT_EQ(theirs.losses[1].identifier(), "");
  EXPECT_TRUE(same_options(*theirs.losses[1].impl(), *ours.losses[1].impl()));
  ASSERT_EQ(theirs.metrics[1].size(), 2u);
  EXPECT_EQ(theirs.metrics[1][0].key(), "acc");
  EXPECT_TRUE(same_options(*theirs.metrics[1][1].impl(), *ours.metrics[1][1].impl()));
  EXPECT_TRUE(theirs.metrics[0].empty());
  EXPECT_EQ(theirs.weighted_metrics[0][0].key(), "mse");
  EXPECT_EQ(model_to_json(loaded), model_to_json(model));
}

TEST_F(Weights, ANestedModelThatIsCompiledKeepsItsState) {
  const Model inner = trained(RMSprop());
  inner.impl()->name = "inner";
  const Sequential outer({Input({2}), inner, Dense(1)});
  compile(outer, with(SGD()));
  outer.save(path("a.keras"));
  const Model loaded = load_model(path("a.keras"));
  EXPECT_EQ(state_of(static_cast<const ModelImpl&>(*loaded.get_layer("inner").impl())), state(inner));
}

TEST_F(Weights, WhatCompileDoesNotKnowSaysHowToLoadWithout) {
  class OwnLoss final : public LossImpl {
   public:
    std::string_view class_name() const override { return "mine>Distance"; }
    Value values(GraphBuilder&, Value, Value y_pred, Value) const override { return y_pred; }
  };
  const Sequential model({Input({2}), Dense(1)});
  compile(model, {.optimizer = "sgd", .loss = Loss(std::make_shared<OwnLoss>())});
  model.save(path("a.keras"));
  const std::string error = error_of([&] { load_model(path("a.keras")); });
  EXPECT_TRUE(contains(error, "'" + path("a.keras") + "': config.json: compile_config, loss"));
  EXPECT_TRUE(contains(error, "'Distance', which is Python code of one's own"));
  EXPECT_TRUE(contains(error, "LoadOptions{.compile = false}"));
  EXPECT_FALSE(load_model(path("a.keras"), {.compile = false}).compiled());
}

TEST_F(Weights, FlippedBytesAreAnErrorOrAModel) {
  const Model model = trained(Adam());
  const std::string bytes(std::string_view(write_weight_file(impl_of(model))));
  std::mt19937 random(4);
  for (int i = 0; i < 3000; ++i) {
    std::string damaged = bytes;
    damaged[random() % bytes.size()] = static_cast<char>(random());
    error_of([&] { read_weight_file(impl_of(model), Hdf5Reader(damaged)); });
  }
  for (std::size_t size = 0; size < bytes.size(); size += 97)
    error_of([&] { read_weight_file(impl_of(model), Hdf5Reader(std::string_view(bytes).substr(0, size))); });
}

}  // namespace
}  // namespace fovea::testing
