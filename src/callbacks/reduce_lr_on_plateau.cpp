#include <algorithm>

#include "callbacks/monitor.h"
#include "callbacks/python_text.h"
#include "core/format.h"
#include "core/log.h"
#include "fovea/model.h"

// Source: keras/src/callbacks/reduce_lr_on_plateau.py.

namespace fovea {

struct ReduceLROnPlateau::State {
  explicit State(const ReduceLROnPlateauOptions& given)
      : options(given), monitor("ReduceLROnPlateau", given.monitor, given.mode, given.min_delta) {}

  /// Returns whether there was anything left to cut.
  bool reduce(const Optimizer& optimizer, std::int64_t epoch) const {
    const double old_rate = optimizer.learning_rate();
    // The optimizer's rate is float32, and so is the limit it may have reached.
    if (!(old_rate > static_cast<double>(static_cast<float>(options.min_lr)))) return false;
    const double rate = std::max(old_rate * options.factor, options.min_lr);
    optimizer.set_learning_rate(rate);
    if (options.verbose > 0) {
      log_message(fmt::format("Epoch {}: ReduceLROnPlateau reducing learning rate to {}.", epoch + 1,
                              python_text(rate)));
    }
    return true;
  }

  ReduceLROnPlateauOptions options;
  Monitor monitor;
  std::int64_t wait = 0, cooldown_counter = 0;
};

ReduceLROnPlateau::ReduceLROnPlateau(const ReduceLROnPlateauOptions& options)
    : state_(std::make_shared<State>(options)) {
  if (options.factor >= 1) {
    fail("ReduceLROnPlateau: factor must be below 1. Received: {}", python_text(options.factor));
  }
}

void ReduceLROnPlateau::on_train_begin(const Logs&) {
  state_->monitor.best.reset();
  state_->wait = state_->cooldown_counter = 0;
}

void ReduceLROnPlateau::on_epoch_end(std::int64_t epoch, Logs& logs) {
  State& state = *state_;
  state.monitor.find_direction(model());
  const Optimizer optimizer = model().optimizer();
  logs.set("learning_rate", optimizer.learning_rate());
  const double* current = logs.find(state.options.monitor);
  if (current == nullptr) {
    log_message(
        fmt::format("Learning rate reduction is conditioned on metric `{}` which is not available. Available "
                    "metrics are: {}.",
                    state.options.monitor, names_of(logs)));
    return;
  }
  if (state.cooldown_counter > 0) {
    --state.cooldown_counter;
    state.wait = 0;
  }
  if (state.monitor.improves(*current)) {
    state.monitor.best = *current;
    state.wait = 0;
  } else if (state.cooldown_counter <= 0) {
    ++state.wait;
    if (state.wait >= state.options.patience && state.reduce(optimizer, epoch)) {
      state.cooldown_counter = state.options.cooldown;
      state.wait = 0;
    }
  }
}

void ReduceLROnPlateau::state(StateVisitor& visitor) {
  visitor.field("best", state_->monitor.best);
  visitor.field("wait", state_->wait);
  visitor.field("cooldown_counter", state_->cooldown_counter);
}

}  // namespace fovea
