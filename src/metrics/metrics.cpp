#include "fovea/metrics.h"

#include <cmath>
#include <functional>

#include "core/names.h"

// Means over samples of a figure for each, weighted or not. Sources: keras/src/metrics; the choice of
// accuracy is keras/src/trainers/compile_utils.py.

namespace fovea {
namespace {

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

 private:
  const void* data_;
  DType dtype_;
};

/// The mean of a value for each row, a row being the last axis of the predictions.
class MeanOverRows : public MetricImpl {
 public:
  void reset() override { total_ = count_ = 0; }
  double result() const override { return count_ == 0 ? 0 : total_ / count_; }

  void update(const Tensor& y_true, const Tensor& y_pred, const Tensor* weights) override {
    const std::int64_t width = y_pred.shape().rank() == 0 ? 1 : y_pred.shape()[-1];
    const std::int64_t rows = width == 0 ? 0 : y_pred.size() / width;
    const std::int64_t label_width = rows == 0 ? 0 : y_true.size() / rows;
    if (y_true.size() != (labels_are_indices() ? rows : y_pred.size())) {
      fail("Metric '{}': labels of shape {} do not fit predictions of shape {}", name, y_true.shape().str(),
           y_pred.shape().str());
    }
    const std::int64_t samples = y_pred.shape().rank() == 0 ? 1 : y_pred.shape()[0];
    if (weights != nullptr && weights->size() != samples && weights->size() != rows) {
      fail("Metric '{}': {} weights do not fit {} samples", name, weights->size(), samples);
    }
    const Reader labels(y_true), predictions(y_pred), weight(weights != nullptr ? *weights : y_true);
    for (std::int64_t row = 0; row < rows; ++row) {
      const double w =
          weights == nullptr ? 1.0 : weight[weights->size() == rows ? row : row * samples / rows];
      total_ += w * value(labels, row * label_width, predictions, row * width, width);
      count_ += w;
    }
  }

 protected:
  virtual bool labels_are_indices() const { return false; }
  virtual double value(const Reader& y, std::int64_t y_at, const Reader& p, std::int64_t p_at,
                       std::int64_t width) const = 0;

 private:
  double total_ = 0, count_ = 0;
};

std::int64_t index_of_largest(const Reader& values, std::int64_t first, std::int64_t width) {
  std::int64_t best = 0;
  for (std::int64_t i = 1; i < width; ++i) {
    if (values[first + i] > values[first + best]) best = i;
  }
  return best;
}

/// Shares the parts that every metric class repeats.
template <class Class>
class Named : public MeanOverRows {
 public:
  Named() { name = snake_case(Class::kName); }
  std::string_view class_name() const override { return Class::kName; }
  std::shared_ptr<MetricImpl> fresh() const override {
    auto copy = std::make_shared<Class>(static_cast<const Class&>(*this));
    copy->reset();
    return copy;
  }
};

class BinaryAccuracyMetric final : public Named<BinaryAccuracyMetric> {
 public:
  static constexpr std::string_view kName = "BinaryAccuracy";
  void fields(FieldVisitor& visitor) override {
    MetricImpl::fields(visitor);
    visitor.field("threshold", threshold);
  }
  bool larger_is_better() const override { return true; }
  double threshold = 0.5;

 private:
  double value(const Reader& y, std::int64_t y_at, const Reader& p, std::int64_t p_at,
               std::int64_t width) const override {
    // The threshold as float32, which predictions are compared to in Keras.
    const auto limit = static_cast<double>(static_cast<float>(threshold));
    double right = 0;
    for (std::int64_t i = 0; i < width; ++i)
      right += (p[p_at + i] > limit ? 1.0 : 0.0) == y[y_at + i] ? 1 : 0;
    return right / static_cast<double>(width);
  }
};

class CategoricalAccuracyMetric final : public Named<CategoricalAccuracyMetric> {
 public:
  static constexpr std::string_view kName = "CategoricalAccuracy";
  bool larger_is_better() const override { return true; }

 private:
  double value(const Reader& y, std::int64_t y_at, const Reader& p, std::int64_t p_at,
               std::int64_t width) const override {
    return index_of_largest(y, y_at, width) == index_of_largest(p, p_at, width) ? 1 : 0;
  }
};

class SparseCategoricalAccuracyMetric final : public Named<SparseCategoricalAccuracyMetric> {
 public:
  static constexpr std::string_view kName = "SparseCategoricalAccuracy";
  bool larger_is_better() const override { return true; }

