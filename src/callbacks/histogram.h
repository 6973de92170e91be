#pragma once

#include <array>
#include <vector>

#include "fovea/tensor.h"

namespace fovea {

struct HistogramBucket {
  double left = 0, right = 0, count = 0;
};

constexpr int kHistogramBuckets = 30;

/// The buckets of tf.summary.histogram: kHistogramBuckets equal ones between the smallest and the largest
/// element, the last closed on both sides. Equal elements are counted in the last. With NaN among them the
/// edges are NaN and nothing is counted.
std::array<HistogramBucket, kHistogramBuckets> histogram_of(const Tensor& tensor);

}  // namespace fovea
