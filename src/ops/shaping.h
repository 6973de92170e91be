#pragma once

#include "ops/op.h"

namespace fovea {

class Reshape final : public Op {
 public:
  Reshape() = default;
  explicit Reshape(const Shape& s) : shape(s) {}
  std::string_view class_name() const override { return "Reshape"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;
  bool is_view() const override { return true; }

  Shape shape;
};

class Transpose final : public Op {
 public:
  Transpose() = default;
  explicit Transpose(std::vector<std::int64_t> p) : permutation(std::move(p)) {}
  std::string_view class_name() const override { return "Transpose"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;

  std::vector<std::int64_t> permutation;
};

class Concatenate final : public Op {
 public:
  Concatenate() = default;
  explicit Concatenate(std::int64_t a) : axis(a) {}
  std::string_view class_name() const override { return "Concatenate"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;

  std::int64_t axis = 0;
};

class Slice final : public Op {
 public:
  Slice() = default;
  Slice(std::int64_t a, std::int64_t f, std::int64_t s) : axis(a), first(f), size(s) {}
  std::string_view class_name() const override { return "Slice"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;

  std::int64_t axis = 0, first = 0, size = 0;
};

/// Zeros before and after one axis.
class Pad final : public Op {
 public:
  Pad() = default;
  Pad(std::int64_t a, std::int64_t b, std::int64_t e) : axis(a), before(b), after(e) {}
  std::string_view class_name() const override { return "Pad"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;

  std::int64_t axis = 0, before = 0, after = 0;
};

class Cast final : public Op {
 public:
  Cast() = default;
  explicit Cast(DType d) : dtype(d) {}
  std::string_view class_name() const override { return "Cast"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;

  DType dtype = DType::float32;
};

class OneHot final : public Op {
 public:
  OneHot() = default;
  OneHot(std::int64_t c, DType d) : classes(c), dtype(d) {}
  std::string_view class_name() const override { return "OneHot"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;

  std::int64_t classes = 0;
  DType dtype = DType::float32;
};

class StopGradient final : public Op {
 public:
  std::string_view class_name() const override { return "StopGradient"; }
  void fields(FieldVisitor&) override {}
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;
  bool is_view() const override { return true; }
};

}  // namespace fovea
