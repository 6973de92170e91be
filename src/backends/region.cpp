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

Candidates Backend::candidates(const Region& region) const {
  Candidates result;
  Implementation made = implement(region);
  if (auto* declined = std::get_if<Declined>(&made)) {
    result.reasons = std::move(declined->reason);
  } else {
    result.kernels.push_back(std::move(std::get<std::unique_ptr<Kernel>>(made)));
    result.preferred = 0;
  }
  return result;
}

}  // namespace fovea
