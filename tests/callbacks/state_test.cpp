#include <gtest/gtest.h>

#include "callbacks/state_store.h"

// A run that goes on in another process: what the callbacks' state() visits is all that a new object needs.

namespace fovea::test {
namespace {

/// The state of `from`, in `to` when its training has begun.
template <class T>
void hand_over(T& from, T& to, Model& model) {
  StateStore store;
  from.state(store);
  to.set_model(&model);
  to.on_train_begin({});
  store.reading = true;
  to.state(store);
}

void end_epoch(Callback& callback, std::int64_t epoch, Logs logs) { callback.on_epoch_end(epoch, logs); }

TEST(CallbackState, EarlyStoppingGoesOn) {
  Model model = tiny_model();
  const EarlyStoppingOptions options{.monitor = "loss", .patience = 3, .restore_best_weights = true};
  EarlyStopping first(options), second(options);
  first.set_model(&model);
  first.on_train_begin({});
  const double losses[] = {1, 0.5, 0.6};
  for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
    mark(model, static_cast<double>(epoch));
    end_epoch(first, epoch, {{"loss", losses[epoch]}});
  }
  Model other = tiny_model();
  hand_over(first, second, other);
  EXPECT_EQ(second.best(), 0.5);
  EXPECT_EQ(second.best_epoch(), 1);
  end_epoch(second, 3, {{"loss", 0.7}});
  EXPECT_FALSE(other.stop_training());
  end_epoch(second, 4, {{"loss", 0.7}});
  EXPECT_TRUE(other.stop_training());
  second.on_train_end({});
  EXPECT_EQ(marked(other), 1);
}

TEST(CallbackState, ReduceLROnPlateauGoesOn) {
  Model model = tiny_model(1);
  const ReduceLROnPlateauOptions options{.monitor = "loss", .factor = 0.5, .patience = 2, .cooldown = 3};
  ReduceLROnPlateau first(options), second(options), third(options);
  first.set_model(&model);
  first.on_train_begin({});
  for (std::int64_t epoch = 0; epoch < 2; ++epoch) end_epoch(first, epoch, {{"loss", 1}});
  hand_over(first, second, model);
  EXPECT_EQ(model.optimizer().learning_rate(), 1);
  end_epoch(second, 2, {{"loss", 1}});
  EXPECT_EQ(model.optimizer().learning_rate(), 0.5);
  hand_over(second, third, model);
  // Three epochs of cooldown, the last of which counts.
  for (std::int64_t epoch = 3; epoch < 6; ++epoch) end_epoch(third, epoch, {{"loss", 1}});
  EXPECT_EQ(model.optimizer().learning_rate(), 0.5);
  end_epoch(third, 6, {{"loss", 1}});
  EXPECT_EQ(model.optimizer().learning_rate(), 0.25);
}

TEST(CallbackState, ModelCheckpointKnowsWhatIsBest) {
  const ScratchFolder folder;
  Model model = tiny_model();
  const ModelCheckpointOptions options{.monitor = "loss", .save_best_only = true};
  ModelCheckpoint first(folder.path("first{epoch}.keras"), options);
  ModelCheckpoint second(folder.path("second{epoch}.keras"), options);
  first.set_model(&model);
  end_epoch(first, 0, {{"loss", 0.5}});
  hand_over(first, second, model);
  EXPECT_EQ(second.best(), 0.5);
  EXPECT_EQ(second.last_path(), folder.path("first1.keras"));
  end_epoch(second, 1, {{"loss", 0.6}});
  end_epoch(second, 2, {{"loss", 0.4}});
  EXPECT_EQ(folder.files(), (std::vector<std::string>{"first1.keras", "second3.keras"}));
}

TEST(CallbackState, ModelCheckpointCountsBatchesOn) {
  const ScratchFolder folder;
  Model model = tiny_model();
  const ModelCheckpointOptions options{.save_freq = 4};
  ModelCheckpoint first(folder.path("w.keras"), options), second(folder.path("w.keras"), options);
  first.set_model(&model);
  for (std::int64_t batch = 0; batch < 2; ++batch) first.on_train_batch_end(batch, {});
  hand_over(first, second, model);
  second.on_train_batch_end(2, {});
  EXPECT_TRUE(folder.files().empty());
  second.on_train_batch_end(3, {});
  EXPECT_EQ(folder.files(), std::vector<std::string>{"w.keras"});
}

TEST(CallbackState, CSVLoggerKeepsItsColumns) {
  const ScratchFolder folder;
  Model model = tiny_model();
  CSVLogger first(folder.path("log.csv")), second(folder.path("log.csv"), {.append = true});
  first.on_train_begin({});
  end_epoch(first, 0, {{"loss", 1}, {"val_loss", 2}});
  hand_over(first, second, model);
  end_epoch(second, 1, {{"loss", 3}});  // without validation the columns would be others
  EXPECT_EQ(read_file(folder.path("log.csv")), "epoch,loss,val_loss\r\n0,1.0,2.0\r\n1,3.0,NA\r\n");
}

TEST(CallbackState, HistoryGoesOn) {
  Model model = tiny_model();
  History first, second;
  end_epoch(first, 4, {{"loss", 1}, {"acc", 0.5}});
  hand_over(first, second, model);
  end_epoch(second, 5, {{"loss", 2}, {"acc", 0.75}});
  EXPECT_EQ(second.epoch, (std::vector<std::int64_t>{4, 5}));
  EXPECT_EQ(second["loss"], (std::vector<double>{1, 2}));
  EXPECT_EQ(second["acc"], (std::vector<double>{0.5, 0.75}));
}

TEST(CallbackState, TensorBoardCountsBatchesOn) {
  const ScratchFolder folder;
  Model model = tiny_model();
  TensorBoard first({.log_dir = folder.path("first"), .update_freq = 2});
  TensorBoard second({.log_dir = folder.path("second"), .update_freq = 2});
  first.set_model(&model);
  first.on_train_begin({});
  for (std::int64_t batch = 0; batch < 3; ++batch) first.on_train_batch_end(batch, {{"loss", 1}});
  hand_over(first, second, model);
  const std::string file = folder.path(folder.files().at(1));
  const auto size = std::filesystem::file_size(file);
  second.on_train_batch_end(0, {{"loss", 1}});  // the fourth
  EXPECT_GT(std::filesystem::file_size(file), size);
}

}  // namespace
}  // namespace fovea::test
