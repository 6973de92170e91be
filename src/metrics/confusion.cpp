#include <algorithm>

#include "metrics/metric_support.h"
#include "metrics/threshold_counts.h"

// Counts of right and wrong at thresholds, and shares of them. Source:
// keras/src/metrics/confusion_metrics.py.

namespace fovea {
namespace {

/// A figure at each of the thresholds that were asked for.
class AtThresholds : public MetricImpl {
 public:
  bool larger_is_better() const override { return true; }
  void reset() override { counts_.reset(); }
  void update(const Tensor& y_true, const Tensor& y_pred, const Tensor* weights) override {
    counts_.add(name, y_true, y_pred, weights, {.top_k = top_k, .class_id = class_id});
  }
  bool is_single() const override { return counts_.thresholds() == 1; }
  double result() const override {
    if (!is_single())
      fail("Metric '{}': it has {} figures, one for each threshold; results() has them", name,
           counts_.thresholds());
    return figure(counts_.at(0));
  }
  std::vector<double> results() const override {
    std::vector<double> all;
    for (std::size_t i = 0; i < counts_.thresholds(); ++i) all.push_back(figure(counts_.at(i)));
    return all;
  }
  void check() {
    counts_ =
        ThresholdCounts(parse_thresholds(name, thresholds.value_or(Numbers{}).values, top_k ? -1e10 : 0.5));
    if (top_k && *top_k < 1) fail("Metric '{}': top_k must be at least 1. Received: {}", name, *top_k);
  }

  std::optional<Numbers> thresholds;
  std::optional<std::int64_t> top_k, class_id;

 protected:
  virtual double figure(const ThresholdCounts::Counts& counts) const = 0;
  void visit_thresholds(FieldVisitor& visitor) {
    MetricImpl::fields(visitor);
    visitor.field("thresholds", thresholds);
  }

  ThresholdCounts counts_{{0.5}};
};

/// As Keras writes thresholds: none, one alone, or a list.
std::optional<Numbers> numbers_of(const std::vector<double>& thresholds) {
  if (thresholds.empty()) return {};
  return thresholds.size() == 1 ? Numbers(thresholds[0]) : Numbers(thresholds);
}

template <class Class, double ThresholdCounts::Counts::*Figure>
class CountMetric : public Named<Class, AtThresholds> {
 public:
  void fields(FieldVisitor& visitor) override {
    this->visit_thresholds(visitor);
    if (visitor.reads()) AtThresholds::check();
  }

 private:
  double figure(const ThresholdCounts::Counts& counts) const override { return counts.*Figure; }
};

class TruePositivesMetric final : public CountMetric<TruePositivesMetric, &ThresholdCounts::Counts::tp> {
 public:
  static constexpr std::string_view kName = "TruePositives";
};
class TrueNegativesMetric final : public CountMetric<TrueNegativesMetric, &ThresholdCounts::Counts::tn> {
 public:
  static constexpr std::string_view kName = "TrueNegatives";
};
class FalsePositivesMetric final : public CountMetric<FalsePositivesMetric, &ThresholdCounts::Counts::fp> {
 public:
  static constexpr std::string_view kName = "FalsePositives";
  bool larger_is_better() const override { return false; }
};
class FalseNegativesMetric final : public CountMetric<FalseNegativesMetric, &ThresholdCounts::Counts::fn> {
 public:
  static constexpr std::string_view kName = "FalseNegatives";
  bool larger_is_better() const override { return false; }
};

double precision_of(const ThresholdCounts::Counts& c) { return divide_or_zero(c.tp, c.tp + c.fp); }
/// Also called sensitivity.
double recall_of(const ThresholdCounts::Counts& c) { return divide_or_zero(c.tp, c.tp + c.fn); }
double specificity_of(const ThresholdCounts::Counts& c) { return divide_or_zero(c.tn, c.tn + c.fp); }
using Share = double (*)(const ThresholdCounts::Counts&);

template <class Class, Share Figure>
class ShareMetric : public Named<Class, AtThresholds> {
 public:
  void fields(FieldVisitor& visitor) override {
    this->visit_thresholds(visitor);
    visitor.field("top_k", this->top_k);
    visitor.field("class_id", this->class_id);
    if (visitor.reads()) AtThresholds::check();
  }

 private:
  double figure(const ThresholdCounts::Counts& counts) const override { return Figure(counts); }
};

class PrecisionMetric final : public ShareMetric<PrecisionMetric, precision_of> {
 public:
  static constexpr std::string_view kName = "Precision";
};
class RecallMetric final : public ShareMetric<RecallMetric, recall_of> {
 public:
  static constexpr std::string_view kName = "Recall";
};

/// The best of one share wherever another reaches a limit.
template <class Class, Share Limited, Share Wanted>
class BestShareMetric : public Named<Class, MetricImpl> {
 public:
  void fields(FieldVisitor& visitor) override {
    MetricImpl::fields(visitor);
    visitor.field("class_id", class_id);
    visitor.field("num_thresholds", num_thresholds);
    visitor.field(Class::kLimit, limit);
    if (visitor.reads()) check();
  }
  bool larger_is_better() const override { return true; }
  void reset() override { counts_.reset(); }
  void update(const Tensor& y_true, const Tensor& y_pred, const Tensor* weights) override {
    counts_.add(this->name, y_true, y_pred, weights, {.class_id = class_id});
  }
  double result() const override {
    double best = 0;
    const auto least = static_cast<float>(limit);
    for (std::size_t i = 0; i < counts_.thresholds(); ++i) {
      const ThresholdCounts::Counts counts = counts_.at(i);
      // In float32, as Keras compares.
      if (static_cast<float>(Limited(counts)) >= least) best = std::max(best, Wanted(counts));
    }
    return best;
  }
  void check() {
    if (!(limit >= 0 && limit <= 1))
      fail("Metric '{}': {} must be in [0, 1]. Received: {}", this->name, Class::kLimit,
           limit == kMissing ? "nothing" : fmt::format("{}", limit));
    if (num_thresholds < 1)
      fail("Metric '{}': num_thresholds must be at least 1. Received: {}", this->name, num_thresholds);
    counts_ = ThresholdCounts(even_thresholds(num_thresholds));
  }

