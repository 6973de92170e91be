#include <algorithm>
#include <cmath>

#include "metrics/confusion_matrix.h"
#include "metrics/metric_support.h"

// Intersection over union of classes, tp / (tp + fp + fn), from a confusion matrix. Source:
// keras/src/metrics/iou_metrics.py.

namespace fovea {
namespace {

/// The axis of the classes: its size, and that of what lies within it.
struct Axis {
  std::int64_t width = 1, inner = 1;
};

class IoUBase : public MetricImpl {
 public:
  bool larger_is_better() const override { return true; }
  void reset() override { matrix_.reset(); }

  void update(const Tensor& y_true, const Tensor& y_pred, const Tensor* weights) override {
    const std::int64_t rows = rows_of(y_pred, sparse_y_pred);
    if (rows_of(y_true, sparse_y_true) != rows) refuse_shapes(name, y_true, y_pred);
    const std::int64_t samples = y_pred.shape().rank() == 0 ? 1 : y_pred.shape()[0];
    // With classes along the first axis there are no samples, but as many weights as rows.
    const Weights weight(name, weights, samples, rows);
    const Reader labels(y_true), predictions(y_pred);
    const Axis label_axis = axis_of(y_true), prediction_axis = axis_of(y_pred);
    const bool whole = dtype.rfind("int", 0) == 0 || dtype.rfind("uint", 0) == 0;
    for (std::int64_t row = 0; row < rows; ++row) {
      const std::int64_t label = class_at(labels, label_axis, row, sparse_y_true);
      if (ignore_class && label == *ignore_class) continue;
      const std::int64_t prediction = class_of_prediction(predictions, prediction_axis, row);
      matrix_.add(label, prediction, whole ? std::trunc(weight[row]) : weight[row]);
    }
  }

  double result() const override {
    double sum = 0, count = 0;
    for (const std::int64_t id : target_class_ids) {
      const double tp = matrix_.at(id, id), all = matrix_.of_label(id) + matrix_.of_prediction(id) - tp;
      if (!(all > 1e-9)) continue;
      sum += tp / (all + kMetricEpsilon);
      count += 1;
    }
    return sum / (count + kMetricEpsilon);
  }

  /// Checks the options and begins to count anew.
  void prepare() {
    check();
    if (dtype == "int") dtype = "int64";
    matrix_ = ConfusionMatrix(num_classes);
  }
  void check() const {
    if (num_classes < 1) {
      fail("Metric '{}': num_classes must be given, and at least 1. Received: {}", name, num_classes);
    }
    if (target_class_ids.empty()) fail("Metric '{}': target_class_ids must be given", name);
    for (const std::int64_t id : target_class_ids) {
      if (id < 0 || id >= num_classes)
        fail("Metric '{}': target class {} is not one of the {} classes", name, id, num_classes);
    }
  }

  std::int64_t num_classes = 0;
  std::vector<std::int64_t> target_class_ids;
  std::optional<std::int64_t> ignore_class;
  bool sparse_y_true = true, sparse_y_pred = true;
  std::int64_t axis = -1;
  std::string dtype = "int64";

 protected:
  virtual std::int64_t class_of_prediction(const Reader& predictions, const Axis& classes,
                                           std::int64_t row) const {
    return class_at(predictions, classes, row, sparse_y_pred);
  }
  void all_classes() {
    target_class_ids.clear();
    for (std::int64_t i = 0; i < num_classes; ++i) target_class_ids.push_back(i);
  }

 private:
  Axis axis_of(const Tensor& tensor) const {
    const auto rank = static_cast<std::int64_t>(tensor.shape().rank());
    const std::int64_t along = axis < 0 ? axis + rank : axis;
    if (along < 0 || along >= rank) return {};
    Axis result{tensor.shape()[static_cast<std::ptrdiff_t>(along)], 1};
    for (std::int64_t i = along + 1; i < rank; ++i)
      result.inner *= tensor.shape()[static_cast<std::ptrdiff_t>(i)];
    return result;
  }
  std::int64_t rows_of(const Tensor& tensor, bool sparse) const {
    if (sparse) return tensor.size();
    const std::int64_t width = axis_of(tensor).width;
    return width == 0 ? 0 : tensor.size() / width;
  }
  static std::int64_t class_at(const Reader& values, const Axis& classes, std::int64_t row, bool sparse) {
    if (!sparse) {
      const std::int64_t first = row / classes.inner * classes.inner * classes.width + row % classes.inner;
      return index_of_largest({values, first, classes.inner}, classes.width);
    }
    const double value = values[row];
    return std::abs(value) < 1e15 ? static_cast<std::int64_t>(value) : -1;
  }

