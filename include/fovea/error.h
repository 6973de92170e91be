#pragma once

#include <stdexcept>
#include <string>

namespace fovea {

/// The one exception of the library. The message names the layer, argument or file, the rule that was broken
/// and what was received, and ends where the reader can act.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message) : std::runtime_error(message) {}
};

}  // namespace fovea
