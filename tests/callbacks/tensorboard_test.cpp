#include <gtest/gtest.h>

#include <map>

#include "callbacks/events.h"
#include "callbacks/support.h"

namespace fovea::test {
namespace {

/// Two epochs of three batches as fit runs them, with validation; the optimizer counts the steps.
void drive(TensorBoard& callback, const Model& given, bool validates = true) {
  Model model = given;
  callback.set_model(&model);
  callback.on_train_begin({});
  auto* const iterations = model.optimizer().impl() ? &model : nullptr;
  ASSERT_NE(iterations, nullptr);
  for (std::int64_t epoch = 0; epoch < 2; ++epoch) {
    callback.on_epoch_begin(epoch, {});
    for (std::int64_t batch = 0; batch < 3; ++batch) {
      callback.on_train_batch_begin(batch, {});
      callback.on_train_batch_end(batch,
                                  {{"loss", 10.0 * static_cast<double>(epoch) + static_cast<double>(batch)}});
    }
    mark(model, static_cast<double>(epoch));
    Logs logs{{"loss", 0.5 + static_cast<double>(epoch)}, {"acc", 0.25}};
    if (validates) {
      callback.on_test_begin({});
      callback.on_test_batch_begin(0, {});
      callback.on_test_batch_end(0, {{"loss", 3}});
      callback.on_test_end({{"loss", 2}, {"acc", 0.75}});
      logs.set("val_loss", 2);
      logs.set("val_acc", 0.75);
    }
    callback.on_epoch_end(epoch, logs);
  }
  callback.on_train_end({});
  callback.set_model(nullptr);
}

using Points = std::map<std::string, std::vector<std::pair<std::int64_t, double>>>;

/// The figures in a folder's only file, and how many other events there are.
Points points_in(const ScratchFolder& folder, const std::string& part, std::size_t* others = nullptr) {
  Points points;
  std::vector<std::string> files;
  for (const std::string& file : folder.files()) {
    if (file.rfind(part + "/", 0) == 0) files.push_back(file);
  }
  EXPECT_EQ(files.size(), 1U) << part;
  for (const std::string& file : files) {
    for (const ReadEvent& event : read_events(folder.path(file))) {
      if (event.plugin == "scalars") {
        points[event.tag].emplace_back(event.step, event.scalar());
      } else if (others != nullptr) {
        ++*others;
      }
    }
  }
  return points;
}

TEST(TensorBoard, WritesKerasTagsAndSteps) {
  const ScratchFolder folder;
  TensorBoard callback({.log_dir = folder.path("deep/logs")});
  drive(callback, tiny_model(0.25));
  EXPECT_EQ(points_in(folder, "deep/logs/train"), (Points{{"epoch_loss", {{0, 0.5}, {1, 1.5}}},
                                                          {"epoch_acc", {{0, 0.25}, {1, 0.25}}},
                                                          {"epoch_learning_rate", {{0, 0.25}, {1, 0.25}}}}));
  EXPECT_EQ(points_in(folder, "deep/logs/validation"),
            (Points{{"epoch_loss", {{0, 2}, {1, 2}}},
                    {"epoch_acc", {{0, 0.75}, {1, 0.75}}},
                    {"evaluation_loss_vs_iterations", {{0, 2}, {0, 2}}},
                    {"evaluation_acc_vs_iterations", {{0, 0.75}, {0, 0.75}}}}));
}

TEST(TensorBoard, UpdateFreqWritesBatches) {
  const ScratchFolder folder;
  TensorBoard callback({.log_dir = folder.path(), .update_freq = 2});
  drive(callback, tiny_model());
  const Points points = points_in(folder, "train");
  // Every second of six batches, counted from 1 through all epochs.
  EXPECT_EQ(points.at("batch_loss"), (Points::mapped_type{{2, 1}, {4, 10}, {6, 12}}));
  EXPECT_EQ(points.at("epoch_loss").size(), 2U);
}

TEST(TensorBoard, HistogramFreqWritesTheWeights) {
  for (const std::int64_t freq : {0, 1, 2}) {
    const ScratchFolder folder;
    TensorBoard callback({.log_dir = folder.path(), .histogram_freq = freq});
    drive(callback, tiny_model());
    std::vector<std::int64_t> steps;
    for (const ReadEvent& event : read_events(folder.path(folder.files().at(0)))) {
      if (event.plugin != "histograms") continue;
      EXPECT_EQ(event.tag, "sequential/dense/kernel/histogram");
      EXPECT_EQ(event.dtype, 2);
      EXPECT_EQ(event.shape, (std::vector<std::int64_t>{30, 3}));
      const std::vector<double> values = event.doubles();
      ASSERT_EQ(values.size(), 90U);
      EXPECT_EQ(values[87], static_cast<double>(event.step));  // the one weight holds the epoch
      EXPECT_EQ(values[89], 1);
      steps.push_back(event.step);
    }
    const std::vector<std::int64_t> expected = freq == 0   ? std::vector<std::int64_t>{}
                                               : freq == 1 ? std::vector<std::int64_t>{0, 1}
                                                           : std::vector<std::int64_t>{0};
    EXPECT_EQ(steps, expected);
  }
}

TEST(TensorBoard, WeightsAreTaggedByTheirPath) {
  const ScratchFolder folder;
  const Sequential inner({Input({2}), Dense(1, {.use_bias = false})}, {.name = "head"});
  const SymbolicTensor x = Input({2});
  const Model model({x}, {inner(Dense(2, {.name = "first"})(x))});
  static_cast<void>(tiny_model());
  Model compiled = model;
  TensorBoard callback({.log_dir = folder.path(), .histogram_freq = 1});
  callback.set_model(&compiled);
  callback.on_train_begin({});
  Logs none;
  callback.on_epoch_end(0, none);
  callback.on_train_end({});
  std::vector<std::string> tags;
  for (const ReadEvent& event : read_events(folder.path(folder.files().at(0)))) {
    if (!event.tag.empty()) tags.push_back(event.tag);
  }
  EXPECT_EQ(tags, (std::vector<std::string>{"first/kernel/histogram", "first/bias/histogram",
                                            "head/dense/kernel/histogram"}));
}

TEST(TensorBoard, LogsTheRateThatOtherCallbacksLeave) {
  const ScratchFolder folder;
  Model model = tiny_model(0.5);
  TensorBoard callback({.log_dir = folder.path()});
  callback.set_model(&model);
  callback.on_train_begin({});
  model.optimizer().set_learning_rate(0.25);
  Logs logs{{"learning_rate", 0.5}, {"loss", 1}};
  callback.on_epoch_end(0, logs);
  callback.on_train_end({});
  EXPECT_EQ(points_in(folder, "train").at("epoch_learning_rate"), (Points::mapped_type{{0, 0.25}}));
}

TEST(TensorBoard, AnEpochCanBeReadAtItsEnd) {
  const ScratchFolder folder;
  Model model = tiny_model();
  TensorBoard callback({.log_dir = folder.path()});
  callback.set_model(&model);
  callback.on_train_begin({});
  Logs logs{{"loss", 1}, {"val_loss", 2}};
  callback.on_epoch_end(0, logs);
  EXPECT_EQ(points_in(folder, "train").count("epoch_loss"), 1U);
  EXPECT_EQ(points_in(folder, "validation").count("epoch_loss"), 1U);
}

TEST(TensorBoard, EachFitHasItsOwnFiles) {
  const ScratchFolder folder;
  TensorBoard callback({.log_dir = folder.path()});
  drive(callback, tiny_model(), false);
  drive(callback, tiny_model(), false);
  EXPECT_EQ(folder.files().size(), 2U);
}

TEST(TensorBoard, EvaluateAloneWritesValidationOnly) {
  const ScratchFolder folder;
  Model model = tiny_model();
  TensorBoard callback({.log_dir = folder.path()});
  callback.set_model(&model);
  callback.on_test_begin({});
  callback.on_test_end({{"loss", 2}});
  EXPECT_EQ(folder.files().size(), 1U);
  EXPECT_EQ(points_in(folder, "validation"), (Points{{"evaluation_loss_vs_iterations", {{0, 2}}}}));
}

TEST(TensorBoard, RefusesOptionsThatMakeNoSense) {
  EXPECT_NE(error_of([] { TensorBoard({.histogram_freq = -1}); }), "");
  EXPECT_NE(error_of([] { TensorBoard({.update_freq = -1}); }), "");
  EXPECT_NE(error_of([] { TensorBoard({.log_dir = ""}); }), "");
}

}  // namespace
}  // namespace fovea::test
