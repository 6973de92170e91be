#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "callbacks/golden_arguments.h"

namespace fovea::test {
namespace {

namespace fs = std::filesystem;
using Messages = std::vector<std::string>;

bool ends_with(const std::string& text, const std::string& ending) {
  return text.size() >= ending.size() &&
         text.compare(text.size() - ending.size(), ending.size(), ending) == 0;
}

/// The mark of the model in a file.
double kept_mark(const std::string& path) {
  if (!ends_with(path, ".weights.h5")) return marked(load_model(path, {.compile = false}));
  const Model model = tiny_model();
  model.load_weights(path);
  return marked(model);
}

/// A ModelCheckpoint in a folder of its own, driven as tests/golden/callbacks.py drives Keras'.
class Checkpoint {
 public:
  Checkpoint(const std::string& path, const ModelCheckpointOptions& options)
      : callback(folder.path(path), options) {
    callback.set_model(&model);
    callback.on_train_begin({});
  }

  /// Calls a hook with the model marked; returns the files that it wrote.
  Messages saved_by(double mark_value, const std::function<void()>& hook) {
    mark(model, mark_value);
    const auto old = fs::file_time_type::clock::now() - std::chrono::hours(1);
    for (const std::string& file : folder.files()) fs::last_write_time(folder.path(file), old);
    hook();
    Messages saved;
    for (const std::string& file : folder.files()) {
      if (fs::last_write_time(folder.path(file)) > old + std::chrono::minutes(1)) saved.push_back(file);
    }
    return saved;
  }
  Messages end_epoch(std::int64_t epoch, Logs logs) {
    callback.on_epoch_begin(epoch, {});
    return saved_by(static_cast<double>(epoch), [&] { callback.on_epoch_end(epoch, logs); });
  }

