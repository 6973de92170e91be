#pragma once

#include "ops/op.h"

namespace fovea {

enum class UnaryKind : std::uint8_t {
  relu,
  sigmoid,
  tanh,
  exponential,
  log,
  sqrt,
  rsqrt,
  square,
  absolute,
  negative,
  elu,
  selu,
  celu,
  softplus,
  softsign,
  silu,
  gelu,
  gelu_tanh,
  hard_sigmoid,
  hard_silu,
  mish,
  scale
};

/// Functions are named in the order of UnaryKind.
std::string_view name(UnaryKind kind);

/// max(x, 0), perhaps with a largest value?
inline bool is_clipped_relu(UnaryKind kind, const ops::UnaryParameters& p) {
  return kind == UnaryKind::relu && p.alpha == 0 && p.gamma == 0;
}

inline bool is_relu6(UnaryKind kind, const ops::UnaryParameters& p) {
  return is_clipped_relu(kind, p) && p.beta == 6;
}

/// max(x, 0), without slope, threshold or largest value?
inline bool is_plain_relu(UnaryKind kind, const ops::UnaryParameters& p) {
  return kind == UnaryKind::relu && p.alpha == 0 && p.beta == 0 && p.gamma == 0;
}

class UnaryOp final : public Op {
 public:
  UnaryOp() = default;
  UnaryOp(UnaryKind k, const ops::UnaryParameters& p) : kind(k), parameters(p) {}
  std::string_view class_name() const override { return "Unary"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;
  int in_place(int) const override { return 0; }
  /// True when the derivative follows from y alone, so that x need not be kept.
  bool gradient_uses_output() const;
  bool is_plain_relu() const { return fovea::is_plain_relu(kind, parameters); }
  bool is_clipped_relu() const { return fovea::is_clipped_relu(kind, parameters); }

  UnaryKind kind = UnaryKind::relu;
  ops::UnaryParameters parameters;
};

/// dy * f'(.), inputs (s, dy): s is y where Unary::gradient_uses_output(), else x.
class UnaryBackwardOp final : public Op {
 public:
  UnaryBackwardOp() = default;
  UnaryBackwardOp(UnaryKind k, const ops::UnaryParameters& p) : kind(k), parameters(p) {}
  std::string_view class_name() const override { return "UnaryBackward"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  int in_place(int) const override { return 1; }
  bool is_plain_relu() const { return fovea::is_plain_relu(kind, parameters); }
  bool is_relu6() const { return fovea::is_relu6(kind, parameters); }

  UnaryKind kind = UnaryKind::relu;
  ops::UnaryParameters parameters;
};

}  // namespace fovea
