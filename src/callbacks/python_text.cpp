#include "callbacks/python_text.h"

#include <fmt/core.h>

#include <cmath>

namespace fovea {

std::string python_text(double value) {
  if (std::isnan(value)) return "nan";  // Python shows no sign
  // fmt takes the shortest digits, and exponents below 1e-4 and from 1e16 on, as Python does.
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

}  // namespace fovea
