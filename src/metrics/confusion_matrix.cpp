#include "metrics/confusion_matrix.h"

#include <cmath>

#include "core/format.h"
#include "metrics/metric_support.h"

namespace fovea::metrics {
namespace {

std::int64_t class_at(const char* what, const Reader& values, std::int64_t i) {
  const double value = values[i];
  if (!(value >= 0 && value < 1e15) || value != std::floor(value))
    fail("confusion_matrix: {} must be whole numbers from 0. Received: {}", what, value);
  return static_cast<std::int64_t>(value);
}

}  // namespace

Tensor confusion_matrix(const Tensor& labels, const Tensor& predictions,
                        const ConfusionMatrixOptions& options) {
  if (labels.shape().rank() != 1 || !(predictions.shape() == labels.shape())) {
    fail("confusion_matrix: labels and predictions must be of one shape (N). Received: {} and {}",
         labels.shape().str(), predictions.shape().str());
  }
  const bool weighted = options.weights.size() > 0;
  if (weighted && !(options.weights.shape() == labels.shape())) {
    fail("confusion_matrix: weights must have the labels' shape {}. Received: {}", labels.shape().str(),
         options.weights.shape().str());
  }
  const Reader label(labels), prediction(predictions), weight(options.weights);
  std::int64_t classes = options.num_classes.value_or(0);
  for (std::int64_t i = 0; i < labels.size(); ++i) {
    for (const std::int64_t value : {class_at("labels", label, i), class_at("predictions", prediction, i)}) {
      if (options.num_classes && value >= *options.num_classes) {
        fail("confusion_matrix: {} is not one of {} classes, from 0 to {}", value, *options.num_classes,
             *options.num_classes - 1);
      }
      classes = std::max(classes, value + 1);
    }
  }
  ConfusionMatrix matrix(classes);
  for (std::int64_t i = 0; i < labels.size(); ++i) {
    matrix.add(class_at("labels", label, i), class_at("predictions", prediction, i),
               weighted ? weight[i] : 1.0);
  }
  Tensor result({classes, classes}, weighted ? DType::float64 : DType::int32);
  for (std::int64_t i = 0; i < result.size(); ++i) {
    const double count = matrix.at(i / classes, i % classes);
    if (weighted) {
      result.data<double>()[i] = count;
    } else {
      result.data<std::int32_t>()[i] = static_cast<std::int32_t>(count);
    }
  }
  return result;
}

}  // namespace fovea::metrics
