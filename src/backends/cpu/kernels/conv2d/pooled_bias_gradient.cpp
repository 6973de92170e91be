#include "backends/cpu/kernels/conv2d/pooled_gradient.h"
#include "backends/cpu/kernels/cut.h"
#include "backends/cpu/kernels/elementwise/unary.h"
#include "backends/cpu/kernels/reduce/column_sums.h"
#include "core/thread_scratch.h"

namespace fovea::cpu {
namespace {

/// Pixels of the pooled maps, in pieces whose rows fit into a thread's scratch memory.
EvenParts pieces_of(const Conv2DShape& s) {
  return pieces_of_rows(s.batch * (s.out_height / 2) * (s.out_width / 2), s.filters);
}

}  // namespace

std::size_t pooled_bias_gradient_workspace(const Conv2DShape& shape) {
  return static_cast<std::size_t>(pieces_of(shape).parts * shape.filters) * sizeof(double);
}

void pooled_bias_gradient(const Conv2DShape& s, const PooledGradient& gradient, float* db, void* workspace,
                          ThreadPool& pool) {
  const EvenParts pieces = pieces_of(s);
  auto* const sums = static_cast<double*>(workspace);
  pool.parallel_for(pieces.parts, [&](std::int64_t piece) {
    double* const own = sums + piece * s.filters;
    std::fill_n(own, s.filters, 0.0);
    const Range rows = pieces.range(piece);
    const float* dy = gradient.dy + rows.begin * s.filters;
    if (gradient.after != nullptr) {
      auto* const masked = reinterpret_cast<float*>(thread_scratch());
      unary_backward(UnaryKind::relu, {}, gradient.after + rows.begin * s.filters, dy, masked,
                     rows.size() * s.filters);
      dy = masked;
    }
    add_rows(dy, rows.size(), s.filters, own);
  });
  add_parts(sums, pieces.parts, s.filters, 1, db);
}

}  // namespace fovea::cpu
