#pragma once

#include <vector>

#include "core/names.h"
#include "fovea/losses.h"
#include "fovea/ops.h"
#include "ops/composites.h"

namespace fovea {

// One function per row of the list in loss.cpp.
std::shared_ptr<LossImpl> make_binary_crossentropy();
std::shared_ptr<LossImpl> make_binary_focal_crossentropy();
std::shared_ptr<LossImpl> make_categorical_crossentropy();
std::shared_ptr<LossImpl> make_categorical_focal_crossentropy();
std::shared_ptr<LossImpl> make_sparse_categorical_crossentropy();
std::shared_ptr<LossImpl> make_mean_squared_error();
std::shared_ptr<LossImpl> make_mean_absolute_error();
std::shared_ptr<LossImpl> make_mean_absolute_percentage_error();
std::shared_ptr<LossImpl> make_mean_squared_logarithmic_error();
std::shared_ptr<LossImpl> make_log_cosh();
std::shared_ptr<LossImpl> make_poisson();
std::shared_ptr<LossImpl> make_kl_divergence();
std::shared_ptr<LossImpl> make_huber();
std::shared_ptr<LossImpl> make_cosine_similarity();
std::shared_ptr<LossImpl> make_hinge();
std::shared_ptr<LossImpl> make_squared_hinge();
std::shared_ptr<LossImpl> make_categorical_hinge();

/// The smallest probability that a cross-entropy takes a logarithm of (Keras' backend.epsilon()).
inline constexpr double kEpsilon = 1e-7;

/// x^exponent for x and exponent not below 0.
Value power(GraphBuilder& b, Value x, double exponent);
/// `axis` moved to the end.
Value axis_last(GraphBuilder& b, Value x, std::int64_t axis);

/// y_true in y_pred's dtype, both of one shape: where one has an axis of size 1 more at its end, Keras takes
/// it away, but that (N) beside (N, 1) becomes (N, 1). `squeezed` says that y_pred is another value now,
/// whose logits are not known.
struct SameShape {
  Value y_true, y_pred;
  bool squeezed = false;
};
SameShape same_shape(GraphBuilder& b, Value y_true, Value y_pred);

/// y (1 - smoothing) + smoothing / classes; y itself without smoothing.
Value smoothed(GraphBuilder& b, Value labels, double smoothing, double classes);
/// -(y log p + (1 - y) log(1 - p)) for each element, p clipped to [1e-7, 1 - 1e-7].
Value binary_crossentropy_of_probabilities(GraphBuilder& b, Value labels, Value p);
/// p / sum(p) over the last axis, clipped to [1e-7, 1 - 1e-7].
Value normalised_probabilities(GraphBuilder& b, Value p);

/// A loss without options of its own.
class PlainLoss final : public LossImpl {
 public:
  /// From labels and predictions of one shape and dtype.
  using Formula = Value (*)(GraphBuilder& b, Value y, Value p);
  PlainLoss(std::string_view class_name, Formula formula) : class_name_(class_name), formula_(formula) {
    name = snake_case(class_name);
  }
  std::string_view class_name() const override { return class_name_; }
  Value values(GraphBuilder& b, Value y_true, Value y_pred, Value) const override {
    const SameShape same = same_shape(b, y_true, y_pred);
    return formula_(b, same.y_true, same.y_pred);
  }

 private:
  std::string_view class_name_;
  Formula formula_;
};

/// The options that all losses share.
template <class Options>
Loss with_options(const std::shared_ptr<LossImpl>& impl, const Options& options) {
  impl->reduction = options.reduction;
  if (!options.name.empty()) impl->name = options.name;
  return Loss(impl);
}

}  // namespace fovea
