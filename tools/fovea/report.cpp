#include "report.h"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace fovea::program {
namespace {

constexpr int text_width = 80, label_column = 2, text_column = 14;

int terminal_columns(int stream) {
  winsize size{};
  if (!is_terminal(stream) || ioctl(stream, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return text_width;
  return size.ws_col;
}

/// Characters, not bytes, of UTF-8.
int display_width(std::string_view text) {
  return static_cast<int>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

void print_message(std::string_view message) {
  std::fflush(stdout);
  const std::string line = "fovea: " + std::string(message);
  const std::string shown =
      is_terminal(STDERR_FILENO) ? wrapped(line, terminal_columns(STDERR_FILENO), 2) : line;
  fmt::print(stderr, "{}\n", shown);
}

}  // namespace

bool is_terminal(int stream) { return isatty(stream) != 0; }
int columns() { return terminal_columns(STDOUT_FILENO); }

std::string shortened(std::string_view text, std::size_t most) {
  if (display_width(text) <= static_cast<int>(most)) return std::string(text);
  // Up to where the last character that fits would begin.
  std::size_t end = 0;
  for (std::size_t begun = 0; end < text.size(); ++end) {
    begun += (text[end] & 0xC0) != 0x80 ? 1 : 0;
    if (begun == most) break;
  }
  return std::string(text.substr(0, end)) + "~";
}

std::string wrapped(std::string_view text, int width, int indent, int start) {
  std::string result;
  int column = start;
  bool line_is_empty = true;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find_first_of(" \n", at), text.size());
    const std::string_view word = text.substr(at, end - at);
    const int length = display_width(word);
    if (!word.empty()) {
      if (!line_is_empty && column + 1 + length > width) {
        result += "\n" + std::string(static_cast<std::size_t>(indent), ' ');
        column = indent;
      } else if (!line_is_empty) {
        result += ' ';
        ++column;
      }
      result += word;
      column += length;
      line_is_empty = false;
    }
    if (end < text.size() && text[end] == '\n') {
      result += "\n" + std::string(static_cast<std::size_t>(indent), ' ');
      column = indent;
      line_is_empty = true;
    }
    at = end + 1;
  }
  return result;
}

void print_row(std::string_view label, std::string_view text) {
  fmt::print("{:{}}{:<{}}{}\n", "", label_column, label, text_column - label_column,
             wrapped(text, text_width, text_column, text_column));
}

void print_text(std::string_view text) { fmt::print("{}\n", wrapped(text, text_width)); }
void print_error(std::string_view message) { print_message(message); }
void print_note(std::string_view message) { print_message("note: " + std::string(message)); }

std::string thousands(std::int64_t number) {
  std::string digits = std::to_string(number);
  const std::ptrdiff_t first = number < 0 ? 1 : 0;
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > first; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), ",");
  }
  return digits;
}

std::string readable_bytes(std::int64_t bytes) {
  const auto value = static_cast<double>(bytes);
  if (value < 1e6) return fmt::format("{:.0f} KB", value / 1e3);
  return value < 1e9 ? fmt::format("{:.0f} MB", value / 1e6) : fmt::format("{:.1f} GB", value / 1e9);
}

std::string percent(double share) { return fmt::format("{:.1f} %", 100 * share); }

std::string joined(const std::vector<std::string>& parts, std::string_view separator) {
  std::string result;
  for (const std::string& part : parts) {
    if (!result.empty()) result += separator;
    result += part;
  }
  return result;
}

std::string joined_first(const std::vector<std::string>& parts, std::size_t most) {
  if (parts.size() <= most) return joined(parts);
  const std::vector<std::string> first(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(most));
  return fmt::format("{} and {} more", joined(first), parts.size() - most);
}

std::string counted(std::int64_t number, std::string_view one, std::string_view many) {
  const std::string plural = many.empty() ? std::string(one) + "s" : std::string(many);
  return fmt::format("{} {}", thousands(number), number == 1 ? std::string(one) : plural);
}

}  // namespace fovea::program