  static constexpr double kMissing = -1;
  double limit = kMissing;
  std::int64_t num_thresholds = 200;
  std::optional<std::int64_t> class_id;

 private:
  ThresholdCounts counts_;
};

class PrecisionAtRecallMetric final
    : public BestShareMetric<PrecisionAtRecallMetric, recall_of, precision_of> {
 public:
  static constexpr std::string_view kName = "PrecisionAtRecall", kLimit = "recall";
};
class RecallAtPrecisionMetric final
    : public BestShareMetric<RecallAtPrecisionMetric, precision_of, recall_of> {
 public:
  static constexpr std::string_view kName = "RecallAtPrecision", kLimit = "precision";
};
class SensitivityAtSpecificityMetric final
    : public BestShareMetric<SensitivityAtSpecificityMetric, specificity_of, recall_of> {
 public:
  static constexpr std::string_view kName = "SensitivityAtSpecificity", kLimit = "specificity";
};
class SpecificityAtSensitivityMetric final
    : public BestShareMetric<SpecificityAtSensitivityMetric, recall_of, specificity_of> {
 public:
  static constexpr std::string_view kName = "SpecificityAtSensitivity", kLimit = "sensitivity";
};

template <class Class>
Metric counts_at(const metrics::ThresholdsOptions& options) {
  auto impl = std::make_shared<Class>();
  impl->thresholds = numbers_of(options.thresholds);
  Metric metric = named(options.name, impl);
  impl->AtThresholds::check();
  return metric;
}

template <class Class>
Metric share_at(const metrics::PrecisionOptions& options) {
  auto impl = std::make_shared<Class>();
  impl->thresholds = numbers_of(options.thresholds);
  impl->top_k = options.top_k;
  impl->class_id = options.class_id;
  Metric metric = named(options.name, impl);
  impl->AtThresholds::check();
  return metric;
}

template <class Class>
Metric best_share(double limit, const metrics::AtThresholdsOptions& options) {
  auto impl = std::make_shared<Class>();
  impl->limit = limit;
  impl->num_thresholds = options.num_thresholds;
  impl->class_id = options.class_id;
  Metric metric = named(options.name, impl);
  impl->check();
  return metric;
}

}  // namespace

std::shared_ptr<MetricImpl> make_true_positives() { return std::make_shared<TruePositivesMetric>(); }
std::shared_ptr<MetricImpl> make_true_negatives() { return std::make_shared<TrueNegativesMetric>(); }
std::shared_ptr<MetricImpl> make_false_positives() { return std::make_shared<FalsePositivesMetric>(); }
std::shared_ptr<MetricImpl> make_false_negatives() { return std::make_shared<FalseNegativesMetric>(); }
std::shared_ptr<MetricImpl> make_precision() { return std::make_shared<PrecisionMetric>(); }
std::shared_ptr<MetricImpl> make_recall() { return std::make_shared<RecallMetric>(); }
std::shared_ptr<MetricImpl> make_precision_at_recall() { return std::make_shared<PrecisionAtRecallMetric>(); }
std::shared_ptr<MetricImpl> make_recall_at_precision() { return std::make_shared<RecallAtPrecisionMetric>(); }
std::shared_ptr<MetricImpl> make_sensitivity_at_specificity() {
  return std::make_shared<SensitivityAtSpecificityMetric>();
}
std::shared_ptr<MetricImpl> make_specificity_at_sensitivity() {
  return std::make_shared<SpecificityAtSensitivityMetric>();
}

namespace metrics {

Metric TruePositives(const ThresholdsOptions& options) { return counts_at<TruePositivesMetric>(options); }
Metric TrueNegatives(const ThresholdsOptions& options) { return counts_at<TrueNegativesMetric>(options); }
Metric FalsePositives(const ThresholdsOptions& options) { return counts_at<FalsePositivesMetric>(options); }
Metric FalseNegatives(const ThresholdsOptions& options) { return counts_at<FalseNegativesMetric>(options); }
Metric Precision(const PrecisionOptions& options) { return share_at<PrecisionMetric>(options); }
Metric Recall(const RecallOptions& options) { return share_at<RecallMetric>(options); }
Metric PrecisionAtRecall(double recall, const AtThresholdsOptions& options) {
  return best_share<PrecisionAtRecallMetric>(recall, options);
}
Metric RecallAtPrecision(double precision, const AtThresholdsOptions& options) {
  return best_share<RecallAtPrecisionMetric>(precision, options);
}
Metric SensitivityAtSpecificity(double specificity, const AtThresholdsOptions& options) {
  return best_share<SensitivityAtSpecificityMetric>(specificity, options);
}
Metric SpecificityAtSensitivity(double sensitivity, const AtThresholdsOptions& options) {
  return best_share<SpecificityAtSensitivityMetric>(sensitivity, options);
}

}  // namespace metrics
}  // namespace fovea
