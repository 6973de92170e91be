#include "predictions.h"

#include <algorithm>
#include <cmath>

#include "core/format.h"
#include "task.h"

namespace fovea::program {
namespace {

std::vector<double> softmax(std::span<const float> logits) {
  const double largest = static_cast<double>(*std::max_element(logits.begin(), logits.end()));
  std::vector<double> result;
  double sum = 0;
  for (const float logit : logits) sum += result.emplace_back(std::exp(static_cast<double>(logit) - largest));
  for (double& value : result) value /= sum;
  return result;
}

std::vector<double> probabilities(std::span<const float> outputs, bool logits) {
  if (outputs.size() == 1) {
    const double output = static_cast<double>(outputs[0]);
    const double second = logits ? 1 / (1 + std::exp(-output)) : output;
    return {1 - second, second};
  }
  return logits ? softmax(outputs) : std::vector<double>(outputs.begin(), outputs.end());
}

}  // namespace

std::vector<std::vector<Ranked>> rank_classes(const Model& model, const Tensor& outputs) {
  if (outputs.shape().rank() != 2) {
    fail("model '{}' is no classifier: its output has shape {}", model.name(), outputs.shape().str());
  }
  const bool logits = final_activation(model) == "linear";
  const auto width = static_cast<std::size_t>(outputs.shape()[1]);
  const Tensor floats = outputs.astype(DType::float32);
  const std::span<const float> values = floats.values<float>();
  std::vector<std::vector<Ranked>> result;
  for (std::size_t first = 0; first < values.size(); first += width) {
    const std::vector<double> shares = probabilities(values.subspan(first, width), logits);
    std::vector<Ranked>& ranked = result.emplace_back();
    for (std::size_t i = 0; i < shares.size(); ++i)
      ranked.push_back({static_cast<std::int64_t>(i), shares[i]});
    std::stable_sort(ranked.begin(), ranked.end(),
                     [](const Ranked& a, const Ranked& b) { return a.probability > b.probability; });
  }
  return result;
}

}  // namespace fovea::program
