#include <algorithm>
#include <cmath>

#include "metrics/metric_support.h"

// The cross-entropies as metrics: from logits where the model has them, else from clipped probabilities, as
// the losses. Source: keras/src/metrics/probabilistic_metrics.py and backend/tensorflow/nn.py.

namespace fovea {
namespace {

/// A mean that takes logits as its options say, or because it was handed logits.
class FromLogits : public MeanOverRows {
 public:
  bool uses_logits() const override { return true; }
  void update_from_logits(const Tensor& y_true, const Tensor& logits, const Tensor* weights) override {
    handed_logits_ = true;
    update(y_true, logits, weights);
    handed_logits_ = false;
  }
  bool from_logits = false;

 protected:
  bool are_logits() const { return from_logits || handed_logits_; }

 private:
  bool handed_logits_ = false;
};

/// The p that a logarithm is taken of.
double clipped(const Line& p, double x) {
  return std::clamp(x, p.rounded(kMetricEpsilon), p.rounded(1 - kMetricEpsilon));
}

/// log(sum(exp(x))), of f(0), f(1) and so on.
template <class Value>
double log_sum_exp(std::int64_t width, Value&& x) {
  double largest = -INFINITY, sum = 0;
  for (std::int64_t i = 0; i < width; ++i) largest = std::max(largest, x(i));
  for (std::int64_t i = 0; i < width; ++i) sum += std::exp(x(i) - largest);
  return largest + std::log(sum);
}

class BinaryCrossentropyMetric final : public Named<BinaryCrossentropyMetric, FromLogits> {
 public:
  static constexpr std::string_view kName = "BinaryCrossentropy";
  void fields(FieldVisitor& visitor) override {
    MetricImpl::fields(visitor);
    visitor.field("from_logits", from_logits);
    visitor.field("label_smoothing", label_smoothing);
  }
  double label_smoothing = 0;

 private:
  double value(const Line& y, const Line& p, std::int64_t width) const override {
    double sum = 0;
    for (std::int64_t i = 0; i < width; ++i) {
      const double label = y[i] * (1 - label_smoothing) + label_smoothing / 2;
      if (are_logits()) {
        sum += std::max(p[i], 0.0) - p[i] * label + std::log1p(std::exp(-std::abs(p[i])));
      } else {
        const double yes = clipped(p, p[i]), no = p.rounded(1 - yes);
        sum -= label * std::log(yes) + (1 - label) * std::log(no);
      }
    }
    return sum / static_cast<double>(width);
  }
};

class CategoricalCrossentropyMetric final : public Named<CategoricalCrossentropyMetric, FromLogits> {
 public:
  static constexpr std::string_view kName = "CategoricalCrossentropy";
  void fields(FieldVisitor& visitor) override {
    MetricImpl::fields(visitor);
    visitor.field("from_logits", from_logits);
    visitor.field("label_smoothing", label_smoothing);
    visitor.field("axis", along);
  }
  void update(const Tensor& y_true, const Tensor& y_pred, const Tensor* weights) override {
    // Classes are counted along the last axis, whatever `axis` is, as in Keras.
    classes_ = y_true.shape().rank() == 0 ? 1 : static_cast<double>(y_true.shape()[-1]);
    FromLogits::update(y_true, y_pred, weights);
  }
  double label_smoothing = 0;
  std::int64_t along = -1;

 private:
  std::int64_t axis() const override { return along; }
  double value(const Line& y, const Line& p, std::int64_t width) const override {
    double total = 0;
    for (std::int64_t i = 0; i < width; ++i) total += p[i];
    const double normaliser = are_logits() ? log_sum_exp(width, [&](std::int64_t i) { return p[i]; }) : 0;
    double sum = 0;
    for (std::int64_t i = 0; i < width; ++i) {
      const double label = y[i] * (1 - label_smoothing) + label_smoothing / classes_;
      // A label of 0 takes nothing, not even of a logarithm that is not finite.
      if (label == 0) continue;
      sum -= label * (are_logits() ? p[i] - normaliser : std::log(clipped(p, p[i] / total)));
    }
    return sum;
  }
  double classes_ = 1;
};

class SparseCategoricalCrossentropyMetric final
    : public Named<SparseCategoricalCrossentropyMetric, FromLogits> {
 public:
  static constexpr std::string_view kName = "SparseCategoricalCrossentropy";
  void fields(FieldVisitor& visitor) override {
    MetricImpl::fields(visitor);
    visitor.field("from_logits", from_logits);
    visitor.field("ignore_class", ignore_class);
    std::int64_t axis = -1;
    visitor.field("axis", axis);
    if (axis != -1) fail("Metric '{}': classes are along the last axis. Received: axis={}", name, axis);
  }
  /// Keras puts zeros in place of what is ignored, and so sees predictions without logits.
  bool uses_logits() const override { return !ignore_class; }
  std::optional<std::int64_t> ignore_class;

 private:
  bool labels_are_indices() const override { return true; }
  bool is_ignored(const Line& y) const { return ignore_class && y[0] == static_cast<double>(*ignore_class); }
  // Without weights what is ignored counts as right, as in Keras.
  bool weighs(const Line& y) const override { return !is_ignored(y); }
  double value(const Line& y, const Line& p, std::int64_t width) const override {
    if (is_ignored(y)) return 0;
    const double label = y[0];
    if (!(label >= 0 && label < static_cast<double>(width))) {
      fail("Metric '{}': label {} does not fit predictions of {} classes", name, label, width);
    }
    const auto logit = [&](std::int64_t i) { return are_logits() ? p[i] : std::log(clipped(p, p[i])); };
    return log_sum_exp(width, logit) - logit(static_cast<std::int64_t>(label));
  }
};

}  // namespace

std::shared_ptr<MetricImpl> make_binary_crossentropy_metric() {
  return std::make_shared<BinaryCrossentropyMetric>();
}
std::shared_ptr<MetricImpl> make_categorical_crossentropy_metric() {
  return std::make_shared<CategoricalCrossentropyMetric>();
}
std::shared_ptr<MetricImpl> make_sparse_categorical_crossentropy_metric() {
  return std::make_shared<SparseCategoricalCrossentropyMetric>();
}

namespace metrics {

Metric BinaryCrossentropy(const BinaryCrossentropyOptions& options) {
  auto impl = std::make_shared<BinaryCrossentropyMetric>();
  impl->from_logits = options.from_logits;
  impl->label_smoothing = options.label_smoothing;
  return named(options.name, impl);
}
Metric CategoricalCrossentropy(const CategoricalCrossentropyOptions& options) {
  auto impl = std::make_shared<CategoricalCrossentropyMetric>();
  impl->from_logits = options.from_logits;
  impl->label_smoothing = options.label_smoothing;
  impl->along = options.axis;
  return named(options.name, impl);
}
Metric SparseCategoricalCrossentropy(const SparseCategoricalCrossentropyOptions& options) {
  auto impl = std::make_shared<SparseCategoricalCrossentropyMetric>();
  impl->from_logits = options.from_logits;
  impl->ignore_class = options.ignore_class;
  return named(options.name, impl);
}

}  // namespace metrics
}  // namespace fovea
