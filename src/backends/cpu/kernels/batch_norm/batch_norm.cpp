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

/// run.operator()<T>() for the data's type.
template <class Run>
void with_data_type(const Numbers& x, Run&& run) {
  x.halves() ? run.template operator()<bfloat16>() : run.template operator()<float>();
}

template <class T>
auto* offset_by(T* data, std::int64_t first) {
  return data == nullptr ? nullptr : data + first;
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

/// Channels whose sums are joined as one piece of work.
constexpr std::int64_t kJoinedChannels = 32;

/// join(first channel, last) for all channels, each on one thread.
template <class Join>
void for_channels(std::int64_t channels, ThreadPool& pool, Join&& join) {
  const EvenParts parts(channels, kJoinedChannels);
  pool.parallel_for(parts.parts, [&](std::int64_t i) { join(parts.begin(i), parts.range(i).end); });
}

/// Joins means and squared distances, as join() does, piece after piece; mean and squares start at zero.
void join_sums(const ResultSums& sums, std::int64_t pieces, std::int64_t begin, std::int64_t end,
               double* mean, double* squares) {
  double rows = 0;
  for (std::int64_t piece = 0; piece < pieces; ++piece) {
    const double count = *sums.count(piece), before = rows;
    const float *center = sums.center(piece), *first = sums.first(piece), *second = sums.second(piece);
    rows += count;
    for (std::int64_t c = begin; c < end; ++c) {
      const double sum = first[c], of_piece = static_cast<double>(center[c]) + sum / count;
      const double distance = of_piece - mean[c];
      mean[c] += distance * (count / rows);
      squares[c] +=
          static_cast<double>(second[c]) - sum * sum / count + distance * distance * (before * count / rows);
    }
  }
}

/// What is written, and what the last pass reads, of a channel's statistics.
void set_statistics(const BatchNormShape& s, const BatchNormTensors& t, const Workspace& w, std::int64_t c,
                    Statistics of) {
  w.coefficients(0)[c] = static_cast<float>(of.mean);
  w.coefficients(1)[c] = static_cast<float>(of.mean - static_cast<double>(w.coefficients(0)[c]));
  w.coefficients(2)[c] =
      static_cast<float>(static_cast<double>(t.gamma[c]) / std::sqrt(of.variance + s.epsilon));
  w.coefficients(3)[c] = t.beta[c];
  if (t.mean != nullptr) t.mean[c] = static_cast<float>(of.mean);
  if (t.variance != nullptr) t.variance[c] = static_cast<float>(of.variance);
}

/// The last pass forward.
void normalise(const BatchNormShape& s, const BatchNormTensors& t, const Workspace& w, ThreadPool& pool) {
  if (!t.y) return;
  const bool stream = streams(s, t.y.data<float>());
  const Normalisation n{w.coefficients(0), w.coefficients(1), w.coefficients(2), w.coefficients(3)};
  with_data_type(t.x, [&]<class T>() {
    pool.parallel_for(w.pieces.parts, [&](std::int64_t piece) {
      const std::int64_t first = w.pieces.begin(piece) * s.channels;
      const BatchNormEpilogue& e = t.epilogue;
      const RowEpilogue<T> epilogue{offset_by(e.residual.data<T>(), first), e.relu, e.largest, stream};
      normalise_rows(n, epilogue, t.x.data<T>() + first, w.pieces.size(piece), s.channels,
                     t.y.data<T>() + first);
    });
  });
}

/// What is written, and what the last pass reads, of a channel's sums of dy and of dy (x - mean).
void set_gradients(const BatchNormShape& s, const BatchNormGradients& t, const Workspace& w, std::int64_t c,
                   double dbeta, double products) {
  const auto rows = static_cast<double>(s.rows);
  const double inverse = 1 / std::sqrt(static_cast<double>(t.variance[c]) + s.epsilon);
  const double dgamma = products * inverse;
  w.coefficients(0)[c] = static_cast<float>(static_cast<double>(t.gamma[c]) * inverse);
  w.coefficients(1)[c] = static_cast<float>(dbeta / rows);
  w.coefficients(2)[c] = static_cast<float>(inverse * dgamma / rows);
  if (t.dgamma != nullptr) t.dgamma[c] = static_cast<float>(dgamma);
  if (t.dbeta != nullptr) t.dbeta[c] = static_cast<float>(dbeta);
}

/// The last pass backward: dx, and its sums.
void gradient_by_input(const BatchNormShape& s, const BatchNormGradients& t, Numbers dy, bool stream,
                       const Workspace& w, ThreadPool& pool) {
  if (!t.dx) return;
  const NormalisationGradient n{t.mean, w.coefficients(0), w.coefficients(1), w.coefficients(2)};
  with_data_type(t.x, [&]<class T>() {
    pool.parallel_for(w.pieces.parts, [&](std::int64_t piece) {
      const std::int64_t first = w.pieces.begin(piece) * s.channels;
      double* const sums = t.dx_sums == nullptr ? nullptr : w.first(piece);
      if (sums != nullptr) std::fill_n(sums, s.channels, 0.0);
      normalisation_gradient_rows(n, t.x.data<T>() + first, dy.data<T>() + first, w.pieces.size(piece),
                                  s.channels, stream, t.dx.data<T>() + first, sums);
    });
  });
  for (std::int64_t c = 0; t.dx_sums != nullptr && c < s.channels; ++c) {
    double sum = 0;
    for (std::int64_t piece = 0; piece < w.pieces.parts; ++piece) sum += w.first(piece)[c];
    t.dx_sums[c] = static_cast<float>(sum);
  }
}

}  // namespace

