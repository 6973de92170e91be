#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/fields.h"
#include "fovea/graph.h"

namespace fovea {

/// Labels lie in [low, high], perhaps whole numbers only; `except` is allowed all the same.
struct LabelRule {
  double low = 0, high = 1;
  bool whole = false;
  std::optional<std::int64_t> except = {};
};

/// What training makes small: a value for each sample (or pixel), weighted and reduced to a number. Derive
/// from it to bring your own, made of fovea/ops.h.
class LossImpl : public Configurable {
 public:
  /// Values before weights and reduction, y_pred's shape without its last axis. `logits` is what went into
  /// the sigmoid or softmax that made y_pred, or empty: losses of probabilities use it, as Keras on
  /// TensorFlow does.
  virtual Value values(GraphBuilder& b, Value y_true, Value y_pred, Value logits) const = 0;
  /// 1 for samples (or pixels) that count, 0 for others, shaped as values(); empty: all count.
  virtual Value mask(GraphBuilder& b, Value y_true, Value y_pred) const;
  /// What labels may be, given the shape of y_pred; nothing: any number.
  virtual std::optional<LabelRule> label_rule(const Shape& y_pred) const;
  void fields(FieldVisitor& visitor) override;

  std::string name;
  /// "sum_over_batch_size" (the mean over all values), "mean", "sum", "mean_with_sample_weight", "none".
  std::string reduction = "sum_over_batch_size";
};

/// A handle; built from Keras' names: "binary_crossentropy", "bce", "mse", "MeanSquaredError", "kld", ...
/// Throws Error for an unknown one.
class Loss {
 public:
  Loss() = default;
  Loss(std::string_view name);
  Loss(const char* name) : Loss(std::string_view(name)) {}
  Loss(const std::string& name) : Loss(std::string_view(name)) {}
  explicit Loss(std::shared_ptr<LossImpl> impl) : impl_(std::move(impl)) {}

  const std::shared_ptr<LossImpl>& impl() const { return impl_; }
  explicit operator bool() const { return impl_ != nullptr; }
  /// The name it was made from, which is how Keras saves it; empty for an object.
  const std::string& identifier() const { return identifier_; }

 private:
  std::shared_ptr<LossImpl> impl_;
  std::string identifier_;
};

/// Visits a loss as a nested object.
void field(FieldVisitor& visitor, std::string_view name, Loss& value);

namespace losses {

struct BinaryCrossentropyOptions {
  bool from_logits = false;
  double label_smoothing = 0;
  std::int64_t axis = -1;
  std::string reduction = "sum_over_batch_size";
  std::string name = "binary_crossentropy";
};
/// -(y log p + (1 - y) log(1 - p)), p clipped to [1e-7, 1 - 1e-7] unless logits are known.
Loss BinaryCrossentropy(const BinaryCrossentropyOptions& options = {});

struct CategoricalCrossentropyOptions {
  bool from_logits = false;
  double label_smoothing = 0;
  std::int64_t axis = -1;
  std::string reduction = "sum_over_batch_size";
  std::string name = "categorical_crossentropy";
};
/// -sum(y log p) over the classes; labels are one-hot, p is normalised and clipped unless logits are known.
Loss CategoricalCrossentropy(const CategoricalCrossentropyOptions& options = {});

struct SparseCategoricalCrossentropyOptions {
  bool from_logits = false;
  std::optional<std::int64_t> ignore_class = {};
  std::int64_t axis = -1;
  std::string reduction = "sum_over_batch_size";
  std::string name = "sparse_categorical_crossentropy";
};
/// -log p[label]; labels are integers.
Loss SparseCategoricalCrossentropy(const SparseCategoricalCrossentropyOptions& options = {});

/// Of losses that have no others.
struct LossOptions {
  std::string reduction = "sum_over_batch_size";
  std::string name = {};  ///< empty: the loss' own
};
/// mean((y - p)^2) over the last axis.
Loss MeanSquaredError(const LossOptions& options = {});
/// mean(|y - p|) over the last axis.
Loss MeanAbsoluteError(const LossOptions& options = {});
/// 100 mean(|y - p| / max(|y|, 1e-7)) over the last axis.
Loss MeanAbsolutePercentageError(const LossOptions& options = {});
/// mean((log(1 + p) - log(1 + y))^2) over the last axis; labels and predictions below 1e-7 count as that.
Loss MeanSquaredLogarithmicError(const LossOptions& options = {});
/// mean(log(cosh(p - y))) over the last axis: half the square near 0, the absolute value far from it.
Loss LogCosh(const LossOptions& options = {});
/// mean(p - y log(p + 1e-7)) over the last axis.
Loss Poisson(const LossOptions& options = {});
/// sum(y log(y / p)) over the last axis, both between 1e-7 and 1.
Loss KLDivergence(const LossOptions& options = {});
/// mean(max(1 - y p, 0)) over the last axis. Labels are -1 and 1; when all of a batch are 0 or 1, 0 counts
/// as -1.
Loss Hinge(const LossOptions& options = {});
/// mean(max(1 - y p, 0)^2) over the last axis, labels as for Hinge.
Loss SquaredHinge(const LossOptions& options = {});
/// max(max((1 - y) p) - sum(y p) + 1, 0) over the last axis; labels are one-hot.
Loss CategoricalHinge(const LossOptions& options = {});

struct HuberOptions {
  double delta = 1;  ///< where the square goes over into a line
  std::string reduction = "sum_over_batch_size";
  std::string name = "huber_loss";
};
/// The mean over the last axis of e^2 / 2 where |e| <= delta, else delta |e| - delta^2 / 2; e = p - y. Keras
/// does not save delta; fovea does, where it is not 1.
Loss Huber(const HuberOptions& options = {});

struct CosineSimilarityOptions {
  std::int64_t axis = -1;
  std::string reduction = "sum_over_batch_size";
  std::string name = "cosine_similarity";
};
/// -sum(y p) over `axis`, both scaled to length 1: -1 where they point the same way. Keras does not save the
/// axis; fovea does, where it is not -1.
Loss CosineSimilarity(const CosineSimilarityOptions& options = {});

struct BinaryFocalCrossentropyOptions {
  bool apply_class_balancing = false;
  double alpha = 0.25;  ///< weight of class 1, that of class 0 being 1 - alpha; with apply_class_balancing
  double gamma = 2;     ///< how much less what is right already counts
  bool from_logits = false;
  double label_smoothing = 0;
  std::int64_t axis = -1;
  std::string reduction = "sum_over_batch_size";
  std::string name = "binary_focal_crossentropy";
};
/// (1 - p_t)^gamma times the binary cross-entropy, p_t being the probability of what is right. Source: Lin et
/// al. 2018.
Loss BinaryFocalCrossentropy(const BinaryFocalCrossentropyOptions& options = {});

struct CategoricalFocalCrossentropyOptions {
  Numbers alpha = 0.25;  ///< a weight for all classes, or one for each
  double gamma = 2;
  bool from_logits = false;
  double label_smoothing = 0;
  std::int64_t axis = -1;
  std::string reduction = "sum_over_batch_size";
  std::string name = "categorical_focal_crossentropy";
};
/// -sum(alpha (1 - p)^gamma y log p) over the classes; p is normalised and clipped.
Loss CategoricalFocalCrossentropy(const CategoricalFocalCrossentropyOptions& options = {});

}  // namespace losses
}  // namespace fovea
