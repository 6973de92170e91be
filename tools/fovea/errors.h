#pragma once

#include <fmt/core.h>

#include <stdexcept>
#include <string>

namespace fovea::program {

/// What the user typed cannot be meant: exit code 2. (Other errors are fovea::Error: exit code 1.)
class UsageError : public std::runtime_error {
 public:
  explicit UsageError(const std::string& message) : std::runtime_error(message) {}
};

template <class... Args>
[[noreturn]] void usage_error(fmt::format_string<Args...> format, Args&&... args) {
  throw UsageError(fmt::format(format, std::forward<Args>(args)...));
}

enum ExitCode { exit_ok = 0, exit_error = 1, exit_usage = 2, exit_interrupted = 130 };

}  // namespace fovea::program
