#pragma once

#include "ops/op.h"

namespace fovea {

class ReshapeOp final : public Op {
 public:
  ReshapeOp() = default;
  explicit ReshapeOp(const Shape& s) : shape(s) {}
  std::string_view class_name() const override { return "Reshape"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;
  bool is_view() const override { return true; }

  Shape shape;
};

class TransposeOp final : public Op {
 public:
  TransposeOp() = default;
  explicit TransposeOp(std::vector<std::int64_t> p) : permutation(std::move(p)) {}
  std::string_view class_name() const override { return "Transpose"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;

  std::vector<std::int64_t> permutation;
};

class ConcatenateOp final : public Op {
 public:
  ConcatenateOp() = default;
  explicit ConcatenateOp(std::int64_t a) : axis(a) {}
  std::string_view class_name() const override { return "Concatenate"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;

  std::int64_t axis = 0;
};

class SliceOp final : public Op {
 public:
  SliceOp() = default;
  SliceOp(std::int64_t a, std::int64_t f, std::int64_t s) : axis(a), first(f), size(s) {}
  std::string_view class_name() const override { return "Slice"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;

  std::int64_t axis = 0, first = 0, size = 0;
};

/// Zeros before and after one axis.
class PadOp final : public Op {
 public:
  PadOp() = default;
  PadOp(std::int64_t a, std::int64_t b, std::int64_t e) : axis(a), before(b), after(e) {}
  std::string_view class_name() const override { return "Pad"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;

  std::int64_t axis = 0, before = 0, after = 0;
};

class CastOp final : public Op {
 public:
  CastOp() = default;
  explicit CastOp(DType d) : dtype(d) {}
  std::string_view class_name() const override { return "Cast"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;

  DType dtype = DType::float32;
};

class OneHotOp final : public Op {
 public:
  OneHotOp() = default;
  OneHotOp(std::int64_t c, DType d) : classes(c), dtype(d) {}
  std::string_view class_name() const override { return "OneHot"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;

  std::int64_t classes = 0;
  DType dtype = DType::float32;
};

class StopGradientOp final : public Op {
 public:
  std::string_view class_name() const override { return "StopGradient"; }
  void fields(FieldVisitor&) override {}
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;
  bool is_view() const override { return true; }
};

}  // namespace fovea
