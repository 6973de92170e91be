#pragma once

#include <cstdint>
#include <limits>

#include "backends/cpu/kernels/cut.h"

namespace fovea::cpu {

/// What a batch normalisation wants to know of the results of a convolution, summed per channel while these
/// are in registers: a pass over memory less. The convolution cuts its pixels into pieces, by shape alone,
/// and each piece has sums of its own.
///
/// Behind the forward pass (`x` is null) they are those of the results' distances from a center, and of their
/// squares; the center is the first result of the piece. Behind the gradient by the input, which is then the
/// gradient by a normalisation's result, they are those of the gradient, and of it times x - mean.
struct ResultSums {
  std::int64_t channels = 0;
  float* memory = nullptr;         ///< floats(pieces, channels)
  const float* results = nullptr;  ///< where the results of all pieces begin; what follows is laid out alike
  const float* x = nullptr;        ///< what was normalised
  const float* mean = nullptr;     ///< (channels)
  const float* after = nullptr;    ///< a ReLU's result, or null: gradients count, and are kept, where
  float largest = std::numeric_limits<float>::infinity();  ///< 0 < after < largest

  static std::int64_t piece_floats(std::int64_t channels) {
    return kMaxLanes + 3 * round_up(channels, kMaxLanes);
  }
  static std::int64_t floats(std::int64_t pieces, std::int64_t channels) {
    return pieces * piece_floats(channels);
  }
  /// Pixels of a piece.
  float* count(std::int64_t piece) const { return memory + piece * piece_floats(channels); }
  float* center(std::int64_t piece) const { return count(piece) + kMaxLanes; }
  float* first(std::int64_t piece) const { return center(piece) + round_up(channels, kMaxLanes); }
  float* second(std::int64_t piece) const { return first(piece) + round_up(channels, kMaxLanes); }
};

}  // namespace fovea::cpu
