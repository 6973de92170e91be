#include "callbacks/progress_line.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

// Formats of times and figures: keras/src/utils/progbar.py.

namespace fovea {
namespace {

constexpr int kWidestBar = 20, kNarrowestBar = 5;

bool begins_character(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) != 0x80;  // a byte that continues one is 10xxxxxx
}

/// For short texts: up to 15 characters are formatted without memory of their own. (format_to would write
/// into `line` itself, but Clang and GCC spell that function of fmt's library differently.)
template <class... Args>
void append(std::string& line, fmt::format_string<Args...> format, Args&&... args) {
  line += fmt::format(format, std::forward<Args>(args)...);
}

/// "5s", "1:05", "1:01:05".
void append_duration(std::string& line, std::int64_t seconds) {
  if (seconds >= 3600) {
    append(line, "{}:{:02}:{:02}", seconds / 3600, seconds % 3600 / 60, seconds % 60);
  } else if (seconds >= 60) {
    append(line, "{}:{:02}", seconds / 60, seconds % 60);
  } else {
    append(line, "{}s", seconds);
  }
}

/// Time left or taken.
void append_time(std::string& line, const Progress& progress) {
  line += ' ';
  if (progress.finished || progress.steps == 0) {
    append_duration(line, std::llround(progress.elapsed));
  } else {
    const auto left = static_cast<double>(std::max<std::int64_t>(progress.steps - progress.step, 0));
    append_duration(line, static_cast<std::int64_t>(left * progress.step_time));
  }
}

void append_step_time(std::string& line, double seconds) {
  if (seconds >= 1 || seconds == 0) {
    append(line, " {:.0f}s/step", seconds);
  } else if (seconds >= 1e-3) {
    append(line, " {:.0f}ms/step", seconds * 1e3);
  } else {
    append(line, " {:.0f}us/step", seconds * 1e6);
  }
}

void append_figure(std::string& line, std::string_view name, double value) {
  line += " - ";
  line += name;
  if (std::abs(value) > 1e-3) {
    append(line, ": {:.4f}", value);
  } else {
    append(line, ": {:.4e}", value);
  }
}

int digits_of(std::int64_t number) {
  int digits = 1;
  for (; number >= 10; number /= 10) ++digits;
  return digits;
}

/// " [=======>............]"
void insert_bar(std::string& line, std::size_t at, const Progress& progress, int width) {
  const double share =
      std::clamp(static_cast<double>(progress.step) / static_cast<double>(progress.steps), 0.0, 1.0);
  const auto cells = static_cast<std::size_t>(width);
  const auto done = static_cast<std::size_t>(share * width);
  line.insert(at, cells + 3, '.');
  line[at] = ' ';
  line[at + 1] = '[';
  std::fill_n(line.begin() + static_cast<std::ptrdiff_t>(at) + 2, done, '=');
  if (done > 0 && done < cells) line[at + 1 + done] = '>';
  line[at + 2 + cells] = ']';
}

int columns_from(const std::string& line, std::size_t start) {
  return columns_of_text(std::string_view(line).substr(start));
}

/// Drops characters from the end of what follows `start`, if it is too wide.
void cut(std::string& line, std::size_t start, int columns) {
  std::size_t end = start;
  for (int used = 0; end < line.size(); ++end) {
    if (begins_character(line[end]) && ++used > columns) break;
  }
  line.resize(end);
}

void append_figures(std::string& line, const Logs& logs) {
  for (const auto& [name, value] : logs) append_figure(line, name, value);
}

/// What does not fit is left out while the line will be drawn again, and goes to further lines at the end.
void append_figures_that_fit(std::string& line, std::size_t start, const Progress& progress, const Logs& logs,
                             int columns) {
  for (const auto& [name, value] : logs) {
    const std::size_t before = line.size();
    append_figure(line, name, value);
    if (columns_from(line, start) <= columns) continue;
    if (!progress.finished) {
      line.resize(before);
      return;
    }
    line.insert(before, 1, '\n');
    start = before + 1;
    cut(line, start, columns);
  }
}

}  // namespace

int columns_of_text(std::string_view text) {
  return static_cast<int>(std::count_if(text.begin(), text.end(), begins_character));
}

void append_bar_line(std::string& line, const Progress& progress, const Logs& logs, int columns) {
  const std::size_t start = line.size();
  if (progress.steps > 0) {
    append(line, "{:{}}/{}", progress.step, digits_of(progress.steps), progress.steps);
  } else {
    append(line, "{}", progress.step);
  }
  const std::size_t bar_at = line.size();
  append_time(line, progress);
  const std::size_t step_time_at = line.size();
  append_step_time(line, progress.step_time);
  append_figures(line, logs);
  if (columns_from(line, start) > columns) {
    line.resize(step_time_at);
    cut(line, start, columns);
    append_figures_that_fit(line, start, progress, logs, columns);
  }
  const std::size_t end = std::min(line.find('\n', start), line.size());
  const int used = columns_of_text(std::string_view(line).substr(start, end - start));
  const int bar = std::min(columns - used - 3, kWidestBar);
  if (progress.steps > 0 && bar >= kNarrowestBar) insert_bar(line, bar_at, progress, bar);
}

void append_plain_line(std::string& line, std::int64_t epoch, std::int64_t epochs, const Progress& progress,
                       const Logs& logs) {
  append(line, "Epoch {}/{} -", epoch + 1, epochs);
  append_time(line, progress);
  append_step_time(line, progress.step_time);
  append_figures(line, logs);
}

}  // namespace fovea
