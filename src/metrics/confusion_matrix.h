#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace fovea {

/// How often each class was taken for each. What is no class counts nowhere.
class ConfusionMatrix {
 public:
  ConfusionMatrix() = default;
  explicit ConfusionMatrix(std::int64_t classes)
      : classes_(classes), counts_(static_cast<std::size_t>(classes * classes)) {}

  void reset() { std::fill(counts_.begin(), counts_.end(), 0.0); }
  void add(std::int64_t label, std::int64_t prediction, double weight) {
    if (label < 0 || label >= classes_ || prediction < 0 || prediction >= classes_) return;
    counts_[static_cast<std::size_t>(label * classes_ + prediction)] += weight;
  }

  std::int64_t classes() const { return classes_; }
  double at(std::int64_t label, std::int64_t prediction) const {
    return counts_[static_cast<std::size_t>(label * classes_ + prediction)];
  }
  double of_label(std::int64_t label) const {
    double sum = 0;
    for (std::int64_t i = 0; i < classes_; ++i) sum += at(label, i);
    return sum;
  }
  double of_prediction(std::int64_t prediction) const {
    double sum = 0;
    for (std::int64_t i = 0; i < classes_; ++i) sum += at(i, prediction);
    return sum;
  }

 private:
  std::int64_t classes_ = 0;
  std::vector<double> counts_;
};

}  // namespace fovea