std::size_t batch_norm_workspace(const BatchNormShape& shape) { return Workspace(shape, nullptr).bytes(); }

void batch_norm_training(const BatchNormShape& s, const BatchNormTensors& t, void* workspace,
                         ThreadPool& pool) {
  const Workspace w(s, workspace);
  pool.parallel_for(w.pieces.parts, [&](std::int64_t piece) { piece_statistics(s, t.x, w, piece); });
  for (std::int64_t c = 0; c < s.channels; ++c) set_statistics(s, t, w, c, join(s, w, c));
  normalise(s, t, w, pool);
}

void batch_norm_training(const BatchNormShape& s, const BatchNormTensors& t, const ResultSums& sums,
                         std::int64_t pieces, void* workspace, ThreadPool& pool) {
  const Workspace w(s, workspace);
  double *const mean = w.first(0), *const squares = w.second(0);
  for_channels(s.channels, pool, [&](std::int64_t begin, std::int64_t end) {
    std::fill(mean + begin, mean + end, 0.0);
    std::fill(squares + begin, squares + end, 0.0);
    join_sums(sums, pieces, begin, end, mean, squares);
    for (std::int64_t c = begin; c < end; ++c)
      set_statistics(s, t, w, c, {mean[c], std::max(0.0, squares[c]) / static_cast<double>(s.rows)});
  });
  normalise(s, t, w, pool);
}

void batch_norm_backward(const BatchNormShape& s, const BatchNormGradients& t, void* workspace,
                         ThreadPool& pool) {
  const Workspace w(s, workspace);
  const Results masked = t.masked_dy ? t.masked_dy : t.dx;
  with_data_type(t.x, [&]<class T>() {
    pool.parallel_for(w.pieces.parts, [&](std::int64_t piece) {
      const std::int64_t first = w.pieces.begin(piece) * s.channels;
      std::fill_n(w.first(piece), 2 * s.channels, 0.0);
      const GradientRows<T> gradients{t.x.data<T>() + first,
                                      t.mean,
                                      t.dy.data<T>() + first,
                                      offset_by(t.after.data<T>(), first),
                                      t.largest,
                                      t.after ? offset_by(masked.data<T>(), first) : nullptr};
      add_gradient_sums(gradients, w.pieces.size(piece), s.channels, w.first(piece), w.second(piece));
    });
  });
  for (std::int64_t c = 0; c < s.channels; ++c) {
    double dbeta = 0, products = 0;
    for (std::int64_t piece = 0; piece < w.pieces.parts; ++piece) {
      dbeta += w.first(piece)[c];
      products += w.second(piece)[c];
    }
    set_gradients(s, t, w, c, dbeta, products);
  }
  const bool in_place = t.after && masked == t.dx;
  gradient_by_input(s, t, t.after ? masked.numbers() : t.dy, !in_place && streams(s, t.dx.data<float>()), w,
                    pool);
}

void batch_norm_backward(const BatchNormShape& s, const BatchNormGradients& t, const ResultSums& sums,
                         std::int64_t pieces, void* workspace, ThreadPool& pool) {
  const Workspace w(s, workspace);
  double *const dbeta = w.first(0), *const products = w.second(0);
  for_channels(s.channels, pool, [&](std::int64_t begin, std::int64_t end) {
    std::fill(dbeta + begin, dbeta + end, 0.0);
    std::fill(products + begin, products + end, 0.0);
    for (std::int64_t piece = 0; piece < pieces; ++piece) {
      const float *const first = sums.first(piece), *const second = sums.second(piece);
      for (std::int64_t c = begin; c < end; ++c) {
        dbeta[c] += static_cast<double>(first[c]);
        products[c] += static_cast<double>(second[c]);
      }
    }
    for (std::int64_t c = begin; c < end; ++c) set_gradients(s, t, w, c, dbeta[c], products[c]);
  });
  const bool in_place = t.dy.data<float>() == t.dx.data<float>();
  gradient_by_input(s, t, t.dy, !in_place && streams(s, t.dx.data<float>()), w, pool);
}

}  // namespace fovea::cpu
