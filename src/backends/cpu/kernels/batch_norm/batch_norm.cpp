#include "backends/cpu/kernels/batch_norm/batch_norm.h"

#include <cmath>

#include "backends/cpu/kernels/batch_norm/rows.h"
#include "backends/cpu/kernels/cut.h"
#include "backends/cpu/kernels/reduce/column_sums.h"

namespace fovea::cpu {
namespace {

/// The workspace: for each piece of rows two sums a channel, in double; then four floats a channel that the
/// last pass reads, and one more a channel and piece.
class Workspace {
 public:
  Workspace(const BatchNormShape& shape, void* memory)
      : pieces(pieces_of_rows(shape.rows, shape.channels)),
        channels_(shape.channels),
        doubles_(static_cast<double*>(memory)),
        floats_(reinterpret_cast<float*>(doubles_ + pieces.parts * 2 * channels_)) {}
  std::size_t bytes() const {
    return static_cast<std::size_t>(pieces.parts * 2 * channels_) * sizeof(double) +
           static_cast<std::size_t>((4 + pieces.parts) * channels_) * sizeof(float);
  }
  double* first(std::int64_t piece) const { return doubles_ + piece * 2 * channels_; }
  double* second(std::int64_t piece) const { return first(piece) + channels_; }
  float* coefficients(std::int64_t i) const { return floats_ + i * channels_; }
  float* center(std::int64_t piece) const { return floats_ + (4 + piece) * channels_; }

  const EvenParts pieces;

