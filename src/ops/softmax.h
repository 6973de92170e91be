#pragma once

#include "ops/op.h"

namespace fovea {

/// Over the last axis; with `log`, its logarithm.
class SoftmaxOp final : public Op {
 public:
  SoftmaxOp() = default;
  explicit SoftmaxOp(bool log_) : log(log_) {}
  std::string_view class_name() const override { return "Softmax"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;
  int in_place(int) const override { return 0; }

  bool log = false;
};

/// Inputs (y, dy).
class SoftmaxBackwardOp final : public Op {
 public:
  SoftmaxBackwardOp() = default;
  explicit SoftmaxBackwardOp(bool log_) : log(log_) {}
  std::string_view class_name() const override { return "SoftmaxBackward"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;

  bool log = false;
};

/// Inputs (logits, labels) -> -sum(labels * log_softmax(logits)) over the last axis.
class SoftmaxCrossEntropyOp final : public Op {
 public:
  std::string_view class_name() const override { return "SoftmaxCrossEntropy"; }
  void fields(FieldVisitor&) override {}
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;
};

/// Inputs (logits, labels), elementwise.
class SigmoidCrossEntropyOp final : public Op {
 public:
  std::string_view class_name() const override { return "SigmoidCrossEntropy"; }
  void fields(FieldVisitor&) override {}
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;
  int in_place(int) const override { return 0; }
};

}  // namespace fovea
