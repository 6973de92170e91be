#include <gtest/gtest.h>

#include "fovea/error.h"
#include "training/models.h"

// fit's arguments and logs, as Keras has them.

namespace fovea {
namespace {

using test::count_up;
using test::line_model;
using test::NotingDataset;

std::vector<std::string> names_of(const History& history) {
  std::vector<std::string> names;
  for (const auto& [name, values] : history.history) names.push_back(name);
  return names;
}

std::vector<std::string> events_of(const Model& model, const Tensor& x, const Tensor& y, FitOptions options) {
  class Recorder final : public Callback {
   public:
    explicit Recorder(std::vector<std::string>& e) : events(e) {}
    void on_train_begin(const Logs&) override { events.push_back("train_begin"); }
    void on_train_end(const Logs& l) override {
      events.push_back(l.contains("loss") ? "train_end" : "train_end?");
    }
    void on_epoch_begin(std::int64_t e, const Logs&) override { add("epoch_begin", e); }
    void on_epoch_end(std::int64_t e, Logs& l) override {
      add(l.contains("val_loss") ? "epoch_end+val" : "epoch_end", e);
    }
    void on_train_batch_begin(std::int64_t b, const Logs&) override { add("batch_begin", b); }
    void on_train_batch_end(std::int64_t b, const Logs& l) override {
      add(l.contains("loss") ? "batch_end" : "batch_end?", b);
    }
    void on_test_begin(const Logs&) override { events.push_back("test_begin"); }
    void on_test_end(const Logs&) override { events.push_back("test_end"); }
    void on_test_batch_begin(std::int64_t b, const Logs&) override { add("test_batch_begin", b); }
    void on_test_batch_end(std::int64_t b, const Logs&) override { add("test_batch_end", b); }

   private:
    void add(const char* name, std::int64_t number) { events.push_back(name + std::to_string(number)); }
    std::vector<std::string>& events;
  };
  std::vector<std::string> events;
  options.callbacks.emplace_back(Recorder(events));
  model.fit(x, y, options);
  return events;
}

TEST(Fit, EndsWithTheAveragesOfTheWeights) {
  const Model model = line_model();
  const Tensor x = count_up(4), y = Tensor({4, 1});
  const auto kernel = [&] { return *model.get_weights()[0].data<float>(); };
  const float before = kernel();
  model.compile(
      {.optimizer = SGD({.learning_rate = 0.01, .use_ema = true, .ema_momentum = 0.75}), .loss = "mse"});
  std::vector<float> kernels;
  const LambdaCallback note(
      {.on_train_batch_end = [&](std::int64_t, const Logs&) { kernels.push_back(kernel()); }});
  model.fit(x, y, {.batch_size = 2, .epochs = 2, .shuffle = false, .callbacks = {note}});
  ASSERT_EQ(kernels.size(), 4U);
  EXPECT_NE(kernels[0], before);
  float average = kernels[0];
  for (std::size_t i = 1; i < kernels.size(); ++i) average = 0.75F * average + 0.25F * kernels[i];
  EXPECT_FLOAT_EQ(kernel(), average);
  EXPECT_NE(kernel(), kernels.back());
}

TEST(Fit, StepsWithTheMeanGradientOfSeveralBatches) {
  const Tensor x = count_up(4), y = Tensor::of<float>({4, 1}, {1, 5, 2, 0});
  const auto trained = [&](const SGDOptions& options, std::int64_t batch_size) {
    const Model model = line_model();
    model.compile({.optimizer = SGD(options), .loss = "mse"});
    model.fit(x, y, {.batch_size = batch_size, .shuffle = false});
    return *model.get_weights()[0].data<float>();
  };
  EXPECT_FLOAT_EQ(trained({.gradient_accumulation_steps = 2}, 2), trained({}, 4));
}

TEST(Fit, FollowsASchedule) {
  const Model model = line_model();
  model.compile(
      {.optimizer = SGD({.learning_rate = schedules::ExponentialDecay(0.5, 1, 0.5)}), .loss = "mse"});
  std::vector<double> rates;
  const LambdaCallback note({.on_train_batch_end = [&](std::int64_t, const Logs&) {
    rates.push_back(model.optimizer().learning_rate());
  }});
  model.fit(count_up(4), Tensor({4, 1}), {.batch_size = 2, .epochs = 2, .callbacks = {note}});
  EXPECT_EQ(rates, (std::vector<double>{0.25, 0.125, 0.0625, 0.03125}));
  // A callback that would set the rate cannot.
  const std::vector<CallbackHandle> plateau = {
      ReduceLROnPlateau({.monitor = "loss", .patience = 1, .mode = "max"})};
  try {
    model.fit(count_up(4), Tensor({4, 1}), {.epochs = 3, .callbacks = plateau});
    ADD_FAILURE() << "the rate was set";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("its learning rate is not settable"), std::string::npos)
        << error.what();
  }
}

TEST(Fit, HistoryHasTheNamesThatWereGiven) {
  const Sequential model{Input({1}), Dense(1, {.activation = "sigmoid"})};
  const Tensor x = count_up(8), y = Tensor::of<float>({8, 1}, {0, 1, 0, 1, 0, 1, 0, 1});
  model.compile({.optimizer = "sgd", .loss = "binary_crossentropy", .metrics = {"acc", "mse"}});
  EXPECT_EQ(names_of(model.fit(x, y, {.validation_split = 0.5})),
            (std::vector<std::string>{"loss", "acc", "mse", "val_loss", "val_acc", "val_mse"}));
  model.compile({.optimizer = "sgd", .loss = "binary_crossentropy", .metrics = "accuracy"});
  EXPECT_EQ(names_of(model.fit(x, y)), (std::vector<std::string>{"loss", "accuracy"}));
}

TEST(Fit, CallsBackAsKerasDoes) {
  const Sequential model = line_model();
  model.compile({.optimizer = "sgd", .loss = "mse"});
  const auto events =
      events_of(model, count_up(6), count_up(6),
                {.batch_size = 2, .epochs = 2, .validation_split = 0.34, .validation_freq = 2});
  EXPECT_EQ(events, (std::vector<std::string>{
                        "train_begin",     "epoch_begin0",      "batch_begin0",    "batch_end0",
                        "batch_begin1",    "batch_end1",        "epoch_end0",      "epoch_begin1",
                        "batch_begin0",    "batch_end0",        "batch_begin1",    "batch_end1",
                        "test_begin",      "test_batch_begin0", "test_batch_end0", "test_batch_begin1",
                        "test_batch_end1", "test_end",          "epoch_end+val1",  "train_end"}));
}

TEST(Fit, LossIsTheMeanOverSamplesNotBatches) {
  const Sequential model = line_model();
  model.compile({.optimizer = SGD({.learning_rate = 0}), .loss = "mse", .metrics = {"mae"}});
  // Errors 0, 1, 2, 3, 4 in batches of 2, 2 and 1.
  const History history = model.fit(count_up(5), Tensor({5, 1}), {.batch_size = 2, .shuffle = false});
  EXPECT_NEAR(history["loss"][0], (0 + 1 + 4 + 9 + 16) / 5.0, 1e-6);
  EXPECT_NEAR(history["mae"][0], 2, 1e-6);
}

TEST(Fit, ValidatesOnTheLastPartBeforeAnyShuffle) {
  const Sequential model = line_model();
  model.compile({.optimizer = SGD({.learning_rate = 0}), .loss = "mse"});
  const History history = model.fit(count_up(10), Tensor({10, 1}), {.validation_split = 0.25});
  // floor(10 * 0.75) = 7 train, 7, 8 and 9 validate.
  EXPECT_NEAR(history["val_loss"][0], (49 + 64 + 81) / 3.0, 1e-5);
  EXPECT_NEAR(history["loss"][0], (0 + 1 + 4 + 9 + 16 + 25 + 36) / 7.0, 1e-5);
}

TEST(Fit, ValidationOptionsLimitAndCutIt) {
  const Sequential model = line_model();
  model.compile({.optimizer = SGD({.learning_rate = 0}), .loss = "mse"});
  const auto validation = std::make_shared<ArrayDataset>(count_up(6), Tensor({6, 1}));
  const History two =
      model.fit(count_up(2), Tensor({2, 1}),
                {.validation_data = validation, .validation_batch_size = 2, .validation_steps = 2});
  EXPECT_NEAR(two["val_loss"][0], (0 + 1 + 4 + 9) / 4.0, 1e-6);
  const History all = model.fit(count_up(2), Tensor({2, 1}), {.validation_data = validation});
  EXPECT_NEAR(all["val_loss"][0], 55 / 6.0, 1e-5);
}

TEST(Fit, StepsPerEpochGoOnThroughTheData) {
  const Sequential model = line_model();
  model.compile({.optimizer = "sgd", .loss = "mse"});
  const auto data = std::make_shared<NotingDataset>(Tensor({6, 1}), Tensor({6, 1}));
  model.fit(data, {.batch_size = 2, .epochs = 3, .shuffle = false, .steps_per_epoch = 2, .workers = 0});
  EXPECT_EQ(data->asked, (std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5}));
}

