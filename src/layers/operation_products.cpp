#include <algorithm>
#include <array>

#include "layers/operation_base.h"
#include "ops/matmul.h"

// Products of matrices: (..., M, K) x (..., K, N) -> (..., M, N), what stands in front being broadcast.
// Source: keras/src/ops/numpy.py, Matmul.

namespace fovea {
namespace {

class MatmulOperation final : public NamedOperation {
 public:
  using NamedOperation::NamedOperation;
  bool takes_values() const override { return true; }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    const auto [a, b] = shapes_of(inputs);
    if (a.rank() < 2 || b.rank() < 2)
      fail_rule(fmt::format("takes tensors of rank 2 or more. Received: {} and {}", a.str(), b.str()));
    if (a[-1] != b[-2] && a[-1] != Shape::unknown && b[-2] != Shape::unknown)
      fail_rule(fmt::format("the inner sizes differ. Received: {} and {}", a.str(), b.str()));
    Shape result = broadcast(*this, a.slice(0, -2), b.slice(0, -2));
    result.push_back(a[-2]);
    result.push_back(b[-1]);
    return {result};
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    GraphBuilder& g = context.graph;
    const std::vector<Value> values = argument_values(g, operands, inputs);
    const Value a = values[0], b = values[1];
    const Shape left = g.spec(a).shape, right = g.spec(b).shape;
    const Shape batch = broadcast(*this, left.slice(0, -2), right.slice(0, -2));
    Shape result = batch;
    result.push_back(left[-2]);
    result.push_back(right[-1]);
    if (left[-1] != right[-2])
      fail_rule(fmt::format("the inner sizes differ. Received: {} and {}", left.str(), right.str()));
    if (right.rank() == 2) {  // one matrix for all
      const Value rows = ops::reshape(g, a, {left.slice(0, -1).elements(), left[-1]});
      return {ops::reshape(g, ops::matmul(g, rows, b), result)};
    }
    const Value product = batch_matmul(g, in_batch(g, a, batch), in_batch(g, b, batch));
    return {ops::reshape(g, product, result)};
  }

 private:
  /// The shapes of both arguments; Error unless there are two, tensors or arrays.
  std::array<Shape, 2> shapes_of(std::span<const Shape> inputs) const {
    std::array<Shape, 2> result;
    std::size_t next = 0;
    const auto tensors =
        std::count_if(operands.begin(), operands.end(), [](const Operand& o) { return o.is_tensor(); });
    const bool numbers =
        std::any_of(operands.begin(), operands.end(), [](const Operand& o) { return o.number.has_value(); });
    if (operands.size() != 2 || numbers || tensors != static_cast<std::ptrdiff_t>(inputs.size()))
      fail_rule("takes two arguments, tensors or arrays");
    for (std::size_t i = 0; i < 2; ++i)
      result[i] = operands[i].constant ? operands[i].constant->value.shape() : inputs[next++];
    return result;
  }
  /// (B, rows, columns) of x, repeated where the batch is larger than its own.
  static Value in_batch(GraphBuilder& g, Value x, const Shape& batch) {
    const Shape own = g.spec(x).shape;
    Shape whole = batch;
    whole.push_back(own[-2]);
    whole.push_back(own[-1]);
    return ops::reshape(g, ops::broadcast_to(g, x, whole), {batch.elements(), own[-2], own[-1]});
  }
};

}  // namespace

std::shared_ptr<OperationLayer> make_matmul_operation(std::string_view class_name) {
  return std::make_shared<MatmulOperation>(class_name);
}

}  // namespace fovea
