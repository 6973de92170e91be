#pragma once

#include "fovea/callbacks.h"

namespace fovea::program {

/// From now on the first Ctrl-C only sets a flag; the second ends the program at once.
void catch_interrupts();
bool interrupted();

/// Thrown out of a validation that Ctrl-C has made pointless.
struct ValidationInterrupted {};

/// Ends training after the batch that runs when Ctrl-C was pressed.
class StopWhenInterrupted : public Callback {
 public:
  void on_train_batch_end(std::int64_t batch, const Logs& logs) override;
  void on_test_batch_begin(std::int64_t batch, const Logs& logs) override;
};

}  // namespace fovea::program
