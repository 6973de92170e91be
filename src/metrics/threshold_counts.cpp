#include "metrics/threshold_counts.h"

#include <algorithm>
#include <cmath>

#include "metrics/metric_support.h"

namespace fovea {
namespace {

/// numpy.allclose of the thresholds and as many from 0 to 1.
bool are_even(const std::vector<double>& thresholds) {
  if (thresholds.size() < 3) return false;
  for (std::size_t i = 0; i < thresholds.size(); ++i) {
    const double even =
        static_cast<double>(static_cast<float>(i) / static_cast<float>(thresholds.size() - 1));
    if (!(std::abs(thresholds[i] - even) <= kMetricEpsilon + 1e-5 * std::abs(even))) return false;
  }
  return true;
}

/// The last of a row's k largest, earlier ones first among equals.
class LastOfTopK {
 public:
  LastOfTopK(const Line& row, std::int64_t width, std::int64_t k) {
    for (std::int64_t i = 0; i < std::min(k, width); ++i) {
      std::int64_t next = -1;
      for (std::int64_t j = 0; j < width; ++j) {
        if (at_ >= 0 && (row[j] > value_ || (row[j] == value_ && j <= at_))) continue;
        if (next < 0 || row[j] > row[next]) next = j;
      }
      if (next < 0) return;
      at_ = next;
      value_ = row[next];
    }
  }
  bool includes(double value, std::int64_t at) const {
    return value > value_ || (value == value_ && at <= at_);
  }

 private:
  std::int64_t at_ = -1;
  double value_ = 0;
};

}  // namespace

ThresholdCounts::ThresholdCounts(const std::vector<double>& thresholds) {
  for (const double threshold : thresholds) thresholds_.push_back(static_cast<float>(threshold));
  even_ = are_even(thresholds);
  below_zero_ = !thresholds.empty() && (thresholds.front() < 0 || thresholds.back() > 1);
  positive_true_.resize(thresholds_.size());
  positive_false_.resize(thresholds_.size());
  all_true_.resize(1);
  all_false_.resize(1);
}

void ThresholdCounts::reset() {
  for (std::vector<double>* list : {&positive_true_, &positive_false_, &all_true_, &all_false_})
    std::fill(list->begin(), list->end(), 0.0);
}

void ThresholdCounts::add(const std::string& metric, const Tensor& y_true, const Tensor& y_pred,
                          const Tensor* weights, const Selection& selection) {
  const Shape& shape = y_pred.shape();
  if (y_true.size() != y_pred.size()) refuse_shapes(metric, y_true, y_pred);
  const std::int64_t width = shape.rank() < 2 ? 1 : shape[-1];
  const std::int64_t rows = width == 0 ? 0 : y_pred.size() / width;
  const std::int64_t samples = shape.rank() == 0 ? 1 : shape[0];
  if (selection.class_id &&
      (shape.rank() < 2 || *selection.class_id < -width || *selection.class_id >= width)) {
    fail("Metric '{}': class_id {} needs predictions of shape (N, classes) with more classes. Received: {}",
         metric, *selection.class_id, shape.str());
  }
  if (selection.top_k && *selection.top_k > width) {
    fail("Metric '{}': top_k is {}, of predictions of shape {}", metric, *selection.top_k, shape.str());
  }
  const std::vector<double>* by_label = selection.label_weights;
  if (by_label != nullptr && static_cast<std::int64_t>(by_label->size()) != width) {
    fail("Metric '{}': {} label_weights for predictions of shape {}", metric, by_label->size(), shape.str());
  }
  if (selection.by_label && !by_label_) {
    by_label_ = true;
    labels_ = static_cast<std::size_t>(width);
    positive_true_.assign(labels_ * thresholds_.size(), 0);
    positive_false_.assign(labels_ * thresholds_.size(), 0);
    all_true_.assign(labels_, 0);
    all_false_.assign(labels_, 0);
  }
  if (selection.by_label && (shape.rank() != 2 || static_cast<std::size_t>(width) != labels_)) {
    fail("Metric '{}': with multi_label predictions are of shape (N, {}). Received: {}", metric, labels_,
         shape.str());
  }
  const Weights weight(metric, weights, samples, rows);
  const Reader labels(y_true), predictions(y_pred);
  const std::int64_t chosen = selection.class_id ? (*selection.class_id + width) % width : -1;
  for (std::int64_t row = 0; row < rows; ++row) {
    const Line line{predictions, row * width};
    const LastOfTopK top(line, width, selection.top_k.value_or(0));
    for (std::int64_t i = chosen < 0 ? 0 : chosen; i < (chosen < 0 ? width : chosen + 1); ++i) {
      auto p = static_cast<float>(line[i]);
      if (selection.are_logits) p = static_cast<float>(1 / (1 + std::exp(-line[i])));
      if (selection.top_k && !top.includes(line[i], i)) p = -1e10F;
      const double own = by_label != nullptr ? (*by_label)[static_cast<std::size_t>(i)] : 1;
      count(p, labels[row * width + i] != 0, weight[row] * own,
            selection.by_label ? static_cast<std::size_t>(i) : 0);
    }
  }
}

void ThresholdCounts::count(float prediction, bool is_true, double weight, std::size_t label) {
  (is_true ? all_true_ : all_false_)[label] += weight;
  const std::size_t count = thresholds_.size();
  double* const positive = (is_true ? positive_true_ : positive_false_).data() + label * count;
  if (!even_) {
    for (std::size_t i = 0; i < count; ++i) positive[i] += prediction > thresholds_[i] ? weight : 0;
    return;
  }
  // Positive at all thresholds up to this one.
  const float last = std::ceil(std::clamp(prediction, 0.0F, 1.0F) * static_cast<float>(count - 1)) - 1;
  const float bucket = below_zero_ ? std::max(last, 0.0F) : last;
  if (bucket >= 0) positive[static_cast<std::size_t>(bucket)] += weight;
}

ThresholdCounts::Counts ThresholdCounts::at(std::size_t threshold, std::size_t label) const {
  const std::size_t first = label * thresholds_.size();
  Counts result;
  for (std::size_t i = threshold; i < (even_ ? thresholds_.size() : threshold + 1); ++i) {
    result.tp += positive_true_[first + i];
    result.fp += positive_false_[first + i];
  }
  result.fn = all_true_[label] - result.tp;
  result.tn = all_false_[label] - result.fp;
  return result;
}

std::vector<double> parse_thresholds(const std::string& metric, const std::vector<double>& given,
                                     double otherwise) {
  for (const double threshold : given) {
    if (!(threshold >= 0 && threshold <= 1))
      fail("Metric '{}': thresholds must be in [0, 1]. Received: {}", metric, threshold);
  }
  return given.empty() ? std::vector<double>{otherwise} : given;
}

std::vector<double> even_thresholds(std::int64_t num_thresholds) {
  if (num_thresholds == 1) return {0.5};
  std::vector<double> result;
  for (std::int64_t i = 0; i < num_thresholds; ++i)
    result.push_back(static_cast<double>(i) / static_cast<double>(num_thresholds - 1));
  return result;
}

}  // namespace fovea
