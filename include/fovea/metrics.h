#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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
  /// The figure so far; 0 before the first batch.
  virtual double result() const = 0;
  /// Some metrics have several figures, one for each class or threshold: Precision with a list of them. They
  /// are not for compile, whose logs hold one number each; result() refuses.
  virtual bool is_single() const { return true; }
  virtual std::vector<double> results() const { return {result()}; }
  /// Does it take what went into the sigmoid or softmax that made y_pred, as Keras' cross-entropies on
  /// TensorFlow do? Then this is called where the model has them.
  virtual bool uses_logits() const { return false; }
  virtual void update_from_logits(const Tensor& y_true, const Tensor& logits, const Tensor* weights) {
    update(y_true, logits, weights);
  }
  /// Is a larger value better? What "auto" of a callback's mode asks.
  virtual bool larger_is_better() const { return false; }
  /// Another one like it, reset; every fit and evaluate has its own.
  virtual std::shared_ptr<MetricImpl> fresh() const = 0;
  void fields(FieldVisitor& visitor) override;

  std::string name;  ///< its key in logs and history
};

/// A handle; built from Keras' names: "acc", "accuracy", "mse", "auc", "binary_accuracy", "BinaryAccuracy",
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

/// Of metrics that have no others. Sources: keras/src/metrics.
struct MetricOptions {
  std::string name = {};  ///< empty: the metric's own
};

// ---- Accuracies: shares of samples that are right.

/// Predictions are equal to labels. The string "accuracy" means another: see Metric.
Metric Accuracy(const MetricOptions& options = {});
struct BinaryAccuracyOptions {
  double threshold = 0.5;  ///< predictions above it mean 1
  std::string name = {};
};
Metric BinaryAccuracy(const BinaryAccuracyOptions& options = {});
/// Labels are one-hot.
Metric CategoricalAccuracy(const MetricOptions& options = {});
/// Labels are integers.
Metric SparseCategoricalAccuracy(const MetricOptions& options = {});
struct TopKCategoricalAccuracyOptions {
  std::int64_t k = 5;
  std::string name = {};
};
/// The label is among the k likeliest classes; labels are one-hot.
Metric TopKCategoricalAccuracy(const TopKCategoricalAccuracyOptions& options = {});
struct SparseTopKCategoricalAccuracyOptions {
  std::int64_t k = 5;
  bool from_sorted_ids = false;  ///< predictions are class numbers, likeliest first
  std::string name = {};
};
/// Labels are integers.
Metric SparseTopKCategoricalAccuracy(const SparseTopKCategoricalAccuracyOptions& options = {});

// ---- Losses as metrics: see fovea/losses.h for the formulas.

Metric MeanSquaredError(const MetricOptions& options = {});
Metric MeanAbsoluteError(const MetricOptions& options = {});
Metric MeanAbsolutePercentageError(const MetricOptions& options = {});
Metric MeanSquaredLogarithmicError(const MetricOptions& options = {});
/// The root of the mean over everything.
Metric RootMeanSquaredError(const MetricOptions& options = {});
Metric LogCoshError(const MetricOptions& options = {});
Metric KLDivergence(const MetricOptions& options = {});
Metric Poisson(const MetricOptions& options = {});
Metric Hinge(const MetricOptions& options = {});
Metric SquaredHinge(const MetricOptions& options = {});
Metric CategoricalHinge(const MetricOptions& options = {});
struct CosineSimilarityOptions {
  std::int64_t axis = -1;
  std::string name = {};
};
/// 1 where labels and predictions point the same way: the loss has the other sign.
Metric CosineSimilarity(const CosineSimilarityOptions& options = {});
struct BinaryCrossentropyOptions {
  bool from_logits = false;
  double label_smoothing = 0;
  std::string name = {};
};
Metric BinaryCrossentropy(const BinaryCrossentropyOptions& options = {});
struct CategoricalCrossentropyOptions {
  bool from_logits = false;
  double label_smoothing = 0;
  std::int64_t axis = -1;
  std::string name = {};
};
Metric CategoricalCrossentropy(const CategoricalCrossentropyOptions& options = {});
struct SparseCategoricalCrossentropyOptions {
  bool from_logits = false;
  std::optional<std::int64_t> ignore_class = {};
  std::string name = {};
};
Metric SparseCategoricalCrossentropy(const SparseCategoricalCrossentropyOptions& options = {});

// ---- Of two classes, or of one against the rest: predictions above a threshold are positive.

struct ThresholdsOptions {
  std::vector<double> thresholds = {};  ///< in [0, 1]; none: 0.5. Several give as many figures
  std::string name = {};
};
Metric TruePositives(const ThresholdsOptions& options = {});
Metric TrueNegatives(const ThresholdsOptions& options = {});
Metric FalsePositives(const ThresholdsOptions& options = {});
Metric FalseNegatives(const ThresholdsOptions& options = {});

