#pragma once

#include "ops/op.h"

namespace fovea {

enum class BinaryKind : std::uint8_t { add, subtract, multiply, divide, maximum, minimum };

/// Inputs (x, y), broadcast as NumPy does.
class BinaryOp final : public Op {
 public:
  BinaryOp() = default;
  explicit BinaryOp(BinaryKind k) : kind(k) {}
  std::string_view class_name() const override { return "Binary"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;
  int in_place(int) const override { return 0; }

  BinaryKind kind = BinaryKind::add;
};

/// The part of dz that goes to x where x won a maximum or minimum (`first`), or to y. A tie is x's, as in
/// TensorFlow. Inputs (x, y, dz), of one shape.
class SelectGradientOp final : public Op {
 public:
  SelectGradientOp() = default;
  SelectGradientOp(bool largest_, bool first_) : largest(largest_), first(first_) {}
  std::string_view class_name() const override { return "SelectGradient"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;

  bool largest = true;
  bool first = true;
};

}  // namespace fovea
