#pragma once

#include <vector>

#include "core/names.h"
#include "fovea/losses.h"
#include "fovea/ops.h"

namespace fovea {

// One function per row of the list in loss.cpp.
std::shared_ptr<LossImpl> make_binary_crossentropy();
std::shared_ptr<LossImpl> make_categorical_crossentropy();
std::shared_ptr<LossImpl> make_sparse_categorical_crossentropy();
std::shared_ptr<LossImpl> make_mean_squared_error();
std::shared_ptr<LossImpl> make_mean_absolute_error();

/// The smallest probability that a cross-entropy takes a logarithm of (Keras' backend.epsilon()).
inline constexpr double kEpsilon = 1e-7;

/// A scalar of x's dtype.
Value scalar(GraphBuilder& b, Value x, double number);
/// Between low and high, without a gradient where it is cut.
Value clip(GraphBuilder& b, Value x, double low, double high);
/// `axis` moved to the end.
Value axis_last(GraphBuilder& b, Value x, std::int64_t axis);
/// Labels of lower rank get the missing last axis of size 1, as Keras does: (N) beside (N, 1).
Value like_predictions(GraphBuilder& b, Value y_true, Value y_pred);

}  // namespace fovea
