#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "fovea/fields.h"

namespace fovea {

class Model;

/// Named figures in the order in which they came: {"loss", 0.31}, {"acc", 0.87}, {"val_loss", ...}.
class Logs {
 public:
  Logs() = default;
  Logs(std::initializer_list<std::pair<std::string, double>> values) : values_(values) {}
  /// Null when there is no such figure.
  const double* find(std::string_view name) const;
  /// Throws Error listing the names there are.
  double operator[](std::string_view name) const;
  void set(std::string_view name, double value);
  bool contains(std::string_view name) const { return find(name) != nullptr; }
  bool empty() const { return values_.empty(); }
  std::size_t size() const { return values_.size(); }
  auto begin() const { return values_.begin(); }
  auto end() const { return values_.end(); }
  void clear() { values_.clear(); }

 private:
  std::vector<std::pair<std::string, double>> values_;
};

/// What a callback is told about the run it stands in.
struct CallbackParameters {
  std::int64_t epochs = 1;
  std::int64_t steps = 0;  ///< batches in an epoch
  std::int64_t samples = 0;
  int verbose = 0;
  bool validates = false;
};

/// Visits what a callback has gathered so far.
class StateVisitor : public FieldVisitor {
 public:
  using FieldVisitor::field;
  virtual void field(std::string_view name, std::vector<Tensor>& value) = 0;
};

/// Called by fit, evaluate and predict at the same places and with the same logs as Keras' callbacks; epochs
/// and batches count from 0. What a callback changes through model() takes effect at the next step.
class Callback {
 public:
  virtual ~Callback() = default;
  virtual void on_train_begin(const Logs& /*logs*/) {}
  virtual void on_train_end(const Logs& /*logs*/) {}
  virtual void on_epoch_begin(std::int64_t /*epoch*/, const Logs& /*logs*/) {}
  /// Figures added to `logs` are seen by the callbacks after this one and kept in the history.
  virtual void on_epoch_end(std::int64_t /*epoch*/, Logs& /*logs*/) {}
  virtual void on_train_batch_begin(std::int64_t /*batch*/, const Logs& /*logs*/) {}
  virtual void on_train_batch_end(std::int64_t /*batch*/, const Logs& /*logs*/) {}
  virtual void on_test_begin(const Logs& /*logs*/) {}
  virtual void on_test_end(const Logs& /*logs*/) {}
  virtual void on_test_batch_begin(std::int64_t /*batch*/, const Logs& /*logs*/) {}
  virtual void on_test_batch_end(std::int64_t /*batch*/, const Logs& /*logs*/) {}
  virtual void on_predict_begin(const Logs& /*logs*/) {}
  virtual void on_predict_end(const Logs& /*logs*/) {}
  virtual void on_predict_batch_begin(std::int64_t /*batch*/, const Logs& /*logs*/) {}
  virtual void on_predict_batch_end(std::int64_t /*batch*/, const Logs& /*logs*/) {}
  /// Visits what the hooks change, so that a run can go on in another process: written between epochs, read
  /// after on_train_begin. (ModelCheckpoint, for one, then knows what the best file must be better than.)
  virtual void state(StateVisitor& /*visitor*/) {}

  void set_model(Model* model) { model_ = model; }
  void set_parameters(const CallbackParameters& parameters) { parameters_ = parameters; }

 protected:
  Model& model() const { return *model_; }
  const CallbackParameters& parameters() const { return parameters_; }

 private:
  Model* model_ = nullptr;
  CallbackParameters parameters_;
};

/// A callback as fit takes it: an object of a class derived from Callback, copied, or a shared pointer to one
/// whose state is wanted afterwards.
class CallbackHandle {
 public:
  template <class T, class = std::enable_if_t<std::is_base_of_v<Callback, T>>>
  CallbackHandle(T callback) : callback_(std::make_shared<T>(std::move(callback))) {}
  template <class T, class = std::enable_if_t<std::is_base_of_v<Callback, T>>>
  CallbackHandle(std::shared_ptr<T> callback) : callback_(std::move(callback)) {}
  Callback& operator*() const { return *callback_; }
  Callback* operator->() const { return callback_.get(); }

 private:
  std::shared_ptr<Callback> callback_;
};

/// Every epoch's figures. fit returns one.
class History : public Callback {
 public:
  void on_train_begin(const Logs& logs) override;
  void on_epoch_end(std::int64_t epoch, Logs& logs) override;
  void state(StateVisitor& visitor) override;

