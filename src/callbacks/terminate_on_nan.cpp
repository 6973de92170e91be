#include <cmath>

#include "callbacks/python_text.h"
#include "core/format.h"
#include "core/log.h"
#include "fovea/model.h"

// Source: keras/src/callbacks/terminate_on_nan.py.

namespace fovea {

void TerminateOnNaN::on_train_batch_end(std::int64_t batch, const Logs& logs) {
  const double* loss = logs.find("loss");
  if (loss == nullptr || std::isfinite(*loss)) return;
  if (options_.raise_error) {
    fail("TerminateOnNaN: the loss of batch {} is {}; training ends here", batch, python_text(*loss));
  }
  log_message(fmt::format("Batch {}: Invalid loss, terminating training", batch));
  model().set_stop_training(true);
}

}  // namespace fovea