 private:
  std::int64_t channels_;
  double* doubles_;
  float* floats_;
};

/// A piece's means and sums of squared distances from them. A first pass finds where about the means are, the
/// second one measures from there; the piece stays in L2 between the two.
void piece_statistics(const BatchNormShape& s, const Numbers& x, const Workspace& w, std::int64_t piece) {
  const std::int64_t rows = w.pieces.size(piece);
  const float* from = x.read(w.pieces.begin(piece) * s.channels, rows * s.channels, 0);
  double *mean = w.first(piece), *squares = w.second(piece);
  float* center = w.center(piece);
  const auto count = static_cast<double>(rows);
  std::fill_n(mean, s.channels, 0.0);
  add_rows(from, rows, s.channels, mean);
  for (std::int64_t c = 0; c < s.channels; ++c) center[c] = static_cast<float>(mean[c] / count);
  std::fill_n(mean, 2 * s.channels, 0.0);
  add_distances(from, center, rows, s.channels, mean, squares);
  for (std::int64_t c = 0; c < s.channels; ++c) {
    const double rest = mean[c] / count;
    mean[c] = static_cast<double>(center[c]) + rest;
    squares[c] -= count * rest * rest;
  }
}

/// May results go around the caches? Large ones would be gone from these before anyone reads them.
bool streams(const BatchNormShape& s, const float* to) {
  return to != nullptr && s.rows * s.channels > kStreamFloats && s.channels % kMaxLanes == 0 &&
         reinterpret_cast<std::uintptr_t>(to) % (kMaxLanes * sizeof(float)) == 0;
}

/// strip(first element, rows) for each strip of a piece. Floats are read where they are, in one; bfloat16 in
/// strips that stay near by in L2 between the passes over them.
template <class Strip>
void for_strips(const BatchNormShape& s, Range rows, bool half, Strip&& strip) {
  constexpr std::int64_t kStripElements = 16 * 1024;
  const EvenParts strips(rows.size(), half ? std::max<std::int64_t>(1, kStripElements / s.channels)
                                           : std::max<std::int64_t>(1, rows.size()));
  for (std::int64_t i = 0; i < strips.parts; ++i)
    strip((rows.begin + strips.begin(i)) * s.channels, strips.size(i));
}

struct Statistics {
  double mean, variance;
};

Statistics join(const BatchNormShape& s, const Workspace& w, std::int64_t c) {
  const auto rows = static_cast<double>(s.rows);
  double mean = 0, squares = 0;
  for (std::int64_t piece = 0; piece < w.pieces.parts; ++piece) {
    mean += w.first(piece)[c] * static_cast<double>(w.pieces.size(piece));
  }
  mean /= rows;
  for (std::int64_t piece = 0; piece < w.pieces.parts; ++piece) {
    const double distance = w.first(piece)[c] - mean;
    squares += w.second(piece)[c] + static_cast<double>(w.pieces.size(piece)) * distance * distance;
  }
  return {mean, squares / rows};
}

}  // namespace

std::size_t batch_norm_workspace(const BatchNormShape& shape) { return Workspace(shape, nullptr).bytes(); }

void batch_norm_training(const BatchNormShape& s, const BatchNormTensors& t, void* workspace,
                         ThreadPool& pool) {
  const Workspace w(s, workspace);
  pool.parallel_for(w.pieces.parts, [&](std::int64_t piece) { piece_statistics(s, t.x, w, piece); });
  for (std::int64_t c = 0; c < s.channels; ++c) {
    const auto [mean, variance] = join(s, w, c);
    w.coefficients(0)[c] = static_cast<float>(mean);
    w.coefficients(1)[c] = static_cast<float>(mean - static_cast<double>(w.coefficients(0)[c]));
    w.coefficients(2)[c] =
        static_cast<float>(static_cast<double>(t.gamma[c]) / std::sqrt(variance + s.epsilon));
    w.coefficients(3)[c] = t.beta[c];
    if (t.mean != nullptr) t.mean[c] = static_cast<float>(mean);
    if (t.variance != nullptr) t.variance[c] = static_cast<float>(variance);
  }
  if (!t.y) return;
  const bool stream = streams(s, t.y.floats());
  const Normalisation n{w.coefficients(0), w.coefficients(1), w.coefficients(2), w.coefficients(3)};
  pool.parallel_for(w.pieces.parts, [&](std::int64_t piece) {
    for_strips(s, w.pieces.range(piece), t.x.halves(), [&](std::int64_t first, std::int64_t rows) {
      const std::int64_t count = rows * s.channels;
      const BatchNormEpilogue& e = t.epilogue;
      const RowEpilogue epilogue{e.residual.read(first, count, 1), e.relu, e.largest, stream};
      normalise_rows(n, epilogue, t.x.read(first, count, 0), rows, s.channels, t.y.begin(first, 2));
      t.y.end(first, count, 2);
    });
  });
}

void batch_norm_backward(const BatchNormShape& s, const BatchNormGradients& t, void* workspace,
                         ThreadPool& pool) {
  const Workspace w(s, workspace);
  const Results masked = t.masked_dy ? t.masked_dy : t.dx;
  pool.parallel_for(w.pieces.parts, [&](std::int64_t piece) {
    std::fill_n(w.first(piece), 2 * s.channels, 0.0);
    const bool writes = t.after && masked;
    for_strips(s, w.pieces.range(piece), t.x.halves(), [&](std::int64_t first, std::int64_t rows) {
      const std::int64_t count = rows * s.channels;
      const GradientRows gradients{
          t.x.read(first, count, 0),     t.mean,    t.dy.read(first, count, 1),
          t.after.read(first, count, 2), t.largest, writes ? masked.begin(first, 3) : nullptr};
      add_gradient_sums(gradients, rows, s.channels, w.first(piece), w.second(piece));
      if (writes) masked.end(first, count, 3);
    });
  });
  const auto rows = static_cast<double>(s.rows);
  for (std::int64_t c = 0; c < s.channels; ++c) {
    double dbeta = 0, products = 0;
    for (std::int64_t piece = 0; piece < w.pieces.parts; ++piece) {
      dbeta += w.first(piece)[c];
      products += w.second(piece)[c];
    }
    const double inverse = 1 / std::sqrt(static_cast<double>(t.variance[c]) + s.epsilon);
    const double dgamma = products * inverse;
    w.coefficients(0)[c] = static_cast<float>(static_cast<double>(t.gamma[c]) * inverse);
    w.coefficients(1)[c] = static_cast<float>(dbeta / rows);
    w.coefficients(2)[c] = static_cast<float>(inverse * dgamma / rows);
    if (t.dgamma != nullptr) t.dgamma[c] = static_cast<float>(dgamma);
    if (t.dbeta != nullptr) t.dbeta[c] = static_cast<float>(dbeta);
  }
  if (!t.dx) return;
  const NormalisationGradient n{t.mean, w.coefficients(0), w.coefficients(1), w.coefficients(2)};
  const Numbers dy = t.after ? masked.numbers() : t.dy;
  const bool stream = !(t.after && masked == t.dx) && streams(s, t.dx.floats());
  pool.parallel_for(w.pieces.parts, [&](std::int64_t piece) {
    for_strips(s, w.pieces.range(piece), t.x.halves(), [&](std::int64_t first, std::int64_t size) {
      const std::int64_t count = size * s.channels;
      normalisation_gradient_rows(n, t.x.read(first, count, 0), dy.read(first, count, 1), size, s.channels,
                                  stream, t.dx.begin(first, 2));
      t.dx.end(first, count, 2);
    });
  });
}

}  // namespace fovea::cpu
