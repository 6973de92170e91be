#pragma once

#include <cstdint>

#include "fovea/bfloat16.h"

namespace fovea::cpu {

// What batch normalisation does to rows of channels, on the calling thread. `T`, the data's type, is float or
// bfloat16; all else is float.

/// sums[c] += the sum over the rows of x - center[c], squares[c] that of its squares.
void add_distances(const float* x, const float* center, std::int64_t rows, std::int64_t channels,
                   double* sums, double* squares);
/// Gradients by a normalisation's result. With `after`, what a ReLU made of that, they are by the ReLU's
/// result: they count where 0 < after < largest, and go to `masked`, unless that is null, as far as they
/// count.
template <class T>
struct GradientRows {
  const T* x;
  const float* mean;
  const T* dy;
  const T* after;
  float largest;
  T* masked;
};
/// sums[c] += the sum over the rows of dy as far as it counts, products[c] that of it times x - mean[c].
void add_gradient_sums(const GradientRows<float>& g, std::int64_t rows, std::int64_t channels, double* sums,
                       double* products);
void add_gradient_sums(const GradientRows<bfloat16>& g, std::int64_t rows, std::int64_t channels,
                       double* sums, double* products);

/// Per channel: y = (x - mean - mean_rest) * factor + offset, mean_rest being what a float mean leaves out.
struct Normalisation {
  const float *mean, *mean_rest, *factor, *offset;
};
/// What becomes of y: `residual` is added, unless null; with relu, min(max(y, 0), largest).
template <class T>
struct RowEpilogue {
  const T* residual;
  bool relu;
  float largest;
  bool stream;  ///< write floats around the caches; y is aligned to vectors, rows are whole vectors
};
void normalise_rows(const Normalisation& n, const RowEpilogue<float>& epilogue, const float* x,
                    std::int64_t rows, std::int64_t channels, float* y);
void normalise_rows(const Normalisation& n, const RowEpilogue<bfloat16>& epilogue, const bfloat16* x,
                    std::int64_t rows, std::int64_t channels, bfloat16* y);

/// Per channel: dx = factor * (dy - dy_mean - (x - mean) * slope). `stream` as in RowEpilogue; `sums`, unless
/// null: the sum of dx over the rows is added to that.
struct NormalisationGradient {
  const float *mean, *factor, *dy_mean, *slope;
};
void normalisation_gradient_rows(const NormalisationGradient& n, const float* x, const float* dy,
                                 std::int64_t rows, std::int64_t channels, bool stream, float* dx,
                                 double* sums);
void normalisation_gradient_rows(const NormalisationGradient& n, const bfloat16* x, const bfloat16* dy,
                                 std::int64_t rows, std::int64_t channels, bool stream, bfloat16* dx,
                                 double* sums);

}  // namespace fovea::cpu
