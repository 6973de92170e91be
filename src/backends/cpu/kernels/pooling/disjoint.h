#pragma once

#include "backends/cpu/kernels/cut.h"
#include "backends/cpu/kernels/pooling/pooling.h"

namespace fovea::cpu {

/// Windows that no pixel shares with another one: the usual case, and one in which each element of dx comes
/// from one place.
inline bool windows_are_disjoint(const PoolShape& s) {
  return s.stride_h >= s.window_h && s.stride_w >= s.window_w;
}

/// Rows [n * height + h] of dx from dy and the winners of disjoint windows; sums[c] += their sum unless that
/// is null. dy counts times 1 where `source` > 0 and 0 elsewhere (the slope of a ReLU after the pooling)
/// unless that is null. `stream` writes around the caches: dx is at 64 bytes, the channels are a multiple of
/// kMaxLanes.
struct DisjointBackward {
  const float* dy;
  const std::uint8_t* winners;
  const float* source;
  float* dx;
  bool stream;
};
void disjoint_backward_rows(const PoolShape& shape, const DisjointBackward& tensors, Range rows,
                            double* sums);

}  // namespace fovea::cpu
