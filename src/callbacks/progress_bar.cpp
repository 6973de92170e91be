#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "callbacks/progress_line.h"
#include "core/format.h"

namespace fovea {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kRedrawInterval = 0.1;  // seconds
constexpr int kColumns = 80;             // where there is no terminal to ask

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

int terminal_columns() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return kColumns;
}

}  // namespace

struct ProgressBar::State {
  bool redraws() const { return options.redraw.value_or(!options.write && isatty(STDOUT_FILENO) != 0); }

  /// The last column stays free: a cursor behind it may have wrapped to the next line.
  int columns() const {
    if (options.width > 0) return options.width - 1;
    return (options.write ? kColumns : terminal_columns()) - 1;
  }

  void write(std::string_view text) const {
    if (options.write) {
      options.write(text);
    } else {
      std::fwrite(text.data(), 1, text.size(), stdout);
      std::fflush(stdout);
    }
  }

  void begin_epoch() {
    began = Clock::now();
    first_step_end.reset();
    progress = {};
    drawn_columns = 0;
  }

  /// The first batch of an epoch, which may plan and warm up, counts only while it is the only one.
  double step_time(Clock::time_point now) const {
    if (progress.step == 0) return 0;
    if (first_step_end && progress.step > 1) {
      return seconds_between(*first_step_end, now) / static_cast<double>(progress.step - 1);
    }
    return seconds_between(began, now) / static_cast<double>(progress.step);
  }

  void measure(Clock::time_point now) {
    progress.elapsed = seconds_between(began, now);
    progress.step_time = step_time(now);
  }

  /// Over the line that is there, whose end is blanked.
  void draw(const Logs& logs, Clock::time_point now) {
    last_drawn = now;
    measure(now);
    line.assign("\r");
    append_bar_line(line, progress, logs, columns());
    const std::size_t end = std::min(line.find('\n'), line.size());
    const int drawn = columns_of_text(std::string_view(line).substr(1, end - 1));
    if (drawn < drawn_columns) line.insert(end, static_cast<std::size_t>(drawn_columns - drawn), ' ');
    drawn_columns = drawn;
    if (progress.finished) line += '\n';
    write(line);
  }

  ProgressBarOptions options;
  bool redraw = false;
  Clock::time_point began, last_drawn;
  std::optional<Clock::time_point> first_step_end;
  Progress progress;
  int drawn_columns = 0;
  std::string line;  ///< kept, so that a batch allocates nothing
};

ProgressBar::ProgressBar(const ProgressBarOptions& options) : state_(std::make_shared<State>()) {
  if (options.width < 0) fail("ProgressBar: width must not be negative. Received: {}", options.width);
  state_->options = options;
}

void ProgressBar::on_train_begin(const Logs&) {
  state_->redraw = state_->redraws();
  state_->last_drawn = {};
}

void ProgressBar::on_epoch_begin(std::int64_t epoch, const Logs&) {
  State& state = *state_;
  state.begin_epoch();
  if (state.redraw && parameters().epochs > 1) {
    state.write(fmt::format("Epoch {}/{}\n", epoch + 1, parameters().epochs));
  }
}

void ProgressBar::on_train_batch_end(std::int64_t batch, const Logs& logs) {
  State& state = *state_;
  const Clock::time_point now = Clock::now();
  state.progress.step = batch + 1;
  state.progress.steps = parameters().steps;
  if (batch == 0) state.first_step_end = now;
  if (state.redraw && seconds_between(state.last_drawn, now) >= kRedrawInterval) state.draw(logs, now);
}

void ProgressBar::on_epoch_end(std::int64_t epoch, Logs& logs) {
  State& state = *state_;
  state.progress.finished = true;
  if (state.redraw) {
    state.draw(logs, Clock::now());
    return;
  }
  state.measure(Clock::now());
  state.line.clear();
  append_plain_line(state.line, epoch, parameters().epochs, state.progress, logs);
  state.line += '\n';
  state.write(state.line);
}

}  // namespace fovea
