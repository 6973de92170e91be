#include <cmath>

#include "metrics/metric_support.h"

// Shares of rows that are right. Source: keras/src/metrics/accuracy_metrics.py.

namespace fovea {
namespace {

double same_largest(const Line& y, const Line& p, std::int64_t width) {
  return index_of_largest(y, width) == index_of_largest(p, width) ? 1 : 0;
}

/// Fewer than k classes are likelier than this one, and all numbers are numbers.
double is_in_top_k(const Line& p, std::int64_t width, double label, std::int64_t k) {
  if (!(label >= 0 && label < static_cast<double>(width))) return 0;
  const double own = p[static_cast<std::int64_t>(label)];
  std::int64_t likelier = 0;
  for (std::int64_t i = 0; i < width; ++i) {
    if (!std::isfinite(p[i])) return 0;
    likelier += p[i] > own ? 1 : 0;
  }
  return likelier < k ? 1 : 0;
}

class AccuracyMetric final : public Named<AccuracyMetric, MeanOverRows> {
 public:
  static constexpr std::string_view kName = "Accuracy";
  bool larger_is_better() const override { return true; }

 private:
  bool is_elementwise() const override { return true; }
  double value(const Line& y, const Line& p, std::int64_t width) const override {
    double right = 0;
    for (std::int64_t i = 0; i < width; ++i) right += p.rounded(y[i]) == p[i] ? 1 : 0;
    return right / static_cast<double>(width);
  }
};

class BinaryAccuracyMetric final : public Named<BinaryAccuracyMetric, MeanOverRows> {
 public:
  static constexpr std::string_view kName = "BinaryAccuracy";
  void fields(FieldVisitor& visitor) override {
    MetricImpl::fields(visitor);
    visitor.field("threshold", threshold);
  }
  bool larger_is_better() const override { return true; }
  double threshold = 0.5;

 private:
  bool is_elementwise() const override { return true; }
  double value(const Line& y, const Line& p, std::int64_t width) const override {
    // The threshold as float32, which predictions are compared to in Keras.
    const auto limit = static_cast<double>(static_cast<float>(threshold));
    double right = 0;
    for (std::int64_t i = 0; i < width; ++i) right += (p[i] > limit ? 1.0 : 0.0) == y[i] ? 1 : 0;
    return right / static_cast<double>(width);
  }
};

class SparseCategoricalAccuracyMetric final : public Named<SparseCategoricalAccuracyMetric, MeanOverRows> {
 public:
  static constexpr std::string_view kName = "SparseCategoricalAccuracy";
  bool larger_is_better() const override { return true; }

 private:
  bool labels_are_indices() const override { return true; }
  double value(const Line& y, const Line& p, std::int64_t width) const override {
    return y[0] == static_cast<double>(index_of_largest(p, width)) ? 1 : 0;
  }
};

class TopKCategoricalAccuracyMetric final : public Named<TopKCategoricalAccuracyMetric, MeanOverRows> {
 public:
  static constexpr std::string_view kName = "TopKCategoricalAccuracy";
  TopKCategoricalAccuracyMetric() { name = "top_k_categorical_accuracy"; }
  void fields(FieldVisitor& visitor) override {
    MetricImpl::fields(visitor);
    visitor.field("k", k);
  }
  bool larger_is_better() const override { return true; }
  std::int64_t k = 5;

 private:
  double value(const Line& y, const Line& p, std::int64_t width) const override {
    return is_in_top_k(p, width, static_cast<double>(index_of_largest(y, width)), k);
  }
};

class SparseTopKCategoricalAccuracyMetric final
    : public Named<SparseTopKCategoricalAccuracyMetric, MeanOverRows> {
 public:
  static constexpr std::string_view kName = "SparseTopKCategoricalAccuracy";
  SparseTopKCategoricalAccuracyMetric() { name = "sparse_top_k_categorical_accuracy"; }
  void fields(FieldVisitor& visitor) override {
    MetricImpl::fields(visitor);
    visitor.field("k", k);
    if (visitor.reads() || from_sorted_ids) visitor.field("from_sorted_ids", from_sorted_ids);
  }
  bool larger_is_better() const override { return true; }
  std::int64_t k = 5;
  bool from_sorted_ids = false;

 private:
  bool labels_are_indices() const override { return true; }
  double value(const Line& y, const Line& p, std::int64_t width) const override {
    if (!from_sorted_ids) return is_in_top_k(p, width, std::trunc(y[0]), k);
    for (std::int64_t i = 0; i < std::min(k, width); ++i) {
      if (p[i] == y[0]) return 1;
    }
    return 0;
  }
};

}  // namespace

std::shared_ptr<MetricImpl> make_accuracy() { return std::make_shared<AccuracyMetric>(); }
std::shared_ptr<MetricImpl> make_binary_accuracy() { return std::make_shared<BinaryAccuracyMetric>(); }
std::shared_ptr<MetricImpl> make_categorical_accuracy() {
  return std::make_shared<PlainMean>("CategoricalAccuracy", same_largest, true);
}
std::shared_ptr<MetricImpl> make_sparse_categorical_accuracy() {
  return std::make_shared<SparseCategoricalAccuracyMetric>();
}
std::shared_ptr<MetricImpl> make_top_k_categorical_accuracy() {
  return std::make_shared<TopKCategoricalAccuracyMetric>();
}
std::shared_ptr<MetricImpl> make_sparse_top_k_categorical_accuracy() {
  return std::make_shared<SparseTopKCategoricalAccuracyMetric>();
}

namespace metrics {

Metric Accuracy(const MetricOptions& options) { return named(options.name, make_accuracy()); }
Metric BinaryAccuracy(const BinaryAccuracyOptions& options) {
  auto impl = std::make_shared<BinaryAccuracyMetric>();
  impl->threshold = options.threshold;
  return named(options.name, impl);
}
Metric CategoricalAccuracy(const MetricOptions& options) {
  return named(options.name, make_categorical_accuracy());
}
Metric SparseCategoricalAccuracy(const MetricOptions& options) {
  return named(options.name, make_sparse_categorical_accuracy());
}
Metric TopKCategoricalAccuracy(const TopKCategoricalAccuracyOptions& options) {
  auto impl = std::make_shared<TopKCategoricalAccuracyMetric>();
  impl->k = options.k;
  return named(options.name, impl);
}
Metric SparseTopKCategoricalAccuracy(const SparseTopKCategoricalAccuracyOptions& options) {
  auto impl = std::make_shared<SparseTopKCategoricalAccuracyMetric>();
  impl->k = options.k;
  impl->from_sorted_ids = options.from_sorted_ids;
  return named(options.name, impl);
}

}  // namespace metrics
}  // namespace fovea
