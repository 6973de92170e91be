#include <filesystem>

#include "callbacks/monitor.h"
#include "callbacks/path_template.h"
#include "core/format.h"
#include "core/log.h"
#include "fovea/model.h"

// Source: keras/src/callbacks/model_checkpoint.py.

namespace fovea {
namespace {

namespace fs = std::filesystem;

bool ends_with(std::string_view text, std::string_view ending) {
  return text.size() >= ending.size() && text.substr(text.size() - ending.size()) == ending;
}

void check_ending(const std::string& path, bool weights_only) {
  const char* ending = weights_only ? ".weights.h5" : ".keras";
  if (ends_with(path, ending)) return;
  fail("ModelCheckpoint: with save_weights_only {} the path must end in {}. Received: '{}'",
       weights_only ? "true" : "false", ending, path);
}

void make_folder_of(const std::string& path) {
  const fs::path folder = fs::path(path).parent_path();
  if (folder.empty()) return;
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    fail("ModelCheckpoint: cannot make the folder '{}': {}", folder.string(), error.message());
  }
}

}  // namespace

struct ModelCheckpoint::State {
  State(const std::string& filepath, const ModelCheckpointOptions& given)
      : options(given),
        path(filepath),
        monitor("ModelCheckpoint", given.monitor, given.mode, 0, given.initial_value_threshold) {}

  /// Adds the batches up to `batch` to those since the last save; true when there are enough for the next.
  bool batch_is_due(std::int64_t batch) {
    const bool new_epoch = !last_batch || batch <= *last_batch;
    batches_since_save += new_epoch ? batch + 1 : batch - *last_batch;
    last_batch = batch;
    if (batches_since_save < options.save_freq) return false;
    batches_since_save = 0;
    return true;
  }

  void say(const std::string& message) const {
    if (options.verbose > 0) log_message(fmt::format("Epoch {}: {}", epoch + 1, message));
  }

  /// The best figure is remembered only once the file is there.
  void save(const Model& model, std::optional<std::int64_t> batch, const Logs& logs) {
    const std::string file = path.fill(epoch, batch, logs);
    std::optional<double> best = monitor.best;
    if (!options.save_best_only) {
      say(fmt::format("saving model to {}", file));
    } else if (const double* current = logs.find(options.monitor)) {
      const std::string before = best ? fmt::format("{:.5f}", *best) : "None";
      if (!monitor.improves(*current)) {
        say(fmt::format("{} did not improve from {}", options.monitor, before));
        return;
      }
      say(fmt::format("{} improved from {} to {:.5f}, saving model to {}", options.monitor, before, *current,
                      file));
      best = *current;
    } else {
      log_message(fmt::format("Can save best model only with {} available.", options.monitor));
    }
    make_folder_of(file);
    if (options.save_weights_only) {
      model.save_weights(file);
    } else {
      model.save(file);
    }
    monitor.best = best;
    last_path = file;
    say(fmt::format("finished saving model to {}", file));
  }

  ModelCheckpointOptions options;
  PathTemplate path;
  Monitor monitor;
  std::string last_path;
  std::int64_t epoch = 0, batches_since_save = 0;
  std::optional<std::int64_t> last_batch;
};

ModelCheckpoint::ModelCheckpoint(const std::string& filepath, const ModelCheckpointOptions& options) {
  check_ending(filepath, options.save_weights_only);
  if (options.save_freq < 0) {
    fail("ModelCheckpoint: save_freq is 0 (each epoch) or a number of batches. Received: {}",
         options.save_freq);
  }
  state_ = std::make_shared<State>(filepath, options);
}

void ModelCheckpoint::on_train_batch_end(std::int64_t batch, const Logs& logs) {
  State& state = *state_;
  if (state.options.save_freq == 0 || !state.batch_is_due(batch)) return;
  if (state.options.save_best_only) state.monitor.find_direction(model());
  state.save(model(), batch, logs);
}

void ModelCheckpoint::on_epoch_begin(std::int64_t epoch, const Logs&) { state_->epoch = epoch; }

void ModelCheckpoint::on_epoch_end(std::int64_t epoch, Logs& logs) {
  state_->epoch = epoch;
  state_->monitor.find_direction(model());
  if (state_->options.save_freq == 0) state_->save(model(), {}, logs);
}

std::optional<double> ModelCheckpoint::best() const { return state_->monitor.best; }
const std::string& ModelCheckpoint::last_path() const { return state_->last_path; }

void ModelCheckpoint::state(StateVisitor& visitor) {
  visitor.field("best", state_->monitor.best);
  visitor.field("batches_since_save", state_->batches_since_save);
  visitor.field("last_batch", state_->last_batch);
  visitor.field("last_path", state_->last_path);
}

}  // namespace fovea
