#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

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

/// A handle; built from Keras' names: "binary_crossentropy", "bce", "mse", "MeanSquaredError", ... Throws
/// Error for an unknown one.
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

struct RegressionOptions {
  std::string reduction = "sum_over_batch_size";
  std::string name = {};  ///< empty: the loss' own
};
/// mean((y - p)^2) over the last axis.
Loss MeanSquaredError(const RegressionOptions& options = {});
/// mean(|y - p|) over the last axis.
Loss MeanAbsoluteError(const RegressionOptions& options = {});

}  // namespace losses
}  // namespace fovea
