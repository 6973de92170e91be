#include "callbacks/monitor.h"
#include "core/format.h"
#include "core/log.h"
#include "fovea/model.h"

// Source: keras/src/callbacks/early_stopping.py.

namespace fovea {

struct EarlyStopping::State {
  explicit State(const EarlyStoppingOptions& given)
      : options(given), monitor("EarlyStopping", given.monitor, given.mode, given.min_delta) {}

  EarlyStoppingOptions options;
  Monitor monitor;
  std::int64_t wait = 0, stopped_epoch = 0, best_epoch = 0;
  std::vector<Tensor> best_weights;
};

EarlyStopping::EarlyStopping(const EarlyStoppingOptions& options)
    : state_(std::make_shared<State>(options)) {}

void EarlyStopping::on_train_begin(const Logs&) {
  state_->monitor.best.reset();
  state_->wait = state_->stopped_epoch = state_->best_epoch = 0;
  state_->best_weights.clear();
}

void EarlyStopping::on_epoch_end(std::int64_t epoch, Logs& logs) {
  State& state = *state_;
  const EarlyStoppingOptions& options = state.options;
  state.monitor.find_direction(model());
  const double* current = logs.find(options.monitor);
  if (current == nullptr) {
    log_message(
        fmt::format("Early stopping conditioned on metric `{}` which is not available. Available metrics "
                    "are: {}",
                    options.monitor, names_of(logs)));
    return;
  }
  if (epoch < options.start_from_epoch) return;

  ++state.wait;
  if (state.monitor.improves(*current)) {
    state.monitor.best = *current;
    state.best_epoch = epoch;
    if (options.restore_best_weights) state.best_weights = model().get_weights();
    // An improvement that does not reach the baseline does not win new patience.
    if (!options.baseline || state.monitor.improves(*current, options.baseline)) state.wait = 0;
    return;
  }
  if (state.wait >= options.patience && epoch > 0) {
    state.stopped_epoch = epoch;
    model().set_stop_training(true);
  }
}

void EarlyStopping::on_train_end(const Logs&) {
  State& state = *state_;
  if (state.stopped_epoch > 0 && state.options.verbose > 0) {
    log_message(fmt::format("Epoch {}: early stopping", state.stopped_epoch + 1));
  }
  if (state.best_weights.empty()) return;
  if (state.options.verbose > 0) {
    log_message(
        fmt::format("Restoring model weights from the end of the best epoch: {}.", state.best_epoch + 1));
  }
  model().set_weights(state.best_weights);
}

std::int64_t EarlyStopping::stopped_epoch() const { return state_->stopped_epoch; }
std::int64_t EarlyStopping::best_epoch() const { return state_->best_epoch; }
std::optional<double> EarlyStopping::best() const { return state_->monitor.best; }

void EarlyStopping::state(StateVisitor& visitor) {
  visitor.field("best", state_->monitor.best);
  visitor.field("wait", state_->wait);
  visitor.field("stopped_epoch", state_->stopped_epoch);
  visitor.field("best_epoch", state_->best_epoch);
  visitor.field("best_weights", state_->best_weights);
}

}  // namespace fovea
