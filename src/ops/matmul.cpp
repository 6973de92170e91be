#include "ops/matmul.h"

// c = op(a) op(b):  (M, K) x (K, N) -> (M, N).  d op(a) = dc op(b)^T,  d op(b) = op(a)^T dc

namespace fovea {

void MatMulOp::fields(FieldVisitor& visitor) {
  visitor.field("transpose_a", transpose_a);
  visitor.field("transpose_b", transpose_b);
}

std::vector<TensorSpec> MatMulOp::infer(std::span<const TensorSpec> inputs) const {
  require_inputs(*this, inputs, 2);
  require_rank(*this, inputs[0], 2);
  require_rank(*this, inputs[1], 2);
  require_floats(*this, inputs[0]);
  require_same_dtype(*this, inputs[0], inputs[1]);
  const Shape &a = inputs[0].shape, &b = inputs[1].shape;
  if (a[transpose_a ? 0 : 1] != b[transpose_b ? 1 : 0]) {
    fail("Op MatMul: the inner sizes differ. Received: {}{} and {}{}", a.str(),
         transpose_a ? " transposed" : "", b.str(), transpose_b ? " transposed" : "");
  }
  return {{{a[transpose_a ? 1 : 0], b[transpose_b ? 0 : 1]}, inputs[0].dtype}};
}

std::vector<Value> MatMulOp::differentiate(GraphBuilder& g, const OpCall& call,
                                           std::span<const Value> dc) const {
  const Value a = call.inputs[0], b = call.inputs[1];
  Value da, db;
  if (call.wanted[0]) {
    da = transpose_a ? ops::matmul(g, b, dc[0], transpose_b, true)
                     : ops::matmul(g, dc[0], b, false, !transpose_b);
  }
  if (call.wanted[1]) {
    db = transpose_b ? ops::matmul(g, dc[0], a, true, transpose_a)
                     : ops::matmul(g, a, dc[0], !transpose_a, false);
  }
  return {da, db};
}

Value ops::matmul(GraphBuilder& g, Value a, Value c, bool transpose_a, bool transpose_b) {
  return emit_one(g, MatMulOp(transpose_a, transpose_b), {a, c});
}

}  // namespace fovea
