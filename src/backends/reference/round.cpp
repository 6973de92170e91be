#include "ops/round.h"

#include <algorithm>
#include <cmath>

#include "backends/reference/reference.h"

namespace fovea {

void reference_Round(const ReferenceCall& call) {
  const auto& op = static_cast<const RoundOp&>(call.op);
  with_float_type(call.output_specs[0].dtype, [&]<class T>() {
    const T* const from = call.input<T>(0);
    std::transform(from, from + call.output_specs[0].shape.elements(), call.output<T>(), [&](T x) {
      return static_cast<T>(std::clamp(std::nearbyint(static_cast<double>(x)), op.low, op.high));
    });
  });
}

}  // namespace fovea
