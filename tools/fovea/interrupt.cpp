#include "interrupt.h"

#include <unistd.h>

#include <csignal>

#include "fovea/model.h"

namespace fovea::program {
namespace {

volatile std::sig_atomic_t was_interrupted = 0;

void on_interrupt(int) {
  was_interrupted = 1;
  constexpr char message[] = "\nfovea: stopping after this batch; Ctrl-C again ends at once\n";
  [[maybe_unused]] const auto written = write(STDERR_FILENO, message, sizeof message - 1);
}

}  // namespace

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  // After the first signal the system's own action is back: the second ends the program.
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  sigaction(SIGINT, &action, nullptr);
}

bool interrupted() { return was_interrupted != 0; }

void StopWhenInterrupted::on_train_batch_end(std::int64_t, const Logs&) {
  if (interrupted()) model().set_stop_training(true);
}

void StopWhenInterrupted::on_test_batch_begin(std::int64_t, const Logs&) {
  if (interrupted()) throw ValidationInterrupted{};
}

}  // namespace fovea::program
