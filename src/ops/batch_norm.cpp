#include "ops/batch_norm.h"

#include "ops/random.h"

// y = gamma (x - mean) / sqrt(variance + epsilon) + beta, mean and variance per channel over the batch and
// the image. With xhat = (x - mean) / sqrt(variance + epsilon) and n elements a channel:
//   dbeta = sum dy,  dgamma = sum dy xhat,  dx = gamma / sqrt(variance + epsilon) (dy - dbeta / n - xhat
//   dgamma / n)

namespace fovea {

void BatchNormTrainingOp::fields(FieldVisitor& visitor) { visitor.field("epsilon", epsilon); }

std::vector<TensorSpec> BatchNormTrainingOp::infer(std::span<const TensorSpec> inputs) const {
  require_inputs(*this, inputs, 3);
  if (inputs[0].shape.rank() < 2)
    fail("Op {}: expected rank 2 or more. Received: {}", class_name(), inputs[0].str());
  require_floats(*this, inputs[0]);
  const TensorSpec channel{{inputs[0].shape[-1]}, ops::statistics_dtype(inputs[0].dtype)};
  for (const TensorSpec& parameter : inputs.subspan(1)) {
    if (!(parameter == channel)) {
      fail("Op {}: gamma and beta must be {}. Received: {}", class_name(), channel.str(), parameter.str());
    }
  }
  return {inputs[0], channel, channel};
}

std::vector<Value> BatchNormTrainingOp::differentiate(GraphBuilder& b, const OpCall& call,
                                                      std::span<const Value> gradients) const {
  if (gradients[1] || gradients[2]) fail("Op {}: its statistics have no gradient", class_name());
  const Value inputs[] = {call.inputs[0], call.inputs[1], call.outputs[1], call.outputs[2], gradients[0]};
  return b.emit(std::make_shared<BatchNormBackwardOp>(epsilon), inputs);
}

void BatchNormBackwardOp::fields(FieldVisitor& visitor) { visitor.field("epsilon", epsilon); }

std::vector<TensorSpec> BatchNormBackwardOp::infer(std::span<const TensorSpec> inputs) const {
  require_inputs(*this, inputs, 5);
  require_floats(*this, inputs[0]);
  const TensorSpec channel{inputs[0].shape.slice(-1), ops::statistics_dtype(inputs[0].dtype)};
  const bool fit =
      inputs[4] == inputs[0] && inputs[1] == channel && inputs[2] == channel && inputs[3] == channel;
  if (!fit) {
    std::string received;
    for (const TensorSpec& input : inputs) received += (received.empty() ? "" : ", ") + input.str();
    fail("Op {}: x and dy must be alike, the others {}. Received: {}", class_name(), channel.str(), received);
  }
  return {inputs[0], inputs[1], inputs[1]};
}

DType ops::statistics_dtype(DType dtype) { return dtype == DType::bfloat16 ? DType::float32 : dtype; }

ops::BatchNormResult ops::batch_norm_training(GraphBuilder& b, Value x, Value gamma, Value beta,
                                              double epsilon) {
  const Value inputs[] = {x, gamma, beta};
  const std::vector<Value> outputs = b.emit(std::make_shared<BatchNormTrainingOp>(epsilon), inputs);
  return {outputs[0], outputs[1], outputs[2]};
}

void DropoutOp::fields(FieldVisitor& visitor) {
  visitor.field("rate", rate);
  visitor.field("stream", stream);
}

std::vector<TensorSpec> DropoutOp::infer(std::span<const TensorSpec> inputs) const {
  require_inputs(*this, inputs, 2);
  require_floats(*this, inputs[0]);
  if (!(rate >= 0 && rate < 1)) fail("Op Dropout: the rate must be in [0, 1). Received: {}", rate);
  if (!(inputs[1] == TensorSpec{{2}, DType::int64})) {
    fail("Op Dropout: the random state must be int64 (2,). Received: {}", inputs[1].str());
  }
  return {inputs[0]};
}

std::vector<Value> DropoutOp::differentiate(GraphBuilder& b, const OpCall& call,
                                            std::span<const Value> dy) const {
  return {emit_one(b, DropoutOp(*this), {dy[0], call.inputs[1]}), Value{}};
}

Value ops::dropout(GraphBuilder& b, Value x, double rate, std::uint64_t stream) {
  return emit_one(b, DropoutOp(rate, stream), {x, random_state(b)});
}

}  // namespace fovea
