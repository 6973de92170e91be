#include "ops/take.h"

#include <algorithm>
#include <cstring>

#include "backends/reference/reference.h"
#include "backends/reference/strides.h"

namespace fovea {

void reference_Take(const ReferenceCall& call) {
  const auto& op = static_cast<const TakeOp&>(call.op);
  const AxisSplit x(call.input_specs[0].shape, op.axis), y(call.output_specs[0].shape, op.axis);
  const auto bytes = static_cast<std::int64_t>(size_of(call.output_specs[0].dtype)) * x.inner;
  for (std::int64_t outer = 0; outer < y.outer; ++outer) {
    for (std::int64_t i = 0; i < y.size; ++i) {
      std::memcpy(
          call.output<std::byte>() + (outer * y.size + i) * bytes,
          call.input<std::byte>(0) + (outer * x.size + op.indices[static_cast<std::size_t>(i)]) * bytes,
          static_cast<std::size_t>(bytes));
    }
  }
}

void reference_TakeBackward(const ReferenceCall& call) {
  const auto& op = static_cast<const TakeBackwardOp&>(call.op);
  const AxisSplit dy(call.input_specs[0].shape, op.axis), dx(call.output_specs[0].shape, op.axis);
  with_float_type(call.output_specs[0].dtype, [&]<class T>() {
    for (std::int64_t outer = 0; outer < dx.outer; ++outer) {
      for (std::int64_t inner = 0; inner < dx.inner; ++inner) {
        std::vector<Sum<T>> sums(static_cast<std::size_t>(dx.size));
        for (std::int64_t i = 0; i < dy.size; ++i) {
          sums[static_cast<std::size_t>(op.indices[static_cast<std::size_t>(i)])] +=
              static_cast<Sum<T>>(call.input<T>(0)[(outer * dy.size + i) * dy.inner + inner]);
        }
        for (std::int64_t j = 0; j < dx.size; ++j) {
          call.output<T>()[(outer * dx.size + j) * dx.inner + inner] =
              static_cast<T>(sums[static_cast<std::size_t>(j)]);
        }
      }
    }
  });
}

}  // namespace fovea
