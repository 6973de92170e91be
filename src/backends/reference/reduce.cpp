#include "ops/reduce.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "backends/reference/reference.h"
#include "backends/reference/strides.h"

namespace fovea {
namespace {

Shape with_ones(const Shape& x, const std::vector<std::int64_t>& axes) {
  Shape kept = x;
  for (const std::int64_t axis : axes) kept.set(axis, 1);
  return kept;
}

}  // namespace

void reference_Reduce(const ReferenceCall& call) {
  const auto& op = static_cast<const ReduceOp&>(call.op);
  const Shape& x = call.input_specs[0].shape;
  const Shape kept = with_ones(x, op.axes);
  const BroadcastIndex index(kept, x);
  const std::int64_t size = kept.elements();
  with_float_type(call.output_specs[0].dtype, [&]<class T>() {
    std::vector<double> results(static_cast<std::size_t>(size));
    std::vector<bool> seen(static_cast<std::size_t>(size));
    for (std::int64_t i = 0; i < x.elements(); ++i) {
      const auto at = static_cast<std::size_t>(index(i));
      const double value = static_cast<double>(call.input<T>(0)[i]);
      double& result = results[at];
      switch (op.kind) {
        case ops::ReduceKind::sum:
        case ops::ReduceKind::mean:
          result += value;
          break;
        case ops::ReduceKind::max:
          if (!seen[at] || value > result || std::isnan(value)) result = value;
          break;
        case ops::ReduceKind::min:
          if (!seen[at] || value < result || std::isnan(value)) result = value;
          break;
      }
      seen[at] = true;
    }
    const double count =
        op.kind == ops::ReduceKind::mean ? static_cast<double>(x.elements()) / static_cast<double>(size) : 1;
    for (std::int64_t i = 0; i < size; ++i) {
      call.output<T>()[i] = static_cast<T>(results[static_cast<std::size_t>(i)] / count);
    }
  });
}

void reference_ReduceExtremeBackward(const ReferenceCall& call) {
  const auto& op = static_cast<const ReduceExtremeBackwardOp&>(call.op);
  const Shape& x = call.input_specs[0].shape;
  const Shape kept = with_ones(x, op.axes);
  const BroadcastIndex index(kept, x);
  with_float_type(call.output_specs[0].dtype, [&]<class T>() {
    const T *xs = call.input<T>(0), *ys = call.input<T>(1), *dys = call.input<T>(2);
    std::vector<int> winners(static_cast<std::size_t>(kept.elements()));
    for (std::int64_t i = 0; i < x.elements(); ++i) {
      if (xs[i] == ys[index(i)]) ++winners[static_cast<std::size_t>(index(i))];
    }
    for (std::int64_t i = 0; i < x.elements(); ++i) {
      const std::int64_t at = index(i);
      call.output<T>()[i] =
          xs[i] == ys[at]
              ? static_cast<T>(dys[at] / static_cast<Sum<T>>(winners[static_cast<std::size_t>(at)]))
              : T(0);
    }
  });
}

void reference_BroadcastTo(const ReferenceCall& call) {
  const Shape& shape = call.output_specs[0].shape;
  const BroadcastIndex index(call.input_specs[0].shape, shape);
  with_float_type(call.output_specs[0].dtype, [&]<class T>() {
    for (std::int64_t i = 0; i < shape.elements(); ++i) call.output<T>()[i] = call.input<T>(0)[index(i)];
  });
}

}  // namespace fovea
