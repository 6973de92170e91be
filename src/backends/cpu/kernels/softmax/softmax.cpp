#include "backends/cpu/kernels/softmax/softmax.h"

#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/softmax/softmax.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "backends/cpu/kernels/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

/// `value` in the first `used` lanes, `other` above.
HWY_INLINE Vector first_lanes(Vector value, std::int64_t used, float other) {
  const D d;
  if (used == lane_count()) return value;
  return hn::IfThenElse(hn::FirstN(d, static_cast<std::size_t>(used)), value, hn::Set(d, other));
}

/// The largest element. With a NaN it may be any element: the sum of exponentials then tells.
HWY_INLINE float largest_of(const float* x, std::int64_t size) {
  const D d;
  constexpr float kLowest = -std::numeric_limits<float>::infinity();
  Vector largest = hn::Set(d, kLowest);
  for_vectors(size, [&](std::int64_t i, std::int64_t used) HWY_ATTR {
    largest = hn::Max(largest, first_lanes(load_first(x + i, used), used, kLowest));
  });
  return hn::GetLane(hn::MaxOfLanes(d, largest));
}

/// The sum of f(i, used), a vector for the elements from i on, over a row.
template <class Function>
HWY_INLINE float row_sum(std::int64_t size, Function&& f) {
  const D d;
  Vector sum = hn::Zero(d);
  for_vectors(size, [&](std::int64_t i, std::int64_t used)
                        HWY_ATTR { sum = hn::Add(sum, first_lanes(f(i, used), used, 0.0F)); });
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

HWY_INLINE float exponential_sum(const float* x, std::int64_t size, float largest) {
  const Vector top = hn::Set(D(), largest);
  return row_sum(size, [&](std::int64_t i, std::int64_t used)
                           HWY_ATTR { return exp_of(hn::Sub(load_first(x + i, used), top)); });
}

HWY_INLINE Vector log_of_sum(float sum) { return log_of(hn::Set(D(), sum)); }

void softmax_row(std::int64_t size, const float* x, float* y) {
  const float largest = largest_of(x, size);
  const Vector top = hn::Set(D(), largest);
  const float sum = row_sum(size, [&](std::int64_t i, std::int64_t used) HWY_ATTR {
    const Vector e = exp_of(hn::Sub(load_first(x + i, used), top));
    store_first(e, y + i, used);
    return e;
  });
  const Vector divisor = hn::Set(D(), sum);
  for_vectors(size, [&](std::int64_t i, std::int64_t used)
                        HWY_ATTR { store_first(hn::Div(load_first(y + i, used), divisor), y + i, used); });
}

void log_softmax_row(std::int64_t size, const float* x, float* y) {
  const float largest = largest_of(x, size);
  const Vector top = hn::Set(D(), largest);
  const Vector log_sum = log_of_sum(exponential_sum(x, size, largest));
  for_vectors(size, [&](std::int64_t i, std::int64_t used) HWY_ATTR {
    store_first(hn::Sub(hn::Sub(load_first(x + i, used), top), log_sum), y + i, used);
  });
}

void softmax_backward_row(bool log, std::int64_t size, const float* y, const float* dy, float* dx) {
  const Vector sum = hn::Set(D(), row_sum(size, [&](std::int64_t i, std::int64_t used) HWY_ATTR {
                               const Vector g = load_first(dy + i, used);
                               return log ? g : hn::Mul(g, load_first(y + i, used));
                             }));
  for_vectors(size, [&](std::int64_t i, std::int64_t used) HWY_ATTR {
    const Vector v = load_first(y + i, used), g = load_first(dy + i, used);
    const Vector result = log ? hn::NegMulAdd(exp_of(v), sum, g) : hn::Mul(v, hn::Sub(g, sum));
    store_first(result, dx + i, used);
  });
}

float cross_entropy_row(std::int64_t size, const float* x, const float* t) {
  const float largest = largest_of(x, size);
  const Vector top = hn::Set(D(), largest);
  const Vector log_sum = log_of_sum(exponential_sum(x, size, largest));
  return row_sum(size, [&](std::int64_t i, std::int64_t used) HWY_ATTR {
    const Vector distance = hn::Sub(log_sum, hn::Sub(load_first(x + i, used), top));
    return hn::Mul(load_first(t + i, used), distance);
  });
}

void run_softmax(bool log, std::int64_t rows, std::int64_t size, const float* x, float* y, ThreadPool& pool) {
  const EvenParts pieces = pieces_of_rows(rows, 2 * size);
  pool.parallel_for(pieces.parts, [&](std::int64_t piece) {
    for (std::int64_t row = pieces.begin(piece); row < pieces.range(piece).end; ++row) {
      if (log) {
        log_softmax_row(size, x + row * size, y + row * size);
      } else {
        softmax_row(size, x + row * size, y + row * size);
      }
    }
  });
}

void run_softmax_backward(bool log, std::int64_t rows, std::int64_t size, const float* y, const float* dy,
                          float* dx, ThreadPool& pool) {
  const EvenParts pieces = pieces_of_rows(rows, 3 * size);
  pool.parallel_for(pieces.parts, [&](std::int64_t piece) {
    for (std::int64_t row = pieces.begin(piece); row < pieces.range(piece).end; ++row) {
      softmax_backward_row(log, size, y + row * size, dy + row * size, dx + row * size);
    }
  });
}

void run_cross_entropy(std::int64_t rows, std::int64_t size, const float* x, const float* t, float* loss,
                       ThreadPool& pool) {
  const EvenParts pieces = pieces_of_rows(rows, 2 * size);
  pool.parallel_for(pieces.parts, [&](std::int64_t piece) {
    for (std::int64_t row = pieces.begin(piece); row < pieces.range(piece).end; ++row) {
      loss[row] = cross_entropy_row(size, x + row * size, t + row * size);
    }
  });
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

HWY_EXPORT(run_softmax);
HWY_EXPORT(run_softmax_backward);
HWY_EXPORT(run_cross_entropy);

void softmax(bool log, std::int64_t rows, std::int64_t size, const float* x, float* y, ThreadPool& pool) {
  HWY_DYNAMIC_DISPATCH(run_softmax)(log, rows, size, x, y, pool);
}

void softmax_backward(bool log, std::int64_t rows, std::int64_t size, const float* y, const float* dy,
                      float* dx, ThreadPool& pool) {
  HWY_DYNAMIC_DISPATCH(run_softmax_backward)(log, rows, size, y, dy, dx, pool);
}

void softmax_cross_entropy(std::int64_t rows, std::int64_t size, const float* x, const float* t, float* loss,
                           ThreadPool& pool) {
  HWY_DYNAMIC_DISPATCH(run_cross_entropy)(rows, size, x, t, loss, pool);
}

}  // namespace fovea::cpu
#endif
