#pragma once

#include <functional>

#include "core/names.h"
#include "fovea/metrics.h"

namespace fovea {

// One function per row of the list in metric.cpp.
std::shared_ptr<MetricImpl> make_accuracy();
std::shared_ptr<MetricImpl> make_binary_accuracy();
std::shared_ptr<MetricImpl> make_categorical_accuracy();
std::shared_ptr<MetricImpl> make_sparse_categorical_accuracy();
std::shared_ptr<MetricImpl> make_top_k_categorical_accuracy();
std::shared_ptr<MetricImpl> make_sparse_top_k_categorical_accuracy();
std::shared_ptr<MetricImpl> make_mean_squared_error_metric();
std::shared_ptr<MetricImpl> make_mean_absolute_error_metric();
std::shared_ptr<MetricImpl> make_mean_absolute_percentage_error_metric();
std::shared_ptr<MetricImpl> make_mean_squared_logarithmic_error_metric();
std::shared_ptr<MetricImpl> make_root_mean_squared_error_metric();
std::shared_ptr<MetricImpl> make_log_cosh_error_metric();
std::shared_ptr<MetricImpl> make_poisson_metric();
std::shared_ptr<MetricImpl> make_kl_divergence_metric();
std::shared_ptr<MetricImpl> make_cosine_similarity_metric();
std::shared_ptr<MetricImpl> make_hinge_metric();
std::shared_ptr<MetricImpl> make_squared_hinge_metric();
std::shared_ptr<MetricImpl> make_categorical_hinge_metric();
std::shared_ptr<MetricImpl> make_binary_crossentropy_metric();
std::shared_ptr<MetricImpl> make_categorical_crossentropy_metric();
std::shared_ptr<MetricImpl> make_sparse_categorical_crossentropy_metric();
std::shared_ptr<MetricImpl> make_true_positives();
std::shared_ptr<MetricImpl> make_true_negatives();
std::shared_ptr<MetricImpl> make_false_positives();
std::shared_ptr<MetricImpl> make_false_negatives();
std::shared_ptr<MetricImpl> make_precision();
std::shared_ptr<MetricImpl> make_recall();
std::shared_ptr<MetricImpl> make_precision_at_recall();
std::shared_ptr<MetricImpl> make_recall_at_precision();
std::shared_ptr<MetricImpl> make_sensitivity_at_specificity();
std::shared_ptr<MetricImpl> make_specificity_at_sensitivity();
std::shared_ptr<MetricImpl> make_auc();
std::shared_ptr<MetricImpl> make_f1_score();
std::shared_ptr<MetricImpl> make_fbeta_score();
std::shared_ptr<MetricImpl> make_iou();
std::shared_ptr<MetricImpl> make_mean_iou();
std::shared_ptr<MetricImpl> make_one_hot_iou();
std::shared_ptr<MetricImpl> make_one_hot_mean_iou();
std::shared_ptr<MetricImpl> make_binary_iou();

/// The smallest probability whose logarithm is taken (Keras' backend.epsilon()).
inline constexpr double kMetricEpsilon = 1e-7;

/// Reads any element as a double, whatever the dtype.
class Reader {
 public:
  explicit Reader(const Tensor& tensor) : data_(tensor.raw()), dtype_(tensor.dtype()) {}
  double operator[](std::int64_t i) const {
    switch (dtype_) {
      case DType::float32:
        return static_cast<double>(static_cast<const float*>(data_)[i]);
      case DType::float64:
        return static_cast<const double*>(data_)[i];
      case DType::int32:
        return static_cast<const std::int32_t*>(data_)[i];
      case DType::int64:
        return static_cast<double>(static_cast<const std::int64_t*>(data_)[i]);
      case DType::uint8:
        return static_cast<const std::uint8_t*>(data_)[i];
      case DType::bfloat16:
        return static_cast<double>(static_cast<const bfloat16*>(data_)[i]);
    }
    return 0;
  }
  /// A number as Keras has it beside these values: 1 - 1e-7 is 1 - 1.2e-7 in float32.
  double rounded(double x) const {
    return dtype_ == DType::float64 ? x : static_cast<double>(static_cast<float>(x));
  }