 private:
  bool labels_are_indices() const override { return true; }
  double value(const Reader& y, std::int64_t y_at, const Reader& p, std::int64_t p_at,
               std::int64_t width) const override {
    return y[y_at] == static_cast<double>(index_of_largest(p, p_at, width)) ? 1 : 0;
  }
};

template <class Class, bool Squared>
class RegressionMetric : public Named<Class> {
 private:
  double value(const Reader& y, std::int64_t y_at, const Reader& p, std::int64_t p_at,
               std::int64_t width) const override {
    double sum = 0;
    for (std::int64_t i = 0; i < width; ++i) {
      const double difference = y[y_at + i] - p[p_at + i];
      sum += Squared ? difference * difference : std::abs(difference);
    }
    return sum / static_cast<double>(width);
  }
};

class MeanSquaredErrorMetric final : public RegressionMetric<MeanSquaredErrorMetric, true> {
 public:
  static constexpr std::string_view kName = "MeanSquaredError";
};
class MeanAbsoluteErrorMetric final : public RegressionMetric<MeanAbsoluteErrorMetric, false> {
 public:
  static constexpr std::string_view kName = "MeanAbsoluteError";
};

template <class Class>
std::shared_ptr<MetricImpl> make() {
  return std::make_shared<Class>();
}

const std::vector<NamedClass<MetricImpl>>& classes() {
  static const std::vector<NamedClass<MetricImpl>> list{
      {"BinaryAccuracy", make<BinaryAccuracyMetric>},
      {"CategoricalAccuracy", make<CategoricalAccuracyMetric>},
      {"SparseCategoricalAccuracy", make<SparseCategoricalAccuracyMetric>},
      {"MeanSquaredError", make<MeanSquaredErrorMetric>, {"mse", "MSE"}},
      {"MeanAbsoluteError", make<MeanAbsoluteErrorMetric>, {"mae", "MAE"}},
  };
  return list;
}

bool is_accuracy(std::string_view name) {
  std::string lower(name);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower == "acc" || lower == "accuracy";
}

class MetricSlot final : public ObjectSlot {
 public:
  explicit MetricSlot(Metric& value) : value_(value) {}
  Configurable* get() override { return value_.impl().get(); }
  std::string_view module() const override { return "keras.metrics"; }
  Configurable& make(std::string_view class_name) override {
    value_ = Metric(make_named("metric", classes(), class_name));
    return *value_.impl();
  }
  void clear() override { value_ = {}; }

 private:
  Metric& value_;
};

template <class Class>
Metric named(const std::string& name, Class metric = {}) {
  auto impl = std::make_shared<Class>(std::move(metric));
  if (!name.empty()) impl->name = name;
  return Metric(impl);
}

}  // namespace

void MetricImpl::fields(FieldVisitor& visitor) {
  visitor.field("name", name);
  // Metrics are summed in double here; what Keras asks is kept for its sake.
  std::string dtype = "float32";
  visitor.field("dtype", dtype);
}

Metric::Metric(std::string_view name) : identifier_(name) {
  if (!is_accuracy(name)) impl_ = make_named("metric", classes(), name);
}

std::string Metric::key() const { return identifier_.empty() ? impl_->name : identifier_; }

std::shared_ptr<MetricImpl> Metric::resolve(const Shape& y_true, const Shape& y_pred) const {
  std::shared_ptr<MetricImpl> result;
  if (impl_) {
    result = impl_->fresh();
  } else if (y_pred[-1] == 1) {
    result = std::make_shared<BinaryAccuracyMetric>();
  } else if (y_true.rank() < y_pred.rank() || y_true[-1] == 1) {
    result = std::make_shared<SparseCategoricalAccuracyMetric>();
  } else {
    result = std::make_shared<CategoricalAccuracyMetric>();
  }
  result->name = key();
  return result;
}

void field(FieldVisitor& visitor, std::string_view name, Metric& value) {
  MetricSlot slot(value);
  visitor.field(name, slot);
}

namespace metrics {

Metric BinaryAccuracy(const BinaryAccuracyOptions& options) {
  BinaryAccuracyMetric metric;
  metric.threshold = options.threshold;
  return named(options.name, metric);
}
Metric CategoricalAccuracy(const AccuracyOptions& options) {
  return named<CategoricalAccuracyMetric>(options.name);
}
Metric SparseCategoricalAccuracy(const AccuracyOptions& options) {
  return named<SparseCategoricalAccuracyMetric>(options.name);
}
Metric MeanSquaredError(const AccuracyOptions& options) {
  return named<MeanSquaredErrorMetric>(options.name);
}
Metric MeanAbsoluteError(const AccuracyOptions& options) {
  return named<MeanAbsoluteErrorMetric>(options.name);
}

}  // namespace metrics
}  // namespace fovea
