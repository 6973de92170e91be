#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fovea/tensor.h"

namespace fovea {

/// How many elements are true and false positives and negatives at each of some thresholds, weighted: what
/// metrics of two classes are made of. Source: update_confusion_matrix_variables in
/// keras/src/metrics/metrics_utils.py.
class ThresholdCounts {
 public:
  /// What is counted.
  struct Selection {
    std::optional<std::int64_t> top_k = {};              ///< others than a row's k largest are negative
    std::optional<std::int64_t> class_id = {};           ///< along the last axis; none: all
    const std::vector<double>* label_weights = nullptr;  ///< along the last axis
    bool by_label = false;                               ///< counts for each place along the last axis
    bool are_logits = false;                             ///< through a sigmoid first
  };
  /// At some threshold, for some label.
  struct Counts {
    double tp = 0, fp = 0, tn = 0, fn = 0;
  };

  ThresholdCounts() = default;
  /// Keras counts at evenly spread thresholds by another rule, in which 0 is positive at a first threshold
  /// below 0 only.
  explicit ThresholdCounts(const std::vector<double>& thresholds);

  void reset();
  /// Allocates only when `by_label` meets its labels for the first time.
  void add(const std::string& metric, const Tensor& y_true, const Tensor& y_pred, const Tensor* weights,
           const Selection& selection);

  std::size_t thresholds() const { return thresholds_.size(); }
  /// 0 as long as none were seen by label.
  std::size_t labels() const { return labels_; }
  Counts at(std::size_t threshold, std::size_t label = 0) const;

 private:
  void count(float prediction, bool is_true, double weight, std::size_t label);

  std::vector<float> thresholds_;
  bool even_ = false, below_zero_ = false;
  std::size_t labels_ = 1;
  bool by_label_ = false;
  // [label][threshold]; with even thresholds of the bucket between it and the next.
  std::vector<double> positive_true_, positive_false_;
  std::vector<double> all_true_, all_false_;  ///< [label]
};

/// None, one or several thresholds in [0, 1]; throws Error for others.
std::vector<double> parse_thresholds(const std::string& metric, const std::vector<double>& given,
                                     double otherwise);
/// num_thresholds of them from 0 to 1; one is 0.5.
std::vector<double> even_thresholds(std::int64_t num_thresholds);

}  // namespace fovea