  const ScratchFolder folder;
  Model model = tiny_model();
  ModelCheckpoint callback;
};

/// Ways in which ours differs on purpose; false: the case is to be replayed.
bool differs_from_keras(const Json& golden) {
  const std::string path = golden["arguments"]["filepath"];
  if (golden["arguments"].value("save_freq", Json(0)).is_string()) return true;  // a C++ option is no string
  if (ends_with(path, ".h5") && !ends_with(path, ".weights.h5")) {
    // Keras' old format is read here and not written.
    EXPECT_NE(error_of([&] { ModelCheckpoint{path}; }).find(".keras"), std::string::npos);
    return true;
  }
  return false;
}

ModelCheckpointOptions options_of(const Json& golden, std::string& path) {
  ModelCheckpointOptions options;
  GoldenArguments arguments(golden["arguments"]);
  arguments.take("filepath", path);
  arguments.take("monitor", options.monitor);
  arguments.take("save_best_only", options.save_best_only);
  arguments.take("save_weights_only", options.save_weights_only);
  arguments.take("mode", options.mode);
  arguments.take("save_freq", options.save_freq);
  arguments.take("initial_value_threshold", options.initial_value_threshold);
  return options;
}

void expect_decision(const Json& decision, const Messages& saved, Checkpoint& checkpoint, LogCapture& log) {
  EXPECT_EQ(saved, decision["saved"].get<Messages>());
  EXPECT_EQ(log.take(), warnings_of(decision));
  const std::optional<double> best = checkpoint.callback.best();
  ASSERT_EQ(best.has_value(), !decision["best"].is_null());
  if (!best) return;
  const double expected = number(decision["best"]);
  EXPECT_TRUE(*best == expected || (std::isnan(*best) && std::isnan(expected))) << *best;
}

}  // namespace

void replay_model_checkpoint(const Json& golden) {
  if (differs_from_keras(golden)) return;
  std::string path;
  const ModelCheckpointOptions options = options_of(golden, path);
  const Json& decisions = golden["decisions"];
  if (decisions[0].contains("error") && ends_with(decisions[0]["error"]["type"], "ValueError") &&
      decisions[0]["error"]["message"].get<std::string>().find("filepath") != std::string::npos) {
    EXPECT_NE(error_of([&] { ModelCheckpoint(path, options); }).find(path), std::string::npos);
    return;
  }
  LogCapture log;
  Checkpoint checkpoint(path, options);
  std::size_t next = 0;
  const Json& batches = golden["batch_logs"];
  for (std::size_t e = 0; e < golden["logs"].size(); ++e) {
    const auto epoch = static_cast<std::int64_t>(e);
    checkpoint.callback.on_epoch_begin(epoch, {});
    for (std::size_t b = 0; b <= batches.size(); ++b) {
      ASSERT_LT(next, decisions.size());
      const Json& decision = decisions[next++];
      SCOPED_TRACE("decision " + decision.dump());
      const bool at_end = b == batches.size();
      Logs logs = logs_of(at_end ? golden["logs"][e] : batches[b]);
      const double mark_value = static_cast<double>(e) + (at_end ? 0 : static_cast<double>(b) / 100);
      const auto hook = [&] {
        if (at_end) {
          checkpoint.callback.on_epoch_end(epoch, logs);
        } else {
          checkpoint.callback.on_train_batch_end(static_cast<std::int64_t>(b), logs);
        }
      };
      if (!decision.contains("error")) {
        expect_decision(decision, checkpoint.saved_by(mark_value, hook), checkpoint, log);
        continue;
      }
      // A TypeError is a fault of Keras: it compares before it knows the direction. Ours goes on.
      const bool fault = decision["error"]["type"] == "TypeError";
      EXPECT_EQ(error_of(hook).empty(), fault) << decision["error"];
      if (fault) {
        EXPECT_EQ(checkpoint.callback.best(), number(batches[b]["loss"]));
        return;
      }
    }
    if (decisions[next - 1].contains("error")) break;
  }
  EXPECT_EQ(next, decisions.size());
  const Json& files = golden["files"];
  EXPECT_EQ(checkpoint.folder.files().size(), files.size());
  for (const auto& [file, kept] : files.items()) {
    EXPECT_EQ(kept_mark(checkpoint.folder.path(file)), number(kept)) << file;
  }
}

namespace {

TEST(ModelCheckpoint, SaysWhatItDoes) {
  for (const int verbose : {0, 1}) {
    LogCapture log;
    Checkpoint checkpoint("w.keras", {.verbose = verbose, .save_best_only = true});
    const std::string path = checkpoint.folder.path("w.keras");
    checkpoint.end_epoch(0, {{"val_loss", 0.5}});
    checkpoint.end_epoch(1, {{"val_loss", 0.25}});
    checkpoint.end_epoch(2, {{"val_loss", 0.3}});
    const Messages expected{"Epoch 1: val_loss improved from None to 0.50000, saving model to " + path,
                            "Epoch 1: finished saving model to " + path,
                            "Epoch 2: val_loss improved from 0.50000 to 0.25000, saving model to " + path,
                            "Epoch 2: finished saving model to " + path,
                            "Epoch 3: val_loss did not improve from 0.25000"};
    EXPECT_EQ(log.take(), verbose == 1 ? expected : Messages{});

    Checkpoint always("w.keras", {.verbose = verbose});
    always.end_epoch(4, {{"val_loss", 0.5}});
    const std::string other = always.folder.path("w.keras");
    const Messages each{"Epoch 5: saving model to " + other, "Epoch 5: finished saving model to " + other};
    EXPECT_EQ(log.take(), verbose == 1 ? each : Messages{});
  }
}

TEST(ModelCheckpoint, TellsWhereTheNewestFileIs) {
  Checkpoint checkpoint("a/b/{epoch:02d}.keras", {.save_best_only = true});
  EXPECT_EQ(checkpoint.callback.last_path(), "");
  checkpoint.end_epoch(0, {{"val_loss", 0.5}});
  checkpoint.end_epoch(1, {{"val_loss", 0.6}});
  EXPECT_EQ(checkpoint.callback.last_path(), checkpoint.folder.path("a/b/01.keras"));
}

TEST(ModelCheckpoint, AFailedSaveDoesNotCountAsBest) {
  Checkpoint checkpoint("in_the_way/w.keras", {.save_best_only = true});
  write_file(checkpoint.folder.path("in_the_way"), "");
  const std::string error = error_of([&] { checkpoint.end_epoch(0, {{"val_loss", 0.5}}); });
  EXPECT_NE(error.find(checkpoint.folder.path("in_the_way")), std::string::npos) << error;
  EXPECT_FALSE(checkpoint.callback.best());
  fs::remove(checkpoint.folder.path("in_the_way"));
  EXPECT_EQ(checkpoint.end_epoch(1, {{"val_loss", 0.6}}), Messages{"in_the_way/w.keras"});
}

TEST(ModelCheckpoint, RefusesWrongOptionsAtOnce) {
  EXPECT_NE(error_of([] { ModelCheckpoint("w.keras", {.save_freq = -1}); }), "");
  EXPECT_NE(error_of([] { ModelCheckpoint("{epoch:q}.keras"); }), "");
  EXPECT_NE(error_of([] { ModelCheckpoint("w.weights.h5"); }), "");
  EXPECT_EQ(error_of([] { ModelCheckpoint("w.weights.h5", {.save_weights_only = true}); }), "");
}

TEST(ModelCheckpoint, KnowsTheDirectionAtABatch) {
  Checkpoint checkpoint("b{batch}.keras", {.monitor = "acc", .save_best_only = true, .save_freq = 1});
  Messages saved;
  for (const double acc : {0.2, 0.5, 0.3}) {
    checkpoint.callback.on_train_batch_end(static_cast<std::int64_t>(saved.size()), {{"acc", acc}});
    saved = checkpoint.folder.files();
  }
  EXPECT_EQ(saved, (Messages{"b1.keras", "b2.keras"}));
}

TEST(ModelCheckpoint, CountsBatchesThatWereSkipped) {
  Checkpoint checkpoint("e{epoch}b{batch}.keras", {.save_freq = 4});
  checkpoint.callback.on_epoch_begin(2, {});
  const auto batch_end = [&](std::int64_t batch) {
    return checkpoint.saved_by(0, [&] { checkpoint.callback.on_train_batch_end(batch, {}); });
  };
  EXPECT_EQ(batch_end(1), Messages{});
  EXPECT_EQ(batch_end(4), Messages{"e3b5.keras"});
  EXPECT_EQ(batch_end(1), Messages{});  // a new epoch
  EXPECT_EQ(batch_end(3), Messages{"e3b4.keras"});
}

}  // namespace
}  // namespace fovea::test
