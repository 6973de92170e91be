#include "support/golden.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "callbacks/golden_arguments.h"
#include "callbacks/state_store.h"

// Decisions of real Keras, replayed: tests/golden/README.md describes the files, tests/golden/callbacks.py
// drove Keras.

namespace fovea::test {
namespace {

void expect_same(double ours, const Json& theirs) {
  const double expected = number(theirs);
  if (std::isnan(expected)) {
    EXPECT_TRUE(std::isnan(ours)) << ours;
  } else {
    EXPECT_EQ(ours, expected);
  }
}

/// Is this the decision at which Keras raised? Then `call` must throw too.
bool ends_in_error(const Json& decision, const std::function<void()>& call) {
  if (!decision.contains("error")) return false;
  EXPECT_NE(error_of(call), "") << "Keras raised: " << decision["error"];
  return true;
}

/// What Keras' attributes of these names were.
void expect_counters(Callback& callback, const Json& decision, std::initializer_list<const char*> names) {
  StateStore state;
  callback.state(state);
  for (const char* name : names) {
    EXPECT_EQ(state.get<std::int64_t>(name), decision[name].get<std::int64_t>()) << name;
  }
}

void replay_reduce_lr_on_plateau(const Json& golden) {
  ReduceLROnPlateauOptions options;
  {
    GoldenArguments arguments(golden["arguments"]);
    arguments.take("monitor", options.monitor);
    arguments.take("factor", options.factor);
    arguments.take("patience", options.patience);
    arguments.take("mode", options.mode);
    arguments.take("min_delta", options.min_delta);
    arguments.take("cooldown", options.cooldown);
    arguments.take("min_lr", options.min_lr);
  }
  Model model = tiny_model(number(golden["initial_learning_rate"]));
  LogCapture log;
  const Json& decisions = golden["decisions"];
  if (golden["logs"].empty()) {
    EXPECT_TRUE(ends_in_error(decisions[0], [&] { ReduceLROnPlateau{options}; }));
    return;
  }
  ReduceLROnPlateau callback(options);
  callback.set_model(&model);
  callback.on_train_begin({});
  for (std::size_t epoch = 0; epoch < decisions.size(); ++epoch) {
    SCOPED_TRACE("epoch " + std::to_string(epoch));
    Logs logs = logs_of(golden["logs"][epoch]);
    const auto end = [&] { callback.on_epoch_end(static_cast<std::int64_t>(epoch), logs); };
    if (ends_in_error(decisions[epoch], end)) return;
    end();
    expect_same(logs["learning_rate"], decisions[epoch]["logged_learning_rate"]);
    expect_same(model.optimizer().learning_rate(), decisions[epoch]["learning_rate"]);
    EXPECT_EQ(log.take(), warnings_of(decisions[epoch]));
    expect_counters(callback, decisions[epoch], {"wait", "cooldown_counter"});
  }
  EXPECT_EQ(decisions.size(), golden["logs"].size());
}

void replay_early_stopping(const Json& golden) {
  EarlyStoppingOptions options;
  {
    GoldenArguments arguments(golden["arguments"]);
    arguments.take("monitor", options.monitor);
    arguments.take("min_delta", options.min_delta);
    arguments.take("patience", options.patience);
    arguments.take("mode", options.mode);
    arguments.take("baseline", options.baseline);
    arguments.take("restore_best_weights", options.restore_best_weights);
    arguments.take("start_from_epoch", options.start_from_epoch);
  }
  Model model = tiny_model();
  LogCapture log;
  EarlyStopping callback(options);
  callback.set_model(&model);
  model.set_stop_training(false);
  callback.on_train_begin({});
  const Json& decisions = golden["decisions"];
  for (std::size_t epoch = 0; epoch < decisions.size(); ++epoch) {
    SCOPED_TRACE("epoch " + std::to_string(epoch));
    mark(model, static_cast<double>(epoch));
    Logs logs = logs_of(golden["logs"][epoch]);
    const auto end = [&] { callback.on_epoch_end(static_cast<std::int64_t>(epoch), logs); };
    if (ends_in_error(decisions[epoch], end)) return;
    end();
    EXPECT_EQ(model.stop_training(), decisions[epoch]["stop"].get<bool>());
    EXPECT_EQ(log.take(), warnings_of(decisions[epoch]));
    expect_counters(callback, decisions[epoch], {"wait"});
  }
  callback.on_train_end({});
  const Json& outcome = golden["outcome"];
  EXPECT_EQ(callback.stopped_epoch(), outcome["stopped_epoch"].get<std::int64_t>());
  EXPECT_EQ(callback.best_epoch(), outcome["best_epoch"].get<std::int64_t>());
  EXPECT_EQ(callback.best().has_value(), !outcome["best"].is_null());
  if (callback.best()) expect_same(*callback.best(), outcome["best"]);
  EXPECT_EQ(marked(model), outcome["weights_of_epoch"].get<double>());
}

void replay_csv_logger(const Json& golden) {
  CSVLoggerOptions options;
  {
    GoldenArguments arguments(golden["arguments"]);
    arguments.take("separator", options.separator);
    arguments.take("append", options.append);
  }
  const ScratchFolder folder;
  for (const Json& run : golden["logs"]) {
    CSVLogger callback(folder.path("log.csv"), options);
    callback.on_train_begin({});
    for (std::size_t epoch = 0; epoch < run.size(); ++epoch) {
      Logs logs = logs_of(run[epoch]);
      callback.on_epoch_end(static_cast<std::int64_t>(epoch), logs);
    }
    callback.on_train_end({});
  }
  EXPECT_EQ(read_file(folder.path("log.csv")), golden["decisions"]["text"].get<std::string>());
}

void replay_learning_rate_scheduler(const Json& golden) {
  const Json rule = golden["arguments"]["schedule"];
  const std::string kind = rule["kind"];
  // Python can return an integer, which Keras refuses; here the function's type converts it.
  if (kind == "integer") return;
  std::function<double(std::int64_t, double)> schedule;
  if (kind == "table") {
    schedule = [&](std::int64_t epoch, double) {
      return rule["rates"][static_cast<std::size_t>(epoch)].get<double>();
    };
  } else if (kind == "multiply") {
    schedule = [&](std::int64_t, double rate) { return rate * rule["factor"].get<double>(); };
  }
  ASSERT_TRUE(schedule) << "no schedule of kind " << kind;
  Model model = tiny_model(number(golden["initial_learning_rate"]));
  LearningRateScheduler callback(schedule);
  callback.set_model(&model);
  const Json& decisions = golden["decisions"];
  ASSERT_EQ(decisions.size(), golden["logs"].size());
  for (std::size_t epoch = 0; epoch < decisions.size(); ++epoch) {
    Logs logs = logs_of(golden["logs"][epoch]);
    callback.on_epoch_begin(static_cast<std::int64_t>(epoch), {});
    callback.on_epoch_end(static_cast<std::int64_t>(epoch), logs);
    expect_same(model.optimizer().learning_rate(), decisions[epoch]["learning_rate"]);
    expect_same(logs["learning_rate"], decisions[epoch]["logged_learning_rate"]);
  }
}

void replay_terminate_on_nan(const Json& golden) {
  TerminateOnNaNOptions options;
  GoldenArguments(golden["arguments"]).take("raise_error", options.raise_error);
  Model model = tiny_model();
  LogCapture log;
  TerminateOnNaN callback(options);
  callback.set_model(&model);
  const Json& decisions = golden["decisions"];
  for (std::size_t batch = 0; batch < decisions.size(); ++batch) {
    const Logs logs = logs_of(golden["logs"][batch]);
    const auto end = [&] { callback.on_train_batch_end(static_cast<std::int64_t>(batch), logs); };
    if (ends_in_error(decisions[batch], end)) return;
    end();
    EXPECT_EQ(model.stop_training(), decisions[batch]["stop"].get<bool>()) << "batch " << batch;
  }
  EXPECT_EQ(log.take().size(), model.stop_training() ? 1U : 0U);
}

const std::map<std::string, void (*)(const Json&)>& replays() {
  static const std::map<std::string, void (*)(const Json&)> by_class{
      {"ReduceLROnPlateau", replay_reduce_lr_on_plateau},
      {"EarlyStopping", replay_early_stopping},
      {"ModelCheckpoint", replay_model_checkpoint},
      {"CSVLogger", replay_csv_logger},
      {"LearningRateScheduler", replay_learning_rate_scheduler},
      {"TerminateOnNaN", replay_terminate_on_nan},
  };
  return by_class;
}

class CallbacksGolden : public ::testing::TestWithParam<std::string> {};

TEST_P(CallbacksGolden, DecidesAsKeras) {
  const Json golden = testing::golden("callbacks", GetParam());
  const auto replay = replays().find(golden["callback"].get<std::string>());
  ASSERT_NE(replay, replays().end()) << "nothing replays a " << golden["callback"];
  replay->second(golden);
}

INSTANTIATE_TEST_SUITE_P(Keras, CallbacksGolden, ::testing::ValuesIn(testing::golden_cases("callbacks")),
                         [](const auto& instance) { return instance.param; });

TEST(CallbacksGoldenFiles, CoverEveryReplay) {
  std::map<std::string, int> counts;
  for (const std::string& name : testing::golden_cases("callbacks")) {
    const Json golden = testing::golden("callbacks", name);
    ++counts[golden["callback"].get<std::string>()];
  }
  for (const auto& [name, replay] : replays()) EXPECT_GT(counts[name], 3) << name;
}

}  // namespace
}  // namespace fovea::test
