#include "ops/binary.h"

#include <algorithm>
#include <cmath>

#include "backends/reference/reference.h"
#include "backends/reference/strides.h"

namespace fovea {
namespace {

template <class T>
T apply(BinaryKind kind, T left, T right) {
  const Sum<T> x = left, y = right;
  const auto rounded = [](Sum<T> z) { return static_cast<T>(z); };
  switch (kind) {
    case BinaryKind::add:
      return rounded(x + y);
    case BinaryKind::subtract:
      return rounded(x - y);
    case BinaryKind::multiply:
      return rounded(x * y);
    case BinaryKind::divide:
      return rounded(x / y);
    case BinaryKind::maximum:
      return rounded(std::isnan(y) ? y : std::max(x, y));  // max returns x when it is NaN
    case BinaryKind::minimum:
      return rounded(std::isnan(y) ? y : std::min(x, y));
  }
  return left;
}

}  // namespace

void reference_Binary(const ReferenceCall& call) {
  const auto& op = static_cast<const BinaryOp&>(call.op);
  const Shape& z = call.output_specs[0].shape;
  const BroadcastIndex x_index(call.input_specs[0].shape, z), y_index(call.input_specs[1].shape, z);
  with_float_type(call.output_specs[0].dtype, [&]<class T>() {
    for (std::int64_t i = 0; i < z.elements(); ++i) {
      call.output<T>()[i] = apply(op.kind, call.input<T>(0)[x_index(i)], call.input<T>(1)[y_index(i)]);
    }
  });
}

void reference_SelectGradient(const ReferenceCall& call) {
  const auto& op = static_cast<const SelectGradientOp&>(call.op);
  with_float_type(call.output_specs[0].dtype, [&]<class T>() {
    for (std::int64_t i = 0; i < call.output_specs[0].shape.elements(); ++i) {
      const T x = call.input<T>(0)[i], y = call.input<T>(1)[i], dz = call.input<T>(2)[i];
      const bool x_wins = op.largest ? x >= y : x <= y;
      call.output<T>()[i] = x_wins == op.first ? dz : T(0);
    }
  });
}

}  // namespace fovea
