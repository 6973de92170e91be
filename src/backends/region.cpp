#include <algorithm>

#include "backends/backend.h"

namespace fovea {

bool Region::produces(int value) const {
  return std::any_of(steps.begin(), steps.end(), [&](const Step& step) {
    return std::find(step.outputs.begin(), step.outputs.end(), value) != step.outputs.end();
  });
}

std::string Region::str() const {
  std::string text;
  for (const Step& step : steps) text += (text.empty() ? "" : " + ") + std::string(step.op->class_name());
  return text;
}

}  // namespace fovea
