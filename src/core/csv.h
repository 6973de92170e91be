#pragma once

#include <string>
#include <string_view>

namespace fovea {

/// A field of a line of comma-separated values, quoted when it must be (RFC 4180).
inline std::string csv_field(std::string_view text, char separator = ',') {
  const bool plain = text.find_first_of("\"\r\n") == std::string_view::npos &&
                     text.find(separator) == std::string_view::npos;
  if (plain) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + '"';
}

}  // namespace fovea
