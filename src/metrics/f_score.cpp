#include <cmath>

#include "metrics/metric_support.h"

// (1 + b^2) precision recall / (b^2 precision + recall), for each class or averaged. Source:
// keras/src/metrics/f_score_metrics.py.

namespace fovea {
namespace {

class FScore : public MetricImpl {
 public:
  bool larger_is_better() const override { return true; }
  bool is_single() const override { return average.has_value(); }
  void reset() override { std::fill(classes_.begin(), classes_.end(), Counts{}); }

  void update(const Tensor& y_true, const Tensor& y_pred, const Tensor* weights) override {
    const Shape& shape = y_pred.shape();
    if (shape.rank() != 2 || !(y_true.shape() == shape)) {
      fail("Metric '{}': labels and predictions are of shape (N, classes). Received: {} and {}", name,
           y_true.shape().str(), shape.str());
    }
    const std::int64_t rows = shape[0], width = shape[1];
    if (classes_.empty()) classes_.resize(static_cast<std::size_t>(width));
    if (classes_.size() != static_cast<std::size_t>(width)) refuse_shapes(name, y_true, y_pred);
    const Weights weight(name, weights, rows, rows);
    const Reader labels(y_true), predictions(y_pred);
    const auto limit = static_cast<double>(static_cast<float>(threshold.value_or(0)));
    for (std::int64_t row = 0; row < rows; ++row) {
      const Line p{predictions, row * width};
      const double largest = p[index_of_largest(p, width)], w = weight[row];
      for (std::int64_t i = 0; i < width; ++i) {
        const bool positive = threshold ? p[i] > limit : p[i] >= largest && std::abs(p[i]) > 1e-9;
        const double y = labels[row * width + i];
        Counts& counts = classes_[static_cast<std::size_t>(i)];
        counts.tp += positive ? w * y : 0;
        counts.fp += positive ? w * (1 - y) : 0;
        counts.fn += positive ? 0 : w * y;
        counts.weight += w * y;
      }
    }
  }

  double result() const override {
    if (!average)
      fail("Metric '{}': it has a figure for each class, which results() has; give it an average", name);
    Counts all;
    double sum = 0, weighted = 0;
    for (const Counts& counts : classes_) {
      all.tp += counts.tp;
      all.fp += counts.fp;
      all.fn += counts.fn;
      all.weight += counts.weight;
      sum += score(counts);
      weighted += score(counts) * counts.weight;
    }
    if (classes_.empty()) return 0;
    if (*average == "micro") return score(all);
    return *average == "macro" ? sum / static_cast<double>(classes_.size())
                               : weighted / (all.weight + kMetricEpsilon);
  }

  std::vector<double> results() const override {
    if (average) return {result()};
    std::vector<double> all;
    for (const Counts& counts : classes_) all.push_back(score(counts));
    return all;
  }

  void check() const {
    if (average && *average != "micro" && *average != "macro" && *average != "weighted") {
      fail("Metric '{}': average must be 'micro', 'macro', 'weighted' or nothing. Received: '{}'", name,
           *average);
    }
    if (!(beta > 0)) fail("Metric '{}': beta must be above 0. Received: {}", name, beta);
    if (threshold && !(*threshold > 0 && *threshold <= 1))
      fail("Metric '{}': threshold must be in (0, 1]. Received: {}", name, *threshold);
  }

  std::optional<std::string> average;
  double beta = 1;
  std::optional<double> threshold;

 private:
  struct Counts {
    double tp = 0, fp = 0, fn = 0, weight = 0;
  };

  double score(const Counts& c) const {
    const double precision = c.tp / (c.tp + c.fp + kMetricEpsilon),
                 recall = c.tp / (c.tp + c.fn + kMetricEpsilon);
    return precision * recall / (beta * beta * precision + recall + kMetricEpsilon) * (1 + beta * beta);
  }

  std::vector<Counts> classes_;
};

class F1ScoreMetric final : public Named<F1ScoreMetric, FScore> {
 public:
  static constexpr std::string_view kName = "F1Score";
  void fields(FieldVisitor& visitor) override {
    MetricImpl::fields(visitor);
    visitor.field("average", average);
    visitor.field("threshold", threshold);
    if (visitor.reads()) FScore::check();
  }
};

class FBetaScoreMetric final : public Named<FBetaScoreMetric, FScore> {
 public:
  static constexpr std::string_view kName = "FBetaScore";
  FBetaScoreMetric() { name = "fbeta_score"; }
  void fields(FieldVisitor& visitor) override {
    MetricImpl::fields(visitor);
    visitor.field("average", average);
    visitor.field("beta", beta);
    visitor.field("threshold", threshold);
    if (visitor.reads()) FScore::check();
  }
};

}  // namespace

std::shared_ptr<MetricImpl> make_f1_score() { return std::make_shared<F1ScoreMetric>(); }
std::shared_ptr<MetricImpl> make_fbeta_score() { return std::make_shared<FBetaScoreMetric>(); }

namespace metrics {

Metric F1Score(const F1ScoreOptions& options) {
  auto impl = std::make_shared<F1ScoreMetric>();
  impl->average = options.average;
  impl->threshold = options.threshold;
  Metric metric = named(options.name, impl);
  impl->FScore::check();
  return metric;
}

Metric FBetaScore(const FBetaScoreOptions& options) {
  auto impl = std::make_shared<FBetaScoreMetric>();
  impl->average = options.average;
  impl->beta = options.beta;
  impl->threshold = options.threshold;
  Metric metric = named(options.name, impl);
  impl->FScore::check();
  return metric;
}

}  // namespace metrics
}  // namespace fovea
