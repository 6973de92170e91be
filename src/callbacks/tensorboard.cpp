#include <memory>

#include "callbacks/event_file.h"
#include "core/format.h"
#include "models/model_impl.h"

// Source: keras/src/callbacks/tensorboard.py.

namespace fovea {
namespace {

constexpr std::string_view kValidation = "val_";

bool of_validation(std::string_view name) { return name.substr(0, kValidation.size()) == kValidation; }

/// Every weight once, under Keras' path for it: "conv2d/kernel", and in a Sequential
/// "sequential/conv2d/kernel".
void write_histograms(EventFile& file, const ModelImpl& model, std::int64_t epoch) {
  const std::string name = model.shown_name();
  const std::string prefix = model.class_name() == "Sequential" ? name + "/" : "";
  for (const auto& layer : model.layers()) {
    if (const ModelImpl* inner = as_model(*layer)) {
      write_histograms(file, *inner, epoch);
      continue;
    }
    for (const Variable& weight : layer->weights) {
      file.histogram(prefix + layer->name + "/" + weight.name() + "/histogram", weight.value(), epoch);
    }
  }
}

}  // namespace

struct TensorBoard::State {
  EventFile& train() { return opened(train_file, "train"); }
  EventFile& validation() { return opened(validation_file, "validation"); }

  /// Files are made when there is something for them.
  EventFile& opened(std::unique_ptr<EventFile>& file, const char* folder) const {
    if (!file) file = std::make_unique<EventFile>(options.log_dir + "/" + folder);
    return *file;
  }

  TensorBoardOptions options;
  std::unique_ptr<EventFile> train_file, validation_file;
  std::int64_t train_batches = 0;  ///< in all epochs
};

TensorBoard::TensorBoard(const TensorBoardOptions& options) : state_(std::make_shared<State>()) {
  if (options.log_dir.empty()) fail("TensorBoard: log_dir is empty");
  if (options.histogram_freq < 0 || options.update_freq < 0) {
    fail("TensorBoard: histogram_freq and update_freq must not be negative. Received: {} and {}",
         options.histogram_freq, options.update_freq);
  }
  state_->options = options;
}

void TensorBoard::on_train_begin(const Logs&) {
  state_->train_batches = 0;
  state_->train();
}

void TensorBoard::on_train_batch_end(std::int64_t, const Logs& logs) {
  State& state = *state_;
  ++state.train_batches;
  if (state.options.update_freq == 0 || state.train_batches % state.options.update_freq != 0) return;
  for (const auto& [name, value] : logs) state.train().scalar("batch_" + name, value, state.train_batches);
  state.train().flush();
}

void TensorBoard::on_epoch_end(std::int64_t epoch, Logs& logs) {
  State& state = *state_;
  for (const auto& [name, value] : logs) {
    if (of_validation(name)) {
      state.validation().scalar("epoch_" + name.substr(kValidation.size()), value, epoch);
    } else if (name != "learning_rate") {
      state.train().scalar("epoch_" + name, value, epoch);
    }
  }
  if (!logs.empty()) {
    // As it is now, after the callbacks before this one, whatever they logged.
    state.train().scalar("epoch_learning_rate", model().optimizer().learning_rate(), epoch);
  }
  if (state.options.histogram_freq != 0 && epoch % state.options.histogram_freq == 0) {
    write_histograms(state.train(), static_cast<const ModelImpl&>(*model().impl()), epoch);
  }
  state.train().flush();
  if (state.validation_file) state.validation_file->flush();
}

void TensorBoard::on_train_end(const Logs&) {
  state_->train_file.reset();
  state_->validation_file.reset();
}

void TensorBoard::on_test_end(const Logs& logs) {
  State& state = *state_;
  if (!model().compiled() || logs.empty()) return;
  for (const auto& [name, value] : logs) {
    state.validation().scalar("evaluation_" + name + "_vs_iterations", value,
                              model().optimizer().iterations());
  }
  state.validation().flush();
}

void TensorBoard::state(StateVisitor& visitor) { visitor.field("train_batches", state_->train_batches); }

}  // namespace fovea
