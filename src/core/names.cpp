#include "core/names.h"

#include <cctype>

namespace fovea {

std::string snake_case(std::string_view text) {
  std::string result;
  const auto upper = [&](std::size_t at) { return std::isupper(static_cast<unsigned char>(text[at])) != 0; };
  const auto lower = [&](std::size_t at) { return std::islower(static_cast<unsigned char>(text[at])) != 0; };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool next_lower = i + 1 < text.size() && lower(i + 1);
    if (i > 0 && upper(i) && (lower(i - 1) || next_lower)) result += '_';
    result += static_cast<char>(std::tolower(static_cast<unsigned char>(text[i])));
  }
  return result;
}

}  // namespace fovea
