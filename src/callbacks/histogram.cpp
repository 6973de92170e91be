#include "callbacks/histogram.h"

#include <algorithm>
#include <cmath>

// Source: tensorboard/plugins/histogram/summary_v2.py, in the same order of operations: the edges have the
// same bits.

namespace fovea {

std::array<HistogramBucket, kHistogramBuckets> histogram_of(const Tensor& tensor) {
  std::array<HistogramBucket, kHistogramBuckets> buckets{};
  if (tensor.size() == 0) return buckets;
  const Tensor converted = tensor.dtype() == DType::float64 ? tensor : tensor.astype(DType::float64);
  const std::span<const double> values = converted.values<double>();

  double smallest = values[0], largest = values[0];
  for (const double value : values) {
    // Where one is NaN it stays: no comparison with it holds.
    if (std::isnan(value) || value < smallest) smallest = value;
    if (std::isnan(value) || value > largest) largest = value;
  }
  const double range = largest - smallest;
  if (range == 0) {
    buckets.fill({largest, largest, 0});
    buckets.back().count = static_cast<double>(values.size());
    return buckets;
  }
  const double width = range / kHistogramBuckets;
  const auto edge = [&](std::size_t i) {
    if (i == 0) return smallest;
    return i == buckets.size() ? largest : smallest + width * static_cast<double>(i);
  };
  for (std::size_t i = 0; i < buckets.size(); ++i) buckets[i] = {edge(i), edge(i + 1), 0};
  for (const double value : values) {
    const double place = std::floor((value - smallest) / width);
    if (std::isnan(place)) continue;  // of infinite elements
    const double last = kHistogramBuckets - 1;
    buckets[static_cast<std::size_t>(std::min(place, last))].count += 1;
  }
  return buckets;
}

}  // namespace fovea