  std::vector<std::int64_t> epoch;
  /// By name, in the order in which they came: "loss", "acc", "val_loss", "val_acc".
  std::vector<std::pair<std::string, std::vector<double>>> history;
  /// Throws Error listing the names there are.
  const std::vector<double>& operator[](std::string_view name) const;
};

/// Which way a monitored figure gets better. mode: "auto" (the metric's own direction), "min" or "max". A
/// figure that is not in the logs warns; with mode "auto", one whose direction is not known is an Error at
/// the first epoch's end. As in Keras, figures are compared as float32.
struct EarlyStoppingOptions {
  std::string monitor = "val_loss";
  double min_delta = 0;  ///< a smaller change is no improvement
  std::int64_t patience = 0;
  int verbose = 0;
  std::string mode = "auto";
  std::optional<double> baseline = {};
  bool restore_best_weights = false;
  std::int64_t start_from_epoch = 0;
};
/// Stops when the monitored figure has not improved for `patience` epochs.
class EarlyStopping : public Callback {
 public:
  explicit EarlyStopping(const EarlyStoppingOptions& options = {});
  void on_train_begin(const Logs& logs) override;
  void on_epoch_end(std::int64_t epoch, Logs& logs) override;
  void on_train_end(const Logs& logs) override;
  void state(StateVisitor& visitor) override;

  std::int64_t stopped_epoch() const;  ///< 0: not stopped
  std::int64_t best_epoch() const;
  std::optional<double> best() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

struct ModelCheckpointOptions {
  std::string monitor = "val_loss";
  int verbose = 0;
  bool save_best_only = false;
  bool save_weights_only = false;  ///< the path then ends in .weights.h5
  std::string mode = "auto";
  std::int64_t save_freq = 0;  ///< 0: each epoch; otherwise so many batches
  std::optional<double> initial_value_threshold = {};
};
/// Saves the model, atomically, making the folders its path needs. The path may hold Python's format fields:
/// "{epoch:02d}-{val_loss:.2f}.keras"; epochs and batches count from 1 there. A field is
/// {name:[[fill]align][sign][0][width][.precision][type]}, the type one of d (epoch and batch only), e, f, g
/// and %; {{ and }} stand for braces. Throws Error for a path without its ending or with a field that cannot
/// be read, and when it saves, for one that is in no log. With save_best_only a monitored figure that is not
/// in the logs warns, and the model is saved.
class ModelCheckpoint : public Callback {
 public:
  explicit ModelCheckpoint(const std::string& filepath, const ModelCheckpointOptions& options = {});
  void on_train_batch_end(std::int64_t batch, const Logs& logs) override;
  void on_epoch_begin(std::int64_t epoch, const Logs& logs) override;
  void on_epoch_end(std::int64_t epoch, Logs& logs) override;
  void state(StateVisitor& visitor) override;

  std::optional<double> best() const;
  const std::string& last_path() const;  ///< of the newest file written; "" before

 private:
  struct State;
  std::shared_ptr<State> state_;
};

struct ReduceLROnPlateauOptions {
  std::string monitor = "val_loss";
  double factor = 0.1;
  std::int64_t patience = 10;
  int verbose = 0;
  std::string mode = "auto";
  double min_delta = 1e-4;
  std::int64_t cooldown = 0;
  double min_lr = 0;
};
/// Multiplies the learning rate by `factor` when the monitored figure has not improved for `patience` epochs.
/// Logs "learning_rate" as it was in the epoch.
class ReduceLROnPlateau : public Callback {
 public:
  explicit ReduceLROnPlateau(const ReduceLROnPlateauOptions& options = {});
  void on_train_begin(const Logs& logs) override;
  void on_epoch_end(std::int64_t epoch, Logs& logs) override;
  void state(StateVisitor& visitor) override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

struct TensorBoardOptions {
  std::string log_dir = "logs";
  std::int64_t histogram_freq = 0;  ///< epochs between histograms of the weights; 0: none
  std::int64_t update_freq = 0;     ///< 0: figures of each epoch; otherwise also of every so many batches
};
/// Writes event files that TensorBoard shows, in folders that it makes: train/ and validation/ below log_dir.
/// Tags are Keras': epoch_loss, epoch_learning_rate (steps count epochs from 0), batch_loss (batches from 1),
/// evaluation_loss_vs_iterations, sequential/conv2d/kernel/histogram. Throws Error naming the file that
/// cannot be written. Unlike Keras, update_freq leaves out no epoch's figures.
class TensorBoard : public Callback {
 public:
  explicit TensorBoard(const TensorBoardOptions& options = {});
  void on_train_begin(const Logs& logs) override;
  void on_train_batch_end(std::int64_t batch, const Logs& logs) override;
  void on_epoch_end(std::int64_t epoch, Logs& logs) override;
  void on_train_end(const Logs& logs) override;
  void on_test_end(const Logs& logs) override;
  void state(StateVisitor& visitor) override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

struct CSVLoggerOptions {
  std::string separator = ",";
  bool append = false;
};
/// A line an epoch: "epoch", then the figures by name, as Keras writes them; "NA" for one that is missing.
/// The columns are the first epoch's figures; when none of them is of validation, each with "val_" too. The
/// file is opened when training begins. Throws Error when it cannot be: its folder must exist.
class CSVLogger : public Callback {
 public:
  explicit CSVLogger(const std::string& filename, const CSVLoggerOptions& options = {});
  void on_train_begin(const Logs& logs) override;
  void on_epoch_end(std::int64_t epoch, Logs& logs) override;
  void on_train_end(const Logs& logs) override;
  void state(StateVisitor& visitor) override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// Sets the learning rate at each epoch's start to schedule(epoch, rate), and logs "learning_rate".
class LearningRateScheduler : public Callback {
 public:
  explicit LearningRateScheduler(std::function<double(std::int64_t epoch, double rate)> schedule,
                                 int verbose = 0);
  void on_epoch_begin(std::int64_t epoch, const Logs& logs) override;
  void on_epoch_end(std::int64_t epoch, Logs& logs) override;