  ConfusionMatrix matrix_;
};

class IoUMetric final : public Named<IoUMetric, IoUBase> {
 public:
  static constexpr std::string_view kName = "IoU";
  void fields(FieldVisitor& visitor) override {
    visitor.field("name", name);
    visitor.field("dtype", dtype);
    visitor.field("num_classes", num_classes);
    visitor.field("target_class_ids", target_class_ids);
    visitor.field("ignore_class", ignore_class);
    visitor.field("sparse_y_true", sparse_y_true);
    visitor.field("sparse_y_pred", sparse_y_pred);
    visitor.field("axis", axis);
    if (visitor.reads()) prepare();
  }
  void check() const { IoUBase::check(); }
};

class MeanIoUMetric final : public Named<MeanIoUMetric, IoUBase> {
 public:
  static constexpr std::string_view kName = "MeanIoU";
  void fields(FieldVisitor& visitor) override {
    visitor.field("num_classes", num_classes);
    visitor.field("name", name);
    visitor.field("dtype", dtype);
    visitor.field("ignore_class", ignore_class);
    visitor.field("sparse_y_true", sparse_y_true);
    visitor.field("sparse_y_pred", sparse_y_pred);
    visitor.field("axis", axis);
    if (visitor.reads()) prepare();
  }
  void prepare() {
    all_classes();
    IoUBase::prepare();
  }
  void check() const { IoUBase::check(); }
};

class OneHotIoUMetric final : public Named<OneHotIoUMetric, IoUBase> {
 public:
  static constexpr std::string_view kName = "OneHotIoU";
  OneHotIoUMetric() { sparse_y_true = sparse_y_pred = false; }
  void fields(FieldVisitor& visitor) override {
    visitor.field("num_classes", num_classes);
    visitor.field("target_class_ids", target_class_ids);
    visitor.field("name", name);
    visitor.field("dtype", dtype);
    visitor.field("ignore_class", ignore_class);
    visitor.field("sparse_y_pred", sparse_y_pred);
    visitor.field("axis", axis);
    if (visitor.reads()) prepare();
  }
  void check() const { IoUBase::check(); }
};

class OneHotMeanIoUMetric final : public Named<OneHotMeanIoUMetric, IoUBase> {
 public:
  static constexpr std::string_view kName = "OneHotMeanIoU";
  OneHotMeanIoUMetric() { sparse_y_true = sparse_y_pred = false; }
  void fields(FieldVisitor& visitor) override {
    visitor.field("num_classes", num_classes);
    visitor.field("name", name);
    visitor.field("dtype", dtype);
    visitor.field("ignore_class", ignore_class);
    visitor.field("sparse_y_pred", sparse_y_pred);
    visitor.field("axis", axis);
    if (visitor.reads()) prepare();
  }
  void prepare() {
    all_classes();
    IoUBase::prepare();
  }
  void check() const { IoUBase::check(); }
};

class BinaryIoUMetric final : public Named<BinaryIoUMetric, IoUBase> {
 public:
  static constexpr std::string_view kName = "BinaryIoU";
  BinaryIoUMetric() {
    num_classes = 2;
    target_class_ids = {0, 1};
    prepare();
  }
  void fields(FieldVisitor& visitor) override {
    visitor.field("target_class_ids", target_class_ids);
    visitor.field("threshold", threshold);
    visitor.field("name", name);
    visitor.field("dtype", dtype);
    if (visitor.reads()) prepare();
  }
  void check() const { IoUBase::check(); }
  double threshold = 0.5;

 private:
  std::int64_t class_of_prediction(const Reader& predictions, const Axis&, std::int64_t row) const override {
    return predictions[row] >= static_cast<double>(static_cast<float>(threshold)) ? 1 : 0;
  }
};

template <class Class, class Options>
std::shared_ptr<Class> counting(std::int64_t num_classes, const Options& options) {
  auto impl = std::make_shared<Class>();
  impl->num_classes = num_classes;
  impl->ignore_class = options.ignore_class;
  impl->sparse_y_pred = options.sparse_y_pred;
  impl->axis = options.axis;
  impl->dtype = options.dtype;
  if (!options.name.empty()) impl->name = options.name;
  return impl;
}

}  // namespace

std::shared_ptr<MetricImpl> make_iou() { return std::make_shared<IoUMetric>(); }
std::shared_ptr<MetricImpl> make_mean_iou() { return std::make_shared<MeanIoUMetric>(); }
std::shared_ptr<MetricImpl> make_one_hot_iou() { return std::make_shared<OneHotIoUMetric>(); }
std::shared_ptr<MetricImpl> make_one_hot_mean_iou() { return std::make_shared<OneHotMeanIoUMetric>(); }
std::shared_ptr<MetricImpl> make_binary_iou() { return std::make_shared<BinaryIoUMetric>(); }

namespace metrics {

Metric IoU(std::int64_t num_classes, const std::vector<std::int64_t>& target_class_ids,
           const IoUOptions& options) {
  auto impl = counting<IoUMetric>(num_classes, options);
  impl->sparse_y_true = options.sparse_y_true;
  impl->target_class_ids = target_class_ids;
  impl->prepare();
  return Metric(impl);
}
Metric MeanIoU(std::int64_t num_classes, const IoUOptions& options) {
  auto impl = counting<MeanIoUMetric>(num_classes, options);
  impl->sparse_y_true = options.sparse_y_true;
  impl->prepare();
  return Metric(impl);
}
Metric OneHotIoU(std::int64_t num_classes, const std::vector<std::int64_t>& target_class_ids,
                 const OneHotIoUOptions& options) {
  auto impl = counting<OneHotIoUMetric>(num_classes, options);
  impl->target_class_ids = target_class_ids;
  impl->prepare();
  return Metric(impl);
}
Metric OneHotMeanIoU(std::int64_t num_classes, const OneHotIoUOptions& options) {
  auto impl = counting<OneHotMeanIoUMetric>(num_classes, options);
  impl->prepare();
  return Metric(impl);
}
Metric BinaryIoU(const BinaryIoUOptions& options) {
  auto impl = std::make_shared<BinaryIoUMetric>();
  impl->target_class_ids = options.target_class_ids;
  impl->threshold = options.threshold;
  impl->dtype = options.dtype;
  if (!options.name.empty()) impl->name = options.name;
  impl->prepare();
  return Metric(impl);
}

}  // namespace metrics
}  // namespace fovea
