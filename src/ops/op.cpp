#include "ops/op.h"

#include <algorithm>

namespace fovea {

std::vector<Value> Op::differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const {
  fail("Op {}: it has no gradient, and one was asked for", class_name());
}

void require_inputs(const Op& op, std::span<const TensorSpec> inputs, std::size_t count) {
  if (inputs.size() != count)
    fail("Op {}: takes {} inputs. Received: {}", op.class_name(), count, inputs.size());
}

void require_rank(const Op& op, const TensorSpec& x, std::size_t rank) {
  if (x.shape.rank() != rank) fail("Op {}: expected rank {}. Received: {}", op.class_name(), rank, x.str());
}

void require_floats(const Op& op, const TensorSpec& x) {
  if (!is_floating(x.dtype)) fail("Op {}: expected floats. Received: {}", op.class_name(), x.str());
}

void require_axis(const Op& op, const TensorSpec& x, std::int64_t axis) {
  if (axis < 0 || axis >= static_cast<std::int64_t>(x.shape.rank()))
    fail("Op {}: {} has no axis {}", op.class_name(), x.str(), axis);
}

void require_alike(const Op& op, std::span<const TensorSpec> inputs) {
  for (const TensorSpec& input : inputs) {
    require_floats(op, input);
    if (!(input == inputs[0])) {
      fail("Op {}: its inputs must be alike. Received: {} and {}", op.class_name(), inputs[0].str(),
           input.str());
    }
  }
}

void require_image(const Op& op, const TensorSpec& x) {
  if (x.shape.rank() != 4 || !is_floating(x.dtype)) {
    fail("Op {}: expected floating images (N, H, W, C). Received: {}", op.class_name(), x.str());
  }
}

void require_same_dtype(const Op& op, const TensorSpec& a, const TensorSpec& b) {
  if (a.dtype != b.dtype)
    fail("Op {}: the dtypes differ. Received: {} and {}", op.class_name(), a.str(), b.str());
}

Shape broadcast_shapes(std::string_view op, const Shape& a, const Shape& b) {
  const std::size_t rank = std::max(a.rank(), b.rank());
  Shape result;
  for (std::size_t i = 0; i < rank; ++i) {
    // Axes are matched from the last one; a missing axis counts as 1.
    const auto back = static_cast<std::ptrdiff_t>(rank - i);
    const std::int64_t left = back > static_cast<std::ptrdiff_t>(a.rank()) ? 1 : a[-back];
    const std::int64_t right = back > static_cast<std::ptrdiff_t>(b.rank()) ? 1 : b[-back];
    if (left != right && left != 1 && right != 1)
      fail("{}: shapes {} and {} do not broadcast", op, a.str(), b.str());
    result.push_back(left == 1 ? right : left);
  }
  return result;
}

Value reduce_to_shape(GraphBuilder& b, Value value, const Shape& shape) {
  const Shape from = b.spec(value).shape;
  if (from == shape) return value;
  std::vector<std::int64_t> axes;
  const std::size_t extra = from.rank() - shape.rank();
  for (std::size_t i = 0; i < from.rank(); ++i) {
    const bool added = i < extra;
    if (added || shape[static_cast<std::ptrdiff_t>(i - extra)] != from[static_cast<std::ptrdiff_t>(i)]) {
      axes.push_back(static_cast<std::int64_t>(i));
    }
  }
  return ops::reshape(b, ops::reduce(b, ops::ReduceKind::sum, value, axes, true), shape);
}

}  // namespace fovea