struct PrecisionOptions {
  std::vector<double> thresholds = {};        ///< in [0, 1]; none: 0.5, or with top_k none at all
  std::optional<std::int64_t> top_k = {};     ///< only the k likeliest classes of a sample can be positive
  std::optional<std::int64_t> class_id = {};  ///< only this class counts
  std::string name = {};
};
/// True positives of all that are said to be positive.
Metric Precision(const PrecisionOptions& options = {});
using RecallOptions = PrecisionOptions;
/// True positives of all that are positive.
Metric Recall(const RecallOptions& options = {});

struct AtThresholdsOptions {
  std::int64_t num_thresholds = 200;  ///< evenly over [0, 1]
  std::optional<std::int64_t> class_id = {};
  std::string name = {};
};
/// The best precision at any threshold with at least this recall; and so on. The first argument lies in
/// [0, 1].
Metric PrecisionAtRecall(double recall, const AtThresholdsOptions& options = {});
Metric RecallAtPrecision(double precision, const AtThresholdsOptions& options = {});
Metric SensitivityAtSpecificity(double specificity, const AtThresholdsOptions& options = {});
Metric SpecificityAtSensitivity(double sensitivity, const AtThresholdsOptions& options = {});

struct AUCOptions {
  std::int64_t num_thresholds = 200;
  std::string curve = "ROC";                       ///< or "PR", "PRGAIN"
  std::string summation_method = "interpolation";  ///< or "minoring", "majoring"
  std::vector<double> thresholds = {};             ///< of one's own, between 0 and 1
  bool multi_label = false;                        ///< an area for each label, and their mean
  std::optional<std::int64_t> num_labels = {};  ///< with multi_label; what the predictions have, if not given
  std::vector<double> label_weights = {};
  bool from_logits = false;
  std::string name = {};
};
/// The area under the curve.
Metric AUC(const AUCOptions& options = {});

// ---- Of many classes; labels are one-hot, predictions of shape (N, classes).

struct F1ScoreOptions {
  std::optional<std::string> average = {};  ///< "micro", "macro", "weighted"; none: a figure for each class
  std::optional<double> threshold = {};     ///< in (0, 1]; none: the likeliest class
  std::string name = {};
};
Metric F1Score(const F1ScoreOptions& options = {});
struct FBetaScoreOptions {
  std::optional<std::string> average = {};
  double beta = 1;  ///< how much more recall counts than precision
  std::optional<double> threshold = {};
  std::string name = {};
};
Metric FBetaScore(const FBetaScoreOptions& options = {});

// ---- Intersection over union, of segmentations: labels and predictions are class numbers.

struct IoUOptions {
  std::optional<std::int64_t> ignore_class = {};
  bool sparse_y_true = true;  ///< labels are class numbers; else one-hot
  bool sparse_y_pred = true;  ///< predictions are class numbers; else a score for each class
  std::int64_t axis = -1;     ///< of the classes
  std::string dtype = "int";  ///< of the counts: weights are cut to whole numbers unless it is a float's
  std::string name = {};
};
/// The mean over these classes.
Metric IoU(std::int64_t num_classes, const std::vector<std::int64_t>& target_class_ids,
           const IoUOptions& options = {});
Metric MeanIoU(std::int64_t num_classes, const IoUOptions& options = {});
struct OneHotIoUOptions {
  std::optional<std::int64_t> ignore_class = {};
  bool sparse_y_pred = false;
  std::int64_t axis = -1;
  std::string dtype = "int";
  std::string name = {};
};
Metric OneHotIoU(std::int64_t num_classes, const std::vector<std::int64_t>& target_class_ids,
                 const OneHotIoUOptions& options = {});
Metric OneHotMeanIoU(std::int64_t num_classes, const OneHotIoUOptions& options = {});
struct BinaryIoUOptions {
  std::vector<std::int64_t> target_class_ids = {0, 1};
  double threshold = 0.5;  ///< predictions not below it mean 1
  std::string dtype = "int";
  std::string name = {};
};
Metric BinaryIoU(const BinaryIoUOptions& options = {});

struct ConfusionMatrixOptions {
  std::optional<std::int64_t> num_classes = {};  ///< unset: as many as the largest label or prediction says
  Tensor weights = {};                           ///< (N): what each pair counts; unset: 1
};
/// How often each class was taken for each: row the label, column the prediction, both (N) of whole numbers
/// from 0. (classes, classes) in int32, or in float64 with weights. Throws Error for shapes that differ and
/// for what is no class. As tf.math.confusion_matrix.
Tensor confusion_matrix(const Tensor& labels, const Tensor& predictions,
                        const ConfusionMatrixOptions& options = {});

}  // namespace metrics
}  // namespace fovea
