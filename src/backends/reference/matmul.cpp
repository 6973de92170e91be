#include "ops/matmul.h"

#include "backends/reference/reference.h"

namespace fovea {
namespace {

/// A product for each of the batch.
void products(const ReferenceCall& call, bool transpose_a, bool transpose_b) {
  const Shape &a_shape = call.input_specs[0].shape, &c_shape = call.output_specs[0].shape;
  const std::int64_t m = c_shape[-2], n = c_shape[-1], k = a_shape[transpose_a ? -2 : -1];
  const std::int64_t batch = c_shape.slice(0, -2).elements();
  with_float_type(call.output_specs[0].dtype, [&]<class T>() {
    for (std::int64_t item = 0; item < batch; ++item) {
      const T *a = call.input<T>(0) + item * m * k, *b = call.input<T>(1) + item * k * n;
      for (std::int64_t i = 0; i < m; ++i)
        for (std::int64_t j = 0; j < n; ++j) {
          double sum = 0;
          for (std::int64_t l = 0; l < k; ++l) {
            sum += static_cast<double>(a[transpose_a ? l * m + i : i * k + l]) *
                   static_cast<double>(b[transpose_b ? j * k + l : l * n + j]);
          }
          call.output<T>()[(item * m + i) * n + j] = static_cast<T>(sum);
        }
    }
  });
}

}  // namespace

void reference_MatMul(const ReferenceCall& call) {
  const auto& op = static_cast<const MatMulOp&>(call.op);
  products(call, op.transpose_a, op.transpose_b);
}

void reference_BatchMatMul(const ReferenceCall& call) {
  const auto& op = static_cast<const BatchMatMulOp&>(call.op);
  products(call, op.transpose_a, op.transpose_b);
}

}  // namespace fovea