TEST(Fit, ShufflesEachEpochAnew) {
  const Sequential model = line_model();
  model.compile({.optimizer = "sgd", .loss = "mse"});
  const auto orders = [&](std::int64_t first, std::int64_t epochs) {
    const auto data = std::make_shared<NotingDataset>(Tensor({8, 1}), Tensor({8, 1}));
    model.fit(data, {.epochs = epochs, .initial_epoch = first, .workers = 0});
    return data->asked;
  };
  const std::vector<std::int64_t> both = orders(0, 2);
  const std::vector<std::int64_t> one(both.begin(), both.begin() + 8), two(both.begin() + 8, both.end());
  EXPECT_NE(one, two);
  std::vector<std::int64_t> sorted = one;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(sorted, (std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(orders(1, 2), two);  // initial_epoch = 1 goes on where a run of one epoch stopped
}

TEST(Fit, ClassWeightsScaleTheLossOfTheirSamples) {
  const Sequential model = line_model();
  model.compile({.optimizer = SGD({.learning_rate = 0}), .loss = "mse", .metrics = {"mae"}});
  const Tensor x = Tensor::of<float>({4, 1}, {3, 3, 3, 3}), y = Tensor::of<float>({4, 1}, {0, 1, 1, 2});
  // Squared errors 9, 4, 4, 1; class 2 is not named and counts once. The sum is divided by the number of
  // samples.
  const History history = model.fit(x, y, {.class_weight = {{0, 2}, {1, 0.5}}});
  EXPECT_NEAR(history["loss"][0], (2 * 9 + 0.5 * 4 + 0.5 * 4 + 1) / 4, 1e-6);
  EXPECT_NEAR(history["mae"][0], (3 + 2 + 2 + 1) / 4.0, 1e-6);
}

TEST(Fit, ClassWeightsOfOneHotLabels) {
  const Sequential model{Input({2}), Dense(2, {.activation = "softmax", .kernel_initializer = "zeros"})};
  model.compile({.optimizer = SGD({.learning_rate = 0}), .loss = "categorical_crossentropy"});
  const Tensor y = Tensor::of<float>({2, 2}, {1, 0, 0, 1});
  const History history = model.fit(Tensor({2, 2}), y, {.class_weight = {{1, 5}}});
  EXPECT_NEAR(history["loss"][0], std::log(2.0) * (1 + 5) / 2, 1e-6);
}

TEST(Fit, SampleWeightsCountInTheLossAndInWeightedMetricsOnly) {
  const Sequential model = line_model();
  model.compile({.optimizer = SGD({.learning_rate = 0}),
                 .loss = "mse",
                 .metrics = {"mae"},
                 .weighted_metrics = {"mae"}});
  const Tensor w = Tensor::of<float>({3}, {1, 0, 3});
  const Logs logs = model.evaluate(count_up(3, 1, 1), Tensor({3, 1}), {.sample_weight = w});
  EXPECT_NEAR(logs["loss"], (1 * 1 + 0 * 4 + 3 * 9) / 3.0, 1e-6);
  EXPECT_NEAR(logs["mae"], 2, 1e-6);
  EXPECT_NEAR(logs["weighted_mae"], (1 * 1 + 3 * 3) / 4.0, 1e-6);
  const History history = model.fit(count_up(3, 1, 1), Tensor({3, 1}), {.sample_weight = w});
  EXPECT_NEAR(history["loss"][0], 28 / 3.0, 1e-6);
}

TEST(Fit, StopsWithinAnEpochWhenACallbackSaysSo) {
  const Sequential model = line_model();
  model.compile({.optimizer = "sgd", .loss = "mse"});
  std::int64_t batches = 0;
  const History history =
      model.fit(count_up(8, 0), count_up(8, 0),
                {.batch_size = 2,
                 .epochs = 5,
                 .callbacks = {LambdaCallback({.on_train_batch_end = [&](std::int64_t batch, const Logs&) {
                   ++batches;
                   if (batch == 1) model.set_stop_training(true);
                 }})}});
  EXPECT_EQ(batches, 2);
  EXPECT_EQ(history.epoch, std::vector<std::int64_t>{0});
  EXPECT_EQ(model.fit(count_up(2, 0), count_up(2, 0), {.epochs = 2}).epoch.size(),
            2U);  // the next fit starts afresh
}

TEST(Fit, ACallbacksFiguresReachTheHistory) {
  const Sequential model = line_model();
  model.compile({.optimizer = "sgd", .loss = "mse"});
  const History history = model.fit(
      count_up(2), count_up(2), {.callbacks = {LambdaCallback({.on_epoch_end = [](std::int64_t, Logs& logs) {
                                   logs.set("extra", 7);
                                 }})}});
  EXPECT_EQ(history["extra"], std::vector<double>{7});
}

TEST(Fit, ALearningRateSetByACallbackActsAtTheNextStep) {
  const Sequential model = line_model();
  model.compile({.optimizer = SGD({.learning_rate = 0.5}), .loss = "mse"});
  std::vector<float> weights;
  const auto freeze = LambdaCallback({.on_train_batch_end = [&](std::int64_t, const Logs&) {
    weights.push_back(model.get_weights()[0].data<float>()[0]);
    model.optimizer().set_learning_rate(0);
  }});
  model.fit(count_up(3, 0, 1), count_up(3, 0, 5), {.batch_size = 1, .callbacks = {freeze}});
  EXPECT_NE(weights[0], 1);
  EXPECT_EQ(weights[1], weights[0]);
  EXPECT_EQ(weights[2], weights[0]);
}

TEST(Fit, SeveralOutputsHaveTheirOwnLossesMetricsAndNames) {
  const Input input({1});
  const SymbolicTensor a = Dense(1, {.kernel_initializer = "ones", .name = "a"})(input);
  const SymbolicTensor c = Dense(1, {.kernel_initializer = "zeros", .name = "c"})(input);
  const Model model({input}, {a, c});
  model.compile({.optimizer = SGD({.learning_rate = 0}),
                 .loss = {{"a", "mse"}, {"c", "mae"}},
                 .loss_weights = {{"a", 2.0}, {"c", 10.0}},
                 .metrics = {{"c", {"mse"}}}});
  const auto data = std::make_shared<ArrayDataset>(std::vector{count_up(2, 1, 1)},
                                                   std::vector{Tensor({2, 1}), count_up(2, 0, 3)});
  const History history = model.fit(data, {.validation_data = data});
  EXPECT_EQ(names_of(history), (std::vector<std::string>{"loss", "a_loss", "c_loss", "c_mse", "val_loss",
                                                         "val_a_loss", "val_c_loss", "val_c_mse"}));
  EXPECT_NEAR(history["a_loss"][0], 2.5, 1e-6);
  EXPECT_NEAR(history["c_loss"][0], 3, 1e-6);
  EXPECT_NEAR(history["c_mse"][0], 9, 1e-6);
  EXPECT_NEAR(history["loss"][0], 2 * 2.5 + 10 * 3, 1e-5);
  EXPECT_EQ(history["val_loss"], history["loss"]);
}

TEST(Fit, RegularizersAddToTheLoss) {
  const Sequential model{
      Input({1}), Dense(1, {.kernel_initializer = "ones", .kernel_regularizer = {.l1 = 0.5, .l2 = 0.25}})};
  model.compile({.optimizer = SGD({.learning_rate = 0.1}), .loss = "mse"});
  const Logs logs = model.train_on_batch(Tensor({1, 1}), Tensor({1, 1}));
  EXPECT_NEAR(logs["loss"], 0.75, 1e-6);
  EXPECT_NEAR(model.get_weights()[0].data<float>()[0], 1 - 0.1 * (0.5 + 2 * 0.25), 1e-6);
}

TEST(Fit, ZeroEpochsTrainNothing) {
  const Sequential model = line_model();
  model.compile({.optimizer = "sgd", .loss = "mse"});
  EXPECT_TRUE(model.fit(count_up(2), count_up(2), {.epochs = 0}).history.empty());
  EXPECT_EQ(model.optimizer().iterations(), 0);
}

}  // namespace
}  // namespace fovea
