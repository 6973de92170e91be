#pragma once

#include "ops/op.h"

namespace fovea {

/// Inputs (a, b) of rank 2; each may be read transposed.
class MatMulOp final : public Op {
 public:
  MatMulOp() = default;
  MatMulOp(bool a, bool b) : transpose_a(a), transpose_b(b) {}
  std::string_view class_name() const override { return "MatMul"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;

  bool transpose_a = false;
  bool transpose_b = false;
};

/// A product for each of a batch: (B, M, K) x (B, K, N) -> (B, M, N); transposed operands lie there as (B, K,
/// M) or (B, N, K).
class BatchMatMulOp final : public Op {
 public:
  BatchMatMulOp() = default;
  BatchMatMulOp(bool a, bool b) : transpose_a(a), transpose_b(b) {}
  std::string_view class_name() const override { return "BatchMatMul"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;

  bool transpose_a = false, transpose_b = false;
};

Value batch_matmul(GraphBuilder& g, Value a, Value b, bool transpose_a = false, bool transpose_b = false);

}  // namespace fovea