 private:
  const void* data_;
  DType dtype_;
};

/// Elements of a tensor along an axis, `stride` apart.
struct Line {
  const Reader& values;
  std::int64_t first = 0, stride = 1;
  double operator[](std::int64_t i) const { return values[first + i * stride]; }
  double rounded(double x) const { return values.rounded(x); }
};

/// Weights of samples, or of rows of a tensor: the weight of row `row` of `rows`.
class Weights {
 public:
  /// Fails unless there are as many as samples or rows.
  Weights(const std::string& metric, const Tensor* weights, std::int64_t samples, std::int64_t rows)
      : given_(weights != nullptr),
        values_(weights != nullptr ? *weights : none()),
        count_(weights != nullptr ? weights->size() : 0),
        rows_(rows) {
    if (given_ && count_ != samples && count_ != rows)
      fail("Metric '{}': {} weights do not fit {} samples", metric, count_, samples);
  }
  bool given() const { return given_; }
  double operator[](std::int64_t row) const {
    if (!given_) return 1;
    return values_[count_ == rows_ ? row : row * count_ / rows_];
  }

 private:
  static const Tensor& none() {
    static const Tensor tensor;
    return tensor;
  }
  bool given_;
  Reader values_;
  std::int64_t count_, rows_;
};

[[noreturn]] inline void refuse_shapes(const std::string& metric, const Tensor& y_true,
                                       const Tensor& y_pred) {
  fail("Metric '{}': labels of shape {} do not fit predictions of shape {}", metric, y_true.shape().str(),
       y_pred.shape().str());
}

/// The mean of a value for each row, a row being an axis of the predictions.
class MeanOverRows : public MetricImpl {
 public:
  void reset() override { total_ = count_ = 0; }
  double result() const override { return count_ == 0 ? 0 : total_ / count_; }
  void update(const Tensor& y_true, const Tensor& y_pred, const Tensor* weights) override;

 protected:
  virtual std::int64_t axis() const { return -1; }
  /// Labels are one number a row.
  virtual bool labels_are_indices() const { return false; }
  /// Predictions of shape (N) are N samples of one number, not one of N.
  virtual bool is_elementwise() const { return false; }
  /// Looks at a batch's labels before its rows are asked for.
  virtual void see_labels(const Reader& /*labels*/, std::int64_t /*size*/) {}
  virtual double value(const Line& y, const Line& p, std::int64_t width) const = 0;
  /// Does a row's weight count? Without weights all do.
  virtual bool weighs(const Line& /*y*/) const { return true; }

 private:
  double total_ = 0, count_ = 0;
};

/// A mean without options.
class PlainMean : public MeanOverRows {
 public:
  using Formula = double (*)(const Line& y, const Line& p, std::int64_t width);
  PlainMean(std::string_view class_name, Formula formula, bool larger = false)
      : class_name_(class_name), formula_(formula), larger_(larger) {
    name = snake_case(class_name);
  }
  std::string_view class_name() const override { return class_name_; }
  bool larger_is_better() const override { return larger_; }
  std::shared_ptr<MetricImpl> fresh() const override {
    auto copy = std::make_shared<PlainMean>(*this);
    copy->reset();
    return copy;
  }

 protected:
  double value(const Line& y, const Line& p, std::int64_t width) const override {
    return formula_(y, p, width);
  }

 private:
  std::string_view class_name_;
  Formula formula_;
  bool larger_;
};

/// What metric classes with options repeat: their name, and fresh copies. `Class::kName` is Keras' name.
template <class Class, class Base>
class Named : public Base {
 public:
  Named() { this->name = snake_case(Class::kName); }
  std::string_view class_name() const override { return Class::kName; }
  std::shared_ptr<MetricImpl> fresh() const override {
    auto copy = std::make_shared<Class>(static_cast<const Class&>(*this));
    copy->check();
    copy->reset();
    return copy;
  }
  /// Throws Error for options that make no metric.
  void check() const {}
};

/// A handle, named as asked for.
inline Metric named(const std::string& name, const std::shared_ptr<MetricImpl>& impl) {
  if (!name.empty()) impl->name = name;
  return Metric(impl);
}

/// The first of the largest.
inline std::int64_t index_of_largest(const Line& values, std::int64_t width) {
  std::int64_t best = 0;
  for (std::int64_t i = 1; i < width; ++i) {
    if (values[i] > values[best]) best = i;
  }
  return best;
}

inline double divide_or_zero(double a, double b) { return b == 0 ? 0 : a / b; }

}  // namespace fovea
