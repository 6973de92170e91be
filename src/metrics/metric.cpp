#include <algorithm>
#include <cctype>

#include "metrics/metric_support.h"

// The list of metrics, and what they share. The choice of accuracy is keras/src/trainers/compile_utils.py.

namespace fovea {
namespace {

const std::vector<NamedClass<MetricImpl>>& classes() {
  static const std::vector<NamedClass<MetricImpl>> list{
      {"Accuracy", make_accuracy},
      {"BinaryAccuracy", make_binary_accuracy},
      {"CategoricalAccuracy", make_categorical_accuracy},
      {"SparseCategoricalAccuracy", make_sparse_categorical_accuracy},
      {"TopKCategoricalAccuracy", make_top_k_categorical_accuracy},
      {"SparseTopKCategoricalAccuracy", make_sparse_top_k_categorical_accuracy},
      {"MeanSquaredError", make_mean_squared_error_metric, {"mse", "MSE"}},
      {"MeanAbsoluteError", make_mean_absolute_error_metric, {"mae", "MAE"}},
      {"MeanAbsolutePercentageError", make_mean_absolute_percentage_error_metric, {"mape", "MAPE"}},
      {"MeanSquaredLogarithmicError", make_mean_squared_logarithmic_error_metric, {"msle", "MSLE"}},
      {"RootMeanSquaredError", make_root_mean_squared_error_metric},
      {"LogCoshError", make_log_cosh_error_metric},
      {"Poisson", make_poisson_metric},
      {"KLDivergence", make_kl_divergence_metric},
      {"CosineSimilarity", make_cosine_similarity_metric},
      {"Hinge", make_hinge_metric},
      {"SquaredHinge", make_squared_hinge_metric},
      {"CategoricalHinge", make_categorical_hinge_metric},
      {"BinaryCrossentropy", make_binary_crossentropy_metric, {"bce", "BCE"}},
      {"CategoricalCrossentropy", make_categorical_crossentropy_metric},
      {"SparseCategoricalCrossentropy", make_sparse_categorical_crossentropy_metric},
      {"TruePositives", make_true_positives},
      {"TrueNegatives", make_true_negatives},
      {"FalsePositives", make_false_positives},
      {"FalseNegatives", make_false_negatives},
      {"Precision", make_precision},
      {"Recall", make_recall},
      {"PrecisionAtRecall", make_precision_at_recall},
      {"RecallAtPrecision", make_recall_at_precision},
      {"SensitivityAtSpecificity", make_sensitivity_at_specificity},
      {"SpecificityAtSensitivity", make_specificity_at_sensitivity},
      {"AUC", make_auc},
      {"F1Score", make_f1_score},
      {"FBetaScore", make_fbeta_score},
      {"IoU", make_iou},
      {"MeanIoU", make_mean_iou},
      {"OneHotIoU", make_one_hot_iou},
      {"OneHotMeanIoU", make_one_hot_mean_iou},
      {"BinaryIoU", make_binary_iou},
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

}  // namespace

void MetricImpl::fields(FieldVisitor& visitor) {
  visitor.field("name", name);
  // Metrics are summed in double here; what Keras asks is kept for its sake.
  std::string dtype = "float32";
  visitor.field("dtype", dtype);
}

void MeanOverRows::update(const Tensor& y_true, const Tensor& y_pred, const Tensor* weights) {
  // An axis of size 1 more than the labels have is none, as in Keras; but (N) beside (N, 1) is (N, 1).
  const std::size_t rank = y_true.shape().rank();
  const bool squeezed =
      !labels_are_indices() && rank > 1 && y_pred.shape().rank() == rank + 1 && y_pred.shape()[-1] == 1;
  Shape shape = squeezed ? y_true.shape() : y_pred.shape();
  if (is_elementwise() && shape.rank() == 1) shape.push_back(1);
  const auto axes = static_cast<std::int64_t>(shape.rank());
  const std::int64_t along = axis() < 0 ? axis() + axes : axis();
  if (axes > 0 && (along < 0 || along >= axes))
    fail("Metric '{}': axis {} is out of range for predictions of shape {}", name, axis(), shape.str());
  const std::int64_t width = axes == 0 ? 1 : shape[static_cast<std::ptrdiff_t>(along)];
  const std::int64_t rows = width == 0 ? 0 : y_pred.size() / width;
  if (y_true.size() != (labels_are_indices() ? rows : y_pred.size())) refuse_shapes(name, y_true, y_pred);
  std::int64_t inner = 1;
  for (std::int64_t i = along + 1; i < axes; ++i) inner *= shape[static_cast<std::ptrdiff_t>(i)];
  // A sample is the mean of its rows, however many these are.
  const std::int64_t samples = axes < 2 ? 1 : shape[along == 0 ? 1 : 0];
  const double share = static_cast<double>(samples) / static_cast<double>(rows);
  const Weights weight(name, weights, samples, rows);
  const Reader labels(y_true), predictions(y_pred);
  see_labels(labels, y_true.size());
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t first = row / inner * inner * width + row % inner;
    const Line p{predictions, first, inner};
    const Line y = labels_are_indices() ? Line{labels, row, 0} : Line{labels, first, inner};
    const double w = share * (weight.given() && !weighs(y) ? 0 : weight[row]);
    total_ += w * value(y, p, width);
    count_ += w;
  }
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
    result = make_binary_accuracy();
  } else if (y_true.rank() < y_pred.rank() || y_true[-1] == 1) {
    result = make_sparse_categorical_accuracy();
  } else {
    result = make_categorical_accuracy();
  }
  result->name = key();
  return result;
}

void field(FieldVisitor& visitor, std::string_view name, Metric& value) {
  MetricSlot slot(value);
  visitor.field(name, slot);
}

}  // namespace fovea
