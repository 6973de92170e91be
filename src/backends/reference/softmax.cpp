#include "ops/softmax.h"

#include <algorithm>
#include <cmath>

#include "backends/reference/reference.h"

namespace fovea {
namespace {

/// max + log(sum(exp(x - max))) of a row.
template <class T>
double log_sum_exp(const T* x, std::int64_t size) {
  const double largest = static_cast<double>(*std::max_element(x, x + size));
  double sum = 0;
  for (std::int64_t i = 0; i < size; ++i) sum += std::exp(static_cast<double>(x[i]) - largest);
  return largest + std::log(sum);
}

}  // namespace

void reference_Softmax(const ReferenceCall& call) {
  const bool log = static_cast<const SoftmaxOp&>(call.op).log;
  const Shape& shape = call.output_specs[0].shape;
  const std::int64_t size = shape[-1];
  with_float_type(call.output_specs[0].dtype, [&]<class T>() {
    for (std::int64_t row = 0; row < shape.elements(); row += size) {
      const T* x = call.input<T>(0) + row;
      const double total = log_sum_exp(x, size);
      for (std::int64_t i = 0; i < size; ++i) {
        const double value = static_cast<double>(x[i]) - total;
        call.output<T>()[row + i] = static_cast<T>(log ? value : std::exp(value));
      }
    }
  });
}

void reference_SoftmaxBackward(const ReferenceCall& call) {
  const bool log = static_cast<const SoftmaxBackwardOp&>(call.op).log;
  const Shape& shape = call.output_specs[0].shape;
  const std::int64_t size = shape[-1];
  with_float_type(call.output_specs[0].dtype, [&]<class T>() {
    for (std::int64_t row = 0; row < shape.elements(); row += size) {
      const T *y = call.input<T>(0) + row, *dy = call.input<T>(1) + row;
      double sum = 0;
      for (std::int64_t i = 0; i < size; ++i)
        sum += static_cast<double>(dy[i]) * (log ? 1 : static_cast<double>(y[i]));
      for (std::int64_t i = 0; i < size; ++i) {
        const double value = static_cast<double>(y[i]), gradient = static_cast<double>(dy[i]);
        call.output<T>()[row + i] =
            static_cast<T>(log ? gradient - std::exp(value) * sum : value * (gradient - sum));
      }
    }
  });
}

void reference_SoftmaxCrossEntropy(const ReferenceCall& call) {
  const Shape& shape = call.input_specs[0].shape;
  const std::int64_t size = shape[-1];
  with_float_type(call.output_specs[0].dtype, [&]<class T>() {
    for (std::int64_t row = 0; row < call.output_specs[0].shape.elements(); ++row) {
      const T *x = call.input<T>(0) + row * size, *t = call.input<T>(1) + row * size;
      const double total = log_sum_exp(x, size);
      double loss = 0;
      for (std::int64_t i = 0; i < size; ++i)
        loss -= static_cast<double>(t[i]) * (static_cast<double>(x[i]) - total);
      call.output<T>()[row] = static_cast<T>(loss);
    }
  });
}

void reference_SigmoidCrossEntropy(const ReferenceCall& call) {
  with_float_type(call.output_specs[0].dtype, [&]<class T>() {
    for (std::int64_t i = 0; i < call.output_specs[0].shape.elements(); ++i) {
      const double x = static_cast<double>(call.input<T>(0)[i]), t = static_cast<double>(call.input<T>(1)[i]);
      call.output<T>()[i] = static_cast<T>(std::max(x, 0.0) - x * t + std::log1p(std::exp(-std::abs(x))));
    }
  });
}

}  // namespace fovea
