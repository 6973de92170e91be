#include <gtest/gtest.h>

#include "callbacks/support.h"

// What callbacks say with verbose, and what they refuse.

namespace fovea::test {
namespace {

using Messages = std::vector<std::string>;

TEST(EarlyStopping, SaysWhenItStopsAndRestores) {
  for (const int verbose : {0, 1}) {
    Model model = tiny_model();
    LogCapture log;
    EarlyStopping callback({.monitor = "loss", .verbose = verbose, .restore_best_weights = true});
    callback.set_model(&model);
    callback.on_train_begin({});
    for (std::int64_t epoch = 0; epoch < 2; ++epoch) {
      Logs logs{{"loss", 1}};
      callback.on_epoch_end(epoch, logs);
    }
    callback.on_train_end({});
    const Messages expected{"Epoch 2: early stopping",
                            "Restoring model weights from the end of the best epoch: 1."};
    EXPECT_EQ(log.take(), verbose == 1 ? expected : Messages{});
  }
}

TEST(EarlyStopping, BeginsAnewWithEachFit) {
  Model model = tiny_model();
  EarlyStopping callback({.monitor = "loss", .patience = 2, .restore_best_weights = true});
  callback.set_model(&model);
  for (int fit = 0; fit < 2; ++fit) {
    model.set_stop_training(false);
    callback.on_train_begin({});
    EXPECT_FALSE(callback.best());
    for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
      EXPECT_FALSE(model.stop_training());
      mark(model, fit * 10 + epoch);
      Logs logs{{"loss", fit + 1}};
      callback.on_epoch_end(epoch, logs);
    }
    EXPECT_TRUE(model.stop_training());
    callback.on_train_end({});
    EXPECT_EQ(marked(model), fit * 10);
  }
}

TEST(ReduceLROnPlateau, SaysWhatItCutsTo) {
  for (const int verbose : {0, 1}) {
    Model model = tiny_model(0.5);
    LogCapture log;
    ReduceLROnPlateau callback({.monitor = "loss", .patience = 1, .verbose = verbose});
    callback.set_model(&model);
    callback.on_train_begin({});
    for (std::int64_t epoch = 0; epoch < 2; ++epoch) {
      Logs logs{{"loss", 1}};
      callback.on_epoch_end(epoch, logs);
    }
    const Messages expected{"Epoch 2: ReduceLROnPlateau reducing learning rate to 0.05."};
    EXPECT_EQ(log.take(), verbose == 1 ? expected : Messages{});
  }
}

TEST(ReduceLROnPlateau, KnowsMinLrAsTheFloat32ThatTheRateIs) {
  Model model = tiny_model(0.5);
  LogCapture log;
  ReduceLROnPlateau callback({.monitor = "loss", .patience = 0, .verbose = 1, .min_lr = 0.1});
  callback.set_model(&model);
  callback.on_train_begin({});
  for (std::int64_t epoch = 0; epoch < 4; ++epoch) {
    Logs logs{{"loss", 1}};
    callback.on_epoch_end(epoch, logs);
  }
  // float32(0.1) is above 0.1, and there is nothing left to cut.
  EXPECT_EQ(log.take(), Messages{"Epoch 2: ReduceLROnPlateau reducing learning rate to 0.1."});
}

TEST(LearningRateScheduler, SaysWhatItSets) {
  for (const int verbose : {0, 1}) {
    Model model = tiny_model();
    LogCapture log;
    LearningRateScheduler callback(
        [](std::int64_t epoch, double) { return 0.1 / static_cast<double>(epoch); }, verbose);
    callback.set_model(&model);
    callback.on_epoch_begin(4, {});
    const Messages expected{"Epoch 5: LearningRateScheduler setting learning rate to 0.025."};
    EXPECT_EQ(log.take(), verbose == 1 ? expected : Messages{});
    EXPECT_NE(error_of([&] { callback.on_epoch_begin(0, {}); }), "");  // infinite
  }
  EXPECT_NE(error_of([] { LearningRateScheduler{nullptr}; }), "");
}

TEST(TerminateOnNaN, NamesTheBatch) {
  Model model = tiny_model();
  LogCapture log;
  TerminateOnNaN callback;
  callback.set_model(&model);
  callback.on_train_batch_end(3, {{"acc", std::nan("")}});
  EXPECT_FALSE(model.stop_training());
  callback.on_train_batch_end(3, {{"loss", HUGE_VAL}});
  EXPECT_EQ(log.take(), Messages{"Batch 3: Invalid loss, terminating training"});
  EXPECT_TRUE(model.stop_training());
  TerminateOnNaN raising({.raise_error = true});
  const std::string error = error_of([&] { raising.on_train_batch_end(3, {{"loss", -HUGE_VAL}}); });
  EXPECT_NE(error.find("batch 3 is -inf"), std::string::npos) << error;
}

TEST(LambdaCallback, CallsWhatItWasGiven) {
  std::string calls;
  const auto at = [&calls](const char* what) {
    return [&calls, what](std::int64_t number, const Logs& logs) {
      calls += what + std::to_string(number) + "/" + std::to_string(logs.size()) + " ";
    };
  };
  const auto once = [&calls](const char* what) {
    return [&calls, what](const Logs& logs) { calls += what + std::to_string(logs.size()) + " "; };
  };
  LambdaCallback callback({.on_epoch_begin = at("e"),
                           .on_epoch_end = [](std::int64_t epoch, Logs& logs) { logs.set("mine", epoch); },
                           .on_train_begin = once("t"),
                           .on_train_end = once("T"),
                           .on_train_batch_begin = at("b"),
                           .on_train_batch_end = at("B")});
  Callback& base = callback;
  Logs logs{{"loss", 1}};
  base.on_train_begin({});
  base.on_epoch_begin(4, logs);
  base.on_train_batch_begin(7, {});
  base.on_train_batch_end(8, logs);
  base.on_epoch_end(5, logs);
  base.on_train_end(logs);
  EXPECT_EQ(calls, "t0 e4/1 b7/0 B8/1 T2 ");
  EXPECT_EQ(logs["mine"], 5);

  LambdaCallback empty({});
  empty.on_train_begin({});
  empty.on_epoch_begin(0, {});
  empty.on_train_batch_begin(0, {});
  empty.on_train_batch_end(0, {});
  empty.on_epoch_end(0, logs);
  empty.on_train_end({});
}

}  // namespace
}  // namespace fovea::test
