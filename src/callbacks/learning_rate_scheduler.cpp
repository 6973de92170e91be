#include "callbacks/python_text.h"
#include "core/format.h"
#include "core/log.h"
#include "fovea/model.h"

// Source: keras/src/callbacks/learning_rate_scheduler.py.

namespace fovea {

LearningRateScheduler::LearningRateScheduler(std::function<double(std::int64_t epoch, double rate)> schedule,
                                             int verbose)
    : schedule_(std::move(schedule)), verbose_(verbose) {
  if (!schedule_) fail("LearningRateScheduler: needs a function");
}

void LearningRateScheduler::on_epoch_begin(std::int64_t epoch, const Logs&) {
  const Optimizer optimizer = model().optimizer();
  const double rate = schedule_(epoch, optimizer.learning_rate());
  optimizer.set_learning_rate(rate);
  if (verbose_ > 0) {
    log_message(fmt::format("Epoch {}: LearningRateScheduler setting learning rate to {}.", epoch + 1,
                            python_text(rate)));
  }
}

void LearningRateScheduler::on_epoch_end(std::int64_t, Logs& logs) {
  logs.set("learning_rate", model().optimizer().learning_rate());
}

}  // namespace fovea
