#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "fovea/fields.h"
#include "fovea/tensor.h"

namespace fovea {

/// A figure over many batches. Derive from it to bring your own.
class MetricImpl : public Configurable {
 public:
  virtual void reset() = 0;
  /// Takes a batch in: y_true and y_pred as the model has them, `weights` one per sample or null. Allocates
  /// nothing.
  virtual void update(const Tensor& y_true, const Tensor& y_pred, const Tensor* weights) = 0;
  virtual double result() const = 0;
  /// Is a larger value better? What "auto" of a callback's mode asks.
  virtual bool larger_is_better() const { return false; }
  /// Another one like it, reset; every fit and evaluate has its own.
  virtual std::shared_ptr<MetricImpl> fresh() const = 0;
  void fields(FieldVisitor& visitor) override;

  std::string name;  ///< its key in logs and history
};

/// A handle; built from Keras' names: "acc", "accuracy", "mse", "mae", "binary_accuracy", "BinaryAccuracy",
/// ...
class Metric {
 public:
  Metric() = default;
  /// "acc" and "accuracy" become binary, sparse or categorical accuracy by the shapes of labels and
  /// predictions. Throws Error for an unknown name.
  Metric(std::string_view name);
  Metric(const char* name) : Metric(std::string_view(name)) {}
  Metric(const std::string& name) : Metric(std::string_view(name)) {}
  explicit Metric(std::shared_ptr<MetricImpl> impl) : impl_(std::move(impl)) {}

  const std::shared_ptr<MetricImpl>& impl() const { return impl_; }  ///< null for "acc" and "accuracy"
  const std::string& identifier() const { return identifier_; }
  /// The metric for labels and predictions of these shapes (batch included), reset and named as its key.
  std::shared_ptr<MetricImpl> resolve(const Shape& y_true, const Shape& y_pred) const;
  std::string key() const;

 private:
  std::shared_ptr<MetricImpl> impl_;
  std::string identifier_;
};

/// Visits a metric as a nested object.
void field(FieldVisitor& visitor, std::string_view name, Metric& value);

namespace metrics {

struct AccuracyOptions {
  std::string name = {};
};
struct BinaryAccuracyOptions {
  double threshold = 0.5;  ///< predictions above it mean 1
  std::string name = {};
};
Metric BinaryAccuracy(const BinaryAccuracyOptions& options = {});
/// Labels are one-hot.
Metric CategoricalAccuracy(const AccuracyOptions& options = {});
/// Labels are integers.
Metric SparseCategoricalAccuracy(const AccuracyOptions& options = {});
Metric MeanSquaredError(const AccuracyOptions& options = {});
Metric MeanAbsoluteError(const AccuracyOptions& options = {});

}  // namespace metrics
}  // namespace fovea
