#include <algorithm>
#include <cmath>
#include <numbers>

#include "metrics/metric_support.h"

// Losses of numbers and distributions as metrics, y and p being a row of labels and of predictions. Sources:
// keras/src/metrics/regression_metrics.py, probabilistic_metrics.py and hinge_metrics.py.

namespace fovea {
namespace {

template <class Each>
double mean_of(std::int64_t width, Each&& each) {
  double sum = 0;
  for (std::int64_t i = 0; i < width; ++i) sum += each(i);
  return sum / static_cast<double>(width);
}

double squared_error(const Line& y, const Line& p, std::int64_t width) {
  return mean_of(width, [&](std::int64_t i) { return (y[i] - p[i]) * (y[i] - p[i]); });
}

double absolute_error(const Line& y, const Line& p, std::int64_t width) {
  return mean_of(width, [&](std::int64_t i) { return std::abs(y[i] - p[i]); });
}

double percentage_error(const Line& y, const Line& p, std::int64_t width) {
  return 100 * mean_of(width, [&](std::int64_t i) {
           return std::abs((y[i] - p[i]) / std::max(std::abs(y[i]), p.rounded(kMetricEpsilon)));
         });
}

double logarithmic_error(const Line& y, const Line& p, std::int64_t width) {
  return mean_of(width, [&](std::int64_t i) {
    const double difference =
        std::log1p(std::max(p[i], kMetricEpsilon)) - std::log1p(std::max(y[i], kMetricEpsilon));
    return difference * difference;
  });
}

/// log(cosh(e)) = |e| + log(1 + exp(-2 |e|)) - log 2
double log_cosh(const Line& y, const Line& p, std::int64_t width) {
  return mean_of(width, [&](std::int64_t i) {
    const double e = std::abs(p[i] - y[i]);
    return e + std::log1p(std::exp(-2 * e)) - std::numbers::ln2;
  });
}

double poisson(const Line& y, const Line& p, std::int64_t width) {
  return mean_of(width, [&](std::int64_t i) { return p[i] - y[i] * std::log(p[i] + kMetricEpsilon); });
}

double kl_divergence(const Line& y, const Line& p, std::int64_t width) {
  const auto cut = [](double x) { return std::clamp(x, kMetricEpsilon, 1.0); };
  double sum = 0;
  for (std::int64_t i = 0; i < width; ++i) sum += cut(y[i]) * std::log(cut(y[i]) / cut(p[i]));
  return sum;
}

double categorical_hinge(const Line& y, const Line& p, std::int64_t width) {
  double right = 0, wrong = -INFINITY;
  for (std::int64_t i = 0; i < width; ++i) {
    right += y[i] * p[i];
    wrong = std::max(wrong, (1 - y[i]) * p[i]);
  }
  return std::max(wrong - right + 1, 0.0);
}

class RootMeanSquaredErrorMetric final : public Named<RootMeanSquaredErrorMetric, MeanOverRows> {
 public:
  static constexpr std::string_view kName = "RootMeanSquaredError";
  double result() const override { return std::sqrt(MeanOverRows::result()); }

 private:
  bool is_elementwise() const override { return true; }
  double value(const Line& y, const Line& p, std::int64_t width) const override {
    return squared_error(y, p, width);
  }
};

class CosineSimilarityMetric final : public Named<CosineSimilarityMetric, MeanOverRows> {
 public:
  static constexpr std::string_view kName = "CosineSimilarity";
  void fields(FieldVisitor& visitor) override {
    MetricImpl::fields(visitor);
    if (visitor.reads() || along != -1) visitor.field("axis", along);
  }
  bool larger_is_better() const override { return true; }
  std::int64_t along = -1;

