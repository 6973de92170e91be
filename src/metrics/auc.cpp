#include <algorithm>
#include <cctype>
#include <cmath>

#include "metrics/metric_support.h"
#include "metrics/threshold_counts.h"

// The area under a curve of two shares, threshold by threshold: a sum of strips, or for precision over recall
// what Davis & Goadrich 2006 interpolate. Source: keras/src/metrics/confusion_metrics.py.

namespace fovea {
namespace {

std::string lower_case(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

struct Point {
  double x, y;
};

Point roc(const ThresholdCounts::Counts& c) {
  return {divide_or_zero(c.fp, c.fp + c.tn), divide_or_zero(c.tp, c.tp + c.fn)};
}
Point precision_recall(const ThresholdCounts::Counts& c) {
  return {divide_or_zero(c.tp, c.tp + c.fn), divide_or_zero(c.tp, c.tp + c.fp)};
}
/// Source: Flach & Kull 2015.
Point precision_recall_gain(const ThresholdCounts::Counts& c) {
  if (c.tp == 0) return {0, 1};
  const double ratio = divide_or_zero(c.tp + c.fn, c.tn + c.fp);
  return {std::max(1 - ratio * c.fn / c.tp, 0.0), 1 - ratio * c.fp / c.tp};
}

/// The area between two thresholds of the precision-recall curve: precision is taken to change with
/// slope tp / (tp + fp).
double interpolated(const ThresholdCounts::Counts& low, const ThresholdCounts::Counts& high) {
  const double more = low.tp - high.tp, before = low.tp + low.fp, after = high.tp + high.fp;
  const double slope = divide_or_zero(more, std::max(before - after, 0.0));
  const double intercept = high.tp - slope * after;
  const double ratio = before > 0 && after > 0 ? before / after : 1;
  return divide_or_zero(slope * (more + intercept * std::log(ratio)), std::max(high.tp + high.fn, 0.0));
}

class AucMetric final : public Named<AucMetric, MetricImpl> {
 public:
  static constexpr std::string_view kName = "AUC";
  AucMetric() { prepare(); }

  void fields(FieldVisitor& visitor) override {
    MetricImpl::fields(visitor);
    auto count = static_cast<std::int64_t>(edges_.size());
    visitor.field("num_thresholds", count);
    if (visitor.reads()) options.num_thresholds = count;
    visitor.field("curve", options.curve);
    visitor.field("summation_method", options.summation_method);
    visitor.field("multi_label", options.multi_label);
    visitor.field("num_labels", options.num_labels);
    std::optional<Numbers> weights;
    if (!options.label_weights.empty()) weights = options.label_weights;
    visitor.field("label_weights", weights);
    if (visitor.reads()) options.label_weights = weights.value_or(Numbers{}).values;
    visitor.field("from_logits", options.from_logits);
    if (visitor.reads() || !options.thresholds.empty()) visitor.field("thresholds", options.thresholds);
    if (visitor.reads()) prepare();
  }

  bool larger_is_better() const override { return true; }
  void reset() override { counts_.reset(); }
  void update(const Tensor& y_true, const Tensor& y_pred, const Tensor* weights) override {
    const bool weighs = !options.label_weights.empty() && !options.multi_label;
    counts_.add(name, y_true, y_pred, weights,
                {.label_weights = weighs ? &options.label_weights : nullptr,
                 .by_label = options.multi_label,
                 .are_logits = options.from_logits});
    if (options.multi_label) check_labels();
  }

  double result() const override {
    if (!options.multi_label) return area(0);
    double sum = 0, weights = 0;
    for (std::size_t label = 0; label < counts_.labels(); ++label) {
      const double weight = options.label_weights.empty() ? 1 : options.label_weights[label];
      sum += weight * area(label);
      weights += weight;
    }
    return divide_or_zero(sum, weights);
  }

  /// Checks the options and begins to count anew.
  void prepare() {
    if (options.thresholds.empty() && options.num_thresholds < 2)
      fail("Metric '{}': num_thresholds must be at least 2. Received: {}", name, options.num_thresholds);
    if (options.num_labels && !options.multi_label)
      fail("Metric '{}': num_labels is for multi_label only. Received: {}", name, *options.num_labels);
    options.curve = one_of(options.curve, "curve", {"ROC", "PR", "PRGAIN"});
    options.summation_method =
        one_of(options.summation_method, "summation_method", {"interpolation", "majoring", "minoring"});
    edges_ = options.thresholds.empty() ? even_thresholds(options.num_thresholds) : options.thresholds;
    std::sort(edges_.begin(), edges_.end());
    if (!options.thresholds.empty()) {
      edges_.insert(edges_.begin(), 0);
      edges_.push_back(1);
    }
    // So that the first point has everything, the last nothing.
    edges_.front() = -kMetricEpsilon;
    edges_.back() = 1 + kMetricEpsilon;
    counts_ = ThresholdCounts(edges_);
  }

  metrics::AUCOptions options;

 private:
  std::string one_of(const std::string& given, const char* option,
                     std::initializer_list<const char*> known) const {
    std::string list;
    for (const char* const value : known) {
      if (lower_case(given) == lower_case(value)) return value;
      list += (list.empty() ? "'" : ", '") + std::string(value) + "'";
    }
    fail("Metric '{}': {} must be one of {}. Received: '{}'", name, option, list, given);
  }

  void check_labels() const {
    const auto labels = static_cast<std::int64_t>(counts_.labels());
    if (options.num_labels && *options.num_labels != labels) {
      fail("Metric '{}': num_labels is {}, but predictions have {} labels", name, *options.num_labels,
           labels);
    }
    if (!options.label_weights.empty() && options.label_weights.size() != counts_.labels()) {
      fail("Metric '{}': {} label_weights for predictions of {} labels", name, options.label_weights.size(),
           labels);
    }
  }

  double area(std::size_t label) const {
    const bool slopes = options.curve == "PR" && options.summation_method == "interpolation";
    const auto point =
        options.curve == "ROC" ? roc : (options.curve == "PR" ? precision_recall : precision_recall_gain);
    double sum = 0;
    ThresholdCounts::Counts low = counts_.at(0, label);
    for (std::size_t i = 1; i < counts_.thresholds(); ++i) {
      const ThresholdCounts::Counts high = counts_.at(i, label);
      sum += slopes ? interpolated(low, high) : strip(point(low), point(high));
      low = high;
    }
    return sum;
  }

  double strip(const Point& low, const Point& high) const {
    const double height = options.summation_method == "interpolation" ? (low.y + high.y) / 2
                          : options.summation_method == "minoring"    ? std::min(low.y, high.y)
                                                                      : std::max(low.y, high.y);
    return (low.x - high.x) * height;
  }

  std::vector<double> edges_;
  ThresholdCounts counts_;
};

}  // namespace

std::shared_ptr<MetricImpl> make_auc() { return std::make_shared<AucMetric>(); }

Metric metrics::AUC(const AUCOptions& options) {
  auto impl = std::make_shared<AucMetric>();
  impl->options = options;
  Metric metric = named(options.name, impl);
  impl->prepare();
  return metric;
}

}  // namespace fovea
