#include "ops/softmax.h"

// softmax:      y_i = exp(x_i - max) / sum_j exp(x_j - max)      dx = y * (dy - sum(dy * y))
// log_softmax:  y_i = x_i - max - log sum_j exp(x_j - max)       dx = dy - exp(y) * sum(dy)

namespace fovea {

void SoftmaxOp::fields(FieldVisitor& visitor) { visitor.field("log", log); }

std::vector<TensorSpec> SoftmaxOp::infer(std::span<const TensorSpec> inputs) const {
  require_inputs(*this, inputs, 1);
  require_floats(*this, inputs[0]);
  if (inputs[0].shape.rank() == 0)
    fail("Op Softmax: expected at least one axis. Received: {}", inputs[0].str());
  return {inputs[0]};
}

std::vector<Value> SoftmaxOp::differentiate(GraphBuilder& b, const OpCall& call,
                                            std::span<const Value> dy) const {
  return {emit_one(b, SoftmaxBackwardOp(log), {call.outputs[0], dy[0]})};
}

void SoftmaxBackwardOp::fields(FieldVisitor& visitor) { visitor.field("log", log); }

std::vector<TensorSpec> SoftmaxBackwardOp::infer(std::span<const TensorSpec> inputs) const {
  require_inputs(*this, inputs, 2);
  require_alike(*this, inputs);
  return {inputs[0]};
}

// loss = -sum_i t_i (x_i - logsumexp(x));  dx = softmax(x) * sum(t) - t;  dt = -log_softmax(x)
std::vector<TensorSpec> SoftmaxCrossEntropyOp::infer(std::span<const TensorSpec> inputs) const {
  require_inputs(*this, inputs, 2);
  require_floats(*this, inputs[0]);
  if (!(inputs[0] == inputs[1]) || inputs[0].shape.rank() == 0) {
    fail("Op {}: logits and labels differ. Received: {} and {}", class_name(), inputs[0].str(),
         inputs[1].str());
  }
  return {{inputs[0].shape.slice(0, -1), inputs[0].dtype}};
}

std::vector<Value> SoftmaxCrossEntropyOp::differentiate(GraphBuilder& b, const OpCall& call,
                                                        std::span<const Value> gradients) const {
  const Value x = call.inputs[0], t = call.inputs[1];
  Shape kept = b.spec(gradients[0]).shape;
  kept.push_back(1);
  const Value dloss = ops::reshape(b, gradients[0], kept);
  Value dx, dt;
  if (call.wanted[0]) {
    const Value total = ops::reduce(b, ops::ReduceKind::sum, t, {-1}, true);
    dx = ops::multiply(b, ops::subtract(b, ops::multiply(b, ops::softmax(b, x), total), t), dloss);
  }
  if (call.wanted[1]) dt = ops::multiply(b, ops::scale(b, ops::log_softmax(b, x), -1), dloss);
  return {dx, dt};
}

// loss = max(x, 0) - x t + log(1 + exp(-|x|));  dx = sigmoid(x) - t;  dt = -x
std::vector<TensorSpec> SigmoidCrossEntropyOp::infer(std::span<const TensorSpec> inputs) const {
  require_inputs(*this, inputs, 2);
  require_floats(*this, inputs[0]);
  if (!(inputs[0] == inputs[1])) {
    fail("Op {}: logits and labels differ. Received: {} and {}", class_name(), inputs[0].str(),
         inputs[1].str());
  }
  return {inputs[0]};
}

std::vector<Value> SigmoidCrossEntropyOp::differentiate(GraphBuilder& b, const OpCall& call,
                                                        std::span<const Value> dloss) const {
  const Value x = call.inputs[0], t = call.inputs[1];
  Value dx, dt;
  if (call.wanted[0]) dx = ops::multiply(b, ops::subtract(b, ops::sigmoid(b, x), t), dloss[0]);
  if (call.wanted[1]) dt = ops::multiply(b, ops::scale(b, x, -1), dloss[0]);
  return {dx, dt};
}

Value ops::softmax(GraphBuilder& b, Value x) { return emit_one(b, SoftmaxOp(false), {x}); }
Value ops::log_softmax(GraphBuilder& b, Value x) { return emit_one(b, SoftmaxOp(true), {x}); }
Value ops::softmax_cross_entropy(GraphBuilder& b, Value logits, Value labels) {
  return emit_one(b, SoftmaxCrossEntropyOp(), {logits, labels});
}
Value ops::sigmoid_cross_entropy(GraphBuilder& b, Value logits, Value labels) {
  return emit_one(b, SigmoidCrossEntropyOp(), {logits, labels});
}

}  // namespace fovea