 private:
  std::int64_t axis() const override { return along; }
  double value(const Line& y, const Line& p, std::int64_t width) const override {
    double product = 0, squares_y = 0, squares_p = 0;
    for (std::int64_t i = 0; i < width; ++i) {
      product += y[i] * p[i];
      squares_y += y[i] * y[i];
      squares_p += p[i] * p[i];
    }
    const auto inverse = [](double squares) { return std::min(1 / std::sqrt(squares), 1 / kMetricEpsilon); };
    return product * inverse(squares_y) * inverse(squares_p);
  }
};

/// Labels are -1 and 1; when all of a batch are 0 or 1, 0 is -1.
template <class Class, bool Squared>
class HingeLike : public Named<Class, MeanOverRows> {
 private:
  void see_labels(const Reader& labels, std::int64_t size) override {
    binary_ = true;
    for (std::int64_t i = 0; i < size && binary_; ++i) binary_ = labels[i] == 0 || labels[i] == 1;
  }
  double value(const Line& y, const Line& p, std::int64_t width) const override {
    return mean_of(width, [&](std::int64_t i) {
      const double margin = std::max(1 - (binary_ ? 2 * y[i] - 1 : y[i]) * p[i], 0.0);
      return Squared ? margin * margin : margin;
    });
  }
  bool binary_ = false;
};

class HingeMetric final : public HingeLike<HingeMetric, false> {
 public:
  static constexpr std::string_view kName = "Hinge";
};
class SquaredHingeMetric final : public HingeLike<SquaredHingeMetric, true> {
 public:
  static constexpr std::string_view kName = "SquaredHinge";
};

}  // namespace

std::shared_ptr<MetricImpl> make_mean_squared_error_metric() {
  return std::make_shared<PlainMean>("MeanSquaredError", squared_error);
}
std::shared_ptr<MetricImpl> make_mean_absolute_error_metric() {
  return std::make_shared<PlainMean>("MeanAbsoluteError", absolute_error);
}
std::shared_ptr<MetricImpl> make_mean_absolute_percentage_error_metric() {
  return std::make_shared<PlainMean>("MeanAbsolutePercentageError", percentage_error);
}
std::shared_ptr<MetricImpl> make_mean_squared_logarithmic_error_metric() {
  return std::make_shared<PlainMean>("MeanSquaredLogarithmicError", logarithmic_error);
}
std::shared_ptr<MetricImpl> make_root_mean_squared_error_metric() {
  return std::make_shared<RootMeanSquaredErrorMetric>();
}
std::shared_ptr<MetricImpl> make_log_cosh_error_metric() {
  auto impl = std::make_shared<PlainMean>("LogCoshError", log_cosh);
  impl->name = "logcosh";
  return impl;
}
std::shared_ptr<MetricImpl> make_poisson_metric() { return std::make_shared<PlainMean>("Poisson", poisson); }
std::shared_ptr<MetricImpl> make_kl_divergence_metric() {
  return std::make_shared<PlainMean>("KLDivergence", kl_divergence);
}
std::shared_ptr<MetricImpl> make_cosine_similarity_metric() {
  return std::make_shared<CosineSimilarityMetric>();
}
std::shared_ptr<MetricImpl> make_hinge_metric() { return std::make_shared<HingeMetric>(); }
std::shared_ptr<MetricImpl> make_squared_hinge_metric() { return std::make_shared<SquaredHingeMetric>(); }
std::shared_ptr<MetricImpl> make_categorical_hinge_metric() {
  return std::make_shared<PlainMean>("CategoricalHinge", categorical_hinge);
}

namespace metrics {

Metric MeanSquaredError(const MetricOptions& options) {
  return named(options.name, make_mean_squared_error_metric());
}
Metric MeanAbsoluteError(const MetricOptions& options) {
  return named(options.name, make_mean_absolute_error_metric());
}
Metric MeanAbsolutePercentageError(const MetricOptions& options) {
  return named(options.name, make_mean_absolute_percentage_error_metric());
}
Metric MeanSquaredLogarithmicError(const MetricOptions& options) {
  return named(options.name, make_mean_squared_logarithmic_error_metric());
}
Metric RootMeanSquaredError(const MetricOptions& options) {
  return named(options.name, make_root_mean_squared_error_metric());
}
Metric LogCoshError(const MetricOptions& options) {
  return named(options.name, make_log_cosh_error_metric());
}
Metric Poisson(const MetricOptions& options) { return named(options.name, make_poisson_metric()); }
Metric KLDivergence(const MetricOptions& options) { return named(options.name, make_kl_divergence_metric()); }
Metric CosineSimilarity(const CosineSimilarityOptions& options) {
  auto impl = std::make_shared<CosineSimilarityMetric>();
  impl->along = options.axis;
  return named(options.name, impl);
}
Metric Hinge(const MetricOptions& options) { return named(options.name, make_hinge_metric()); }
Metric SquaredHinge(const MetricOptions& options) { return named(options.name, make_squared_hinge_metric()); }
Metric CategoricalHinge(const MetricOptions& options) {
  return named(options.name, make_categorical_hinge_metric());
}

}  // namespace metrics
}  // namespace fovea
