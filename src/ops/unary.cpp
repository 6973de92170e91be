#include "ops/unary.h"

#include <iterator>

// y = f(x), elementwise; the formulas of f and f' stand in backends/reference/unary.cpp.

namespace fovea {
namespace {

constexpr std::string_view kNames[] = {
    "relu",     "sigmoid",   "tanh",         "exponential", "log",  "sqrt",     "rsqrt",    "square",
    "absolute", "negative",  "elu",          "selu",        "celu", "softplus", "softsign", "silu",
    "gelu",     "gelu_tanh", "hard_sigmoid", "hard_silu",   "mish", "scale"};

void visit(FieldVisitor& visitor, UnaryKind& kind, ops::UnaryParameters& p) {
  auto value = static_cast<std::int64_t>(kind);
  visitor.field("kind", value);
  kind = static_cast<UnaryKind>(value);
  visitor.field("alpha", p.alpha);
  visitor.field("beta", p.beta);
  visitor.field("gamma", p.gamma);
}

}  // namespace

std::string_view name(UnaryKind kind) { return kNames[static_cast<std::size_t>(kind)]; }

void UnaryOp::fields(FieldVisitor& visitor) { visit(visitor, kind, parameters); }

std::vector<TensorSpec> UnaryOp::infer(std::span<const TensorSpec> inputs) const {
  require_inputs(*this, inputs, 1);
  if (!is_floating(inputs[0].dtype))
    fail("Op {}: expected floats. Received: {}", name(kind), inputs[0].str());
  return {inputs[0]};
}

bool UnaryOp::gradient_uses_output() const {
  switch (kind) {
    case UnaryKind::relu:
      // 0 < y (< 6) exactly where x was passed on; with a slope or another threshold y does not tell, and
      // under another largest value the gradient passes at that value itself (see relu_slope of the
      // reference).
      return is_plain_relu() || is_relu6(kind, parameters);
    case UnaryKind::sigmoid:
    case UnaryKind::tanh:
    case UnaryKind::exponential:
    case UnaryKind::sqrt:
    case UnaryKind::rsqrt:
      return true;
    default:
      return false;
  }
}

std::vector<Value> UnaryOp::differentiate(GraphBuilder& b, const OpCall& call,
                                          std::span<const Value> dy) const {
  if (kind == UnaryKind::scale) return {ops::scale(b, dy[0], parameters.alpha)};
  if (kind == UnaryKind::negative) return {ops::scale(b, dy[0], -1)};
  const Value source = gradient_uses_output() ? call.outputs[0] : call.inputs[0];
  return {emit_one(b, UnaryBackwardOp(kind, parameters), {source, dy[0]})};
}

void UnaryBackwardOp::fields(FieldVisitor& visitor) { visit(visitor, kind, parameters); }

std::vector<TensorSpec> UnaryBackwardOp::infer(std::span<const TensorSpec> inputs) const {
  require_inputs(*this, inputs, 2);
  require_floats(*this, inputs[0]);
  if (!(inputs[0] == inputs[1])) {
    fail("Op UnaryBackward: the specs differ. Received: {} and {}", inputs[0].str(), inputs[1].str());
  }
  return {inputs[0]};
}

Value ops::unary(GraphBuilder& b, std::string_view function, Value x, const UnaryParameters& parameters) {
  for (std::size_t i = 0; i < std::size(kNames); ++i) {
    if (kNames[i] == function) return emit_one(b, UnaryOp(static_cast<UnaryKind>(i), parameters), {x});
  }
  fail("ops::unary: there is no function '{}'", function);
}
Value ops::relu(GraphBuilder& b, Value x) { return emit_one(b, UnaryOp(UnaryKind::relu, {}), {x}); }
Value ops::sigmoid(GraphBuilder& b, Value x) { return emit_one(b, UnaryOp(UnaryKind::sigmoid, {}), {x}); }
Value ops::scale(GraphBuilder& b, Value x, double alpha, double beta) {
  return emit_one(b, UnaryOp(UnaryKind::scale, {.alpha = alpha, .beta = beta, .gamma = 0}), {x});
}

}  // namespace fovea
