#include "ops/composites.h"

namespace fovea {

Value scalar_like(GraphBuilder& b, Value x, double number) {
  return b.constant(Tensor::of<double>({}, {number}).astype(b.spec(x).dtype));
}

Value clip(GraphBuilder& b, Value x, double low, double high) {
  return ops::minimum(b, ops::maximum(b, x, scalar_like(b, x, low)), scalar_like(b, x, high));
}

Value of_length_one(GraphBuilder& b, Value x, const std::vector<std::int64_t>& axes, double least) {
  const Value squares = ops::reduce(b, ops::ReduceKind::sum, ops::unary(b, "square", x), axes, true);
  // Bounded before the root: behind it, the gradient at 0 would be 0 times infinity.
  const Value bounded = ops::maximum(b, squares, scalar_like(b, squares, least * least));
  return ops::multiply(b, x, ops::unary(b, "rsqrt", bounded));
}

}  // namespace fovea
