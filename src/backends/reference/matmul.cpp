#include "ops/matmul.h"

#include "backends/reference/reference.h"

namespace fovea {

void reference_MatMul(const ReferenceCall& call) {
  const auto& op = static_cast<const MatMulOp&>(call.op);
  const std::int64_t m = call.output_specs[0].shape[0], n = call.output_specs[0].shape[1];
  const std::int64_t k = call.input_specs[0].shape[op.transpose_a ? 0 : 1];
  with_float_type(call.output_specs[0].dtype, [&]<class T>() {
    const T *a = call.input<T>(0), *b = call.input<T>(1);
    for (std::int64_t i = 0; i < m; ++i)
      for (std::int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (std::int64_t l = 0; l < k; ++l) {
          sum += static_cast<double>(a[op.transpose_a ? l * m + i : i * k + l]) *
                 static_cast<double>(b[op.transpose_b ? j * k + l : l * n + j]);
        }
        call.output<T>()[i * n + j] = static_cast<T>(sum);
      }
  });
}

}  // namespace fovea
