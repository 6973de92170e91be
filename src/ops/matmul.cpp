#include "ops/matmul.h"

// c = op(a) op(b):  (M, K) x (K, N) -> (M, N).  d op(a) = dc op(b)^T,  d op(b) = op(a)^T dc

namespace fovea {
namespace {

void visit(FieldVisitor& visitor, bool& transpose_a, bool& transpose_b) {
  visitor.field("transpose_a", transpose_a);
  visitor.field("transpose_b", transpose_b);
}

/// (M, N), behind the batch that both have in front of their last two axes.
std::vector<TensorSpec> infer_product(const Op& op, std::span<const TensorSpec> inputs, std::size_t rank,
                                      bool transpose_a, bool transpose_b) {
  require_inputs(op, inputs, 2);
  require_rank(op, inputs[0], rank);
  require_rank(op, inputs[1], rank);
  require_floats(op, inputs[0]);
  require_same_dtype(op, inputs[0], inputs[1]);
  const Shape &a = inputs[0].shape, &b = inputs[1].shape;
  if (a.slice(0, -2) != b.slice(0, -2))
    fail("Op {}: the batches differ. Received: {} and {}", op.class_name(), a.str(), b.str());
  if (a[transpose_a ? -2 : -1] != b[transpose_b ? -1 : -2]) {
    fail("Op {}: the inner sizes differ. Received: {}{} and {}{}", op.class_name(), a.str(),
         transpose_a ? " transposed" : "", b.str(), transpose_b ? " transposed" : "");
  }
  Shape shape = a.slice(0, -2);
  shape.push_back(a[transpose_a ? -1 : -2]);
  shape.push_back(b[transpose_b ? -2 : -1]);
  return {{shape, inputs[0].dtype}};
}

using Product = Value (*)(GraphBuilder&, Value, Value, bool, bool);

std::vector<Value> gradients(GraphBuilder& g, const OpCall& call, Value dc, Product product, bool transpose_a,
                             bool transpose_b) {
  const Value a = call.inputs[0], b = call.inputs[1];
  Value da, db;
  if (call.wanted[0])
    da = transpose_a ? product(g, b, dc, transpose_b, true) : product(g, dc, b, false, !transpose_b);
  if (call.wanted[1])
    db = transpose_b ? product(g, dc, a, true, transpose_a) : product(g, a, dc, !transpose_a, false);
  return {da, db};
}

}  // namespace

void MatMulOp::fields(FieldVisitor& visitor) { visit(visitor, transpose_a, transpose_b); }

std::vector<TensorSpec> MatMulOp::infer(std::span<const TensorSpec> inputs) const {
  return infer_product(*this, inputs, 2, transpose_a, transpose_b);
}

std::vector<Value> MatMulOp::differentiate(GraphBuilder& g, const OpCall& call,
                                           std::span<const Value> dc) const {
  return gradients(g, call, dc[0], ops::matmul, transpose_a, transpose_b);
}

Value ops::matmul(GraphBuilder& g, Value a, Value c, bool transpose_a, bool transpose_b) {
  return emit_one(g, MatMulOp(transpose_a, transpose_b), {a, c});
}

void BatchMatMulOp::fields(FieldVisitor& visitor) { visit(visitor, transpose_a, transpose_b); }

std::vector<TensorSpec> BatchMatMulOp::infer(std::span<const TensorSpec> inputs) const {
  return infer_product(*this, inputs, 3, transpose_a, transpose_b);
}

std::vector<Value> BatchMatMulOp::differentiate(GraphBuilder& g, const OpCall& call,
                                                std::span<const Value> dc) const {
  return gradients(g, call, dc[0], batch_matmul, transpose_a, transpose_b);
}

Value batch_matmul(GraphBuilder& g, Value a, Value b, bool transpose_a, bool transpose_b) {
  return emit_one(g, BatchMatMulOp(transpose_a, transpose_b), {a, b});
}

}  // namespace fovea
