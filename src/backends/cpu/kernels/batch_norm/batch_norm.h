#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "backends/cpu/kernels/batch_norm/result_sums.h"
#include "backends/cpu/kernels/bfloat16/numbers.h"
#include "core/thread_pool.h"

namespace fovea::cpu {

/// Batch normalisation of x (rows, channels) with the batch's own statistics.
struct BatchNormShape {
  std::int64_t rows = 0, channels = 0;
  double epsilon = 0;
};

/// What becomes of each normalised element: min(relu(y + residual), largest).
struct BatchNormEpilogue {
  Numbers residual = {};  ///< as y, or none
  bool relu = false;
  float largest = std::numeric_limits<float>::infinity();  ///< with relu; ReLU6's is 6
};

struct BatchNormTensors {
  Numbers x;
  const float *gamma, *beta;
  Results y;               ///< none when nobody reads it
  float *mean, *variance;  ///< likewise
  BatchNormEpilogue epilogue = {};
};

std::size_t batch_norm_workspace(const BatchNormShape& shape);

/// y = epilogue(gamma (x - mean) / sqrt(variance + epsilon) + beta). Each piece of rows has a mean and a sum
/// of squared distances from it of its own; they are joined in double (Chan et al., "Updating formulae and a
/// pairwise algorithm for computing sample variances", 1979), so that a mean far from zero costs nothing.
void batch_norm_training(const BatchNormShape& shape, const BatchNormTensors& tensors, void* workspace,
                         ThreadPool& pool);

/// The same for an x whose sums a convolution has made, in that many pieces.
void batch_norm_training(const BatchNormShape& shape, const BatchNormTensors& tensors, const ResultSums& sums,
                         std::int64_t pieces, void* workspace, ThreadPool& pool);

struct BatchNormGradients {
  Numbers x;
  const float *gamma, *mean, *variance;
  Numbers dy;
  Results dx;             ///< none when nobody reads it
  float *dgamma, *dbeta;  ///< likewise
  float* dx_sums;         ///< the sum of dx over the rows, the gradient by a bias before; or none
  /// The result of a ReLU after it, or none: dy is the gradient by that, and counts where 0 < after <
  /// largest.
  Numbers after = {};
  float largest = std::numeric_limits<float>::infinity();
  Results masked_dy = {};  ///< the gradient by the ReLU's input, for others who read it, or none
};

/// With xhat = (x - mean) / sqrt(variance + epsilon): dbeta = sum dy, dgamma = sum dy xhat,
/// dx = gamma / sqrt(variance + epsilon) (dy - dbeta / rows - xhat dgamma / rows).
void batch_norm_backward(const BatchNormShape& shape, const BatchNormGradients& tensors, void* workspace,
                         ThreadPool& pool);

/// The same for a dy, masked by the ReLU, whose sums a convolution has made, in that many pieces; `after` is
/// none.
void batch_norm_backward(const BatchNormShape& shape, const BatchNormGradients& tensors,
                         const ResultSums& sums, std::int64_t pieces, void* workspace, ThreadPool& pool);

}  // namespace fovea::cpu