 private:
  std::function<double(std::int64_t, double)> schedule_;
  int verbose_;
};

struct TerminateOnNaNOptions {
  bool raise_error = false;  ///< throw Error at once; on_train_end is not called then
};
/// Stops when a batch's loss is not a finite number.
class TerminateOnNaN : public Callback {
 public:
  explicit TerminateOnNaN(const TerminateOnNaNOptions& options = {}) : options_(options) {}
  void on_train_batch_end(std::int64_t batch, const Logs& logs) override;

 private:
  TerminateOnNaNOptions options_;
};

struct LambdaCallbackOptions {
  std::function<void(std::int64_t epoch, const Logs&)> on_epoch_begin = {};
  std::function<void(std::int64_t epoch, Logs&)> on_epoch_end = {};
  std::function<void(const Logs&)> on_train_begin = {};
  std::function<void(const Logs&)> on_train_end = {};
  std::function<void(std::int64_t batch, const Logs&)> on_train_batch_begin = {};
  std::function<void(std::int64_t batch, const Logs&)> on_train_batch_end = {};
};
/// Functions as a callback.
class LambdaCallback : public Callback {
 public:
  explicit LambdaCallback(LambdaCallbackOptions options) : options_(std::move(options)) {}
  void on_epoch_begin(std::int64_t epoch, const Logs& logs) override;
  void on_epoch_end(std::int64_t epoch, Logs& logs) override;
  void on_train_begin(const Logs& logs) override;
  void on_train_end(const Logs& logs) override;
  void on_train_batch_begin(std::int64_t batch, const Logs& logs) override;
  void on_train_batch_end(std::int64_t batch, const Logs& logs) override;

 private:
  LambdaCallbackOptions options_;
};

struct ProgressBarOptions {
  /// Gets the text to show; empty: standard output.
  std::function<void(std::string_view)> write = {};
  /// A bar that is redrawn in place, with the time left; false: one plain line an epoch. Unset: a bar when
  /// standard output is what it writes to and is a terminal.
  std::optional<bool> redraw = {};
  int width = 0;  ///< columns; 0: the terminal's, or 80
};
/// Shows how far an epoch is, the time left (when it is over: taken), the loss and the metrics. A bar is
/// redrawn at most ten times a second and stays narrower than `width`. fit adds one for verbose 1 (a bar) and
/// 2 (lines).
class ProgressBar : public Callback {
 public:
  explicit ProgressBar(const ProgressBarOptions& options = {});
  void on_train_begin(const Logs& logs) override;
  void on_epoch_begin(std::int64_t epoch, const Logs& logs) override;
  void on_train_batch_end(std::int64_t batch, const Logs& logs) override;
  void on_epoch_end(std::int64_t epoch, Logs& logs) override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// Where messages of the library go (a callback's "verbose", a warning); it prints nothing by itself. Null:
/// nowhere.
void set_log_callback(std::function<void(std::string_view message)> callback);

}  // namespace fovea
