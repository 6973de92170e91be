#include "ops/optimizer_update.h"

namespace fovea {

void OptimizerUpdate::fields(FieldVisitor& visitor) {
  visitor.field("weight_decay", weight_decay);
  visitor.field("clip_value", clip_value);
  visitor.field("clip_norm", clip_norm);
  visitor.field("scaled", scaled);
  visitor.field("accumulation_steps", accumulation_steps);
}

std::vector<TensorSpec> OptimizerUpdate::infer(std::span<const TensorSpec> inputs) const {
  if (inputs.size() < head() || (inputs.size() - head()) % group() != 0) {
    fail("Op {}: takes the rate, the iteration{}{} and {} inputs a variable. Received: {}", class_name(),
         scaled ? ", a factor" : "", own_scalars() > 0 ? ", its own scalar" : "", group(), inputs.size());
  }
  if (accumulation_steps < 1)
    fail("Op {}: accumulation_steps must be at least 1. Received: {}", class_name(), accumulation_steps);
  if (inputs[0].shape.rank() != 0 || !is_floating(inputs[0].dtype) || inputs[0].dtype == DType::bfloat16 ||
      !(inputs[1] == TensorSpec{{}, DType::int64})) {
    fail("Op {}: the rate is a scalar of float32 or float64, the iteration an int64 one. Received: {} and {}",
         class_name(), inputs[0].str(), inputs[1].str());
  }
  const TensorSpec scalar = inputs[0];
  if (scaled && !(inputs[2] == scalar))
    fail("Op {}: the factor is {}. Received: {}", class_name(), scalar.str(), inputs[2].str());
  for (std::size_t i = head() - own_scalars(); i < head(); ++i) {
    if (!(inputs[i] == scalar))
      fail("Op {}: its own scalar is {}. Received: {}", class_name(), scalar.str(), inputs[i].str());
  }
  std::vector<TensorSpec> outputs;
  for (std::size_t first = head(); first < inputs.size(); first += group()) {
    if (inputs[first].dtype != inputs[0].dtype) {
      fail("Op {}: the rate must have the variables' dtype. Received: {} and {}", class_name(),
           inputs[0].str(), inputs[first].str());
    }
    for (std::size_t i = 1; i < slots() + 2; ++i) {
      if (!(inputs[first + i] == inputs[first])) {
        fail("Op {}: a variable, its slots and its gradient have one spec. Received: {} and {}", class_name(),
             inputs[first].str(), inputs[first + i].str());
      }
    }
    if (clip_norm > 0 && !(inputs[first + slots() + 2] == scalar)) {
      fail("Op {}: a divisor is {}. Received: {}", class_name(), scalar.str(),
           inputs[first + slots() + 2].str());
    }
    outputs.insert(outputs.end(), slots() + 1, inputs[first]);
  }
  return outputs;
}

int OptimizerUpdate::in_place(int output) const {
  const int kept = static_cast<int>(slots()) + 1;
  return static_cast<int>(head()) + output / kept * static_cast<int>(group()) + output % kept;
}

void SgdUpdateOp::fields(FieldVisitor& visitor) {
  OptimizerUpdate::fields(visitor);
  visitor.field("momentum", momentum);
  visitor.field("nesterov", nesterov);
}

void RmspropUpdateOp::fields(FieldVisitor& visitor) {
  OptimizerUpdate::fields(visitor);
  visitor.field("rho", rho);
  visitor.field("momentum", momentum);
  visitor.field("epsilon", epsilon);
  visitor.field("centered", centered);
}

void AdamUpdateOp::fields(FieldVisitor& visitor) {
  OptimizerUpdate::fields(visitor);
  visitor.field("beta_1", beta_1);
  visitor.field("beta_2", beta_2);
  visitor.field("epsilon", epsilon);
  visitor.field("amsgrad", amsgrad);
}

void AdagradUpdateOp::fields(FieldVisitor& visitor) {
  OptimizerUpdate::fields(visitor);
  visitor.field("epsilon", epsilon);
}

void AdadeltaUpdateOp::fields(FieldVisitor& visitor) {
  OptimizerUpdate::fields(visitor);
  visitor.field("rho", rho);
  visitor.field("epsilon", epsilon);
}

void AdamaxUpdateOp::fields(FieldVisitor& visitor) {
  OptimizerUpdate::fields(visitor);
  visitor.field("beta_1", beta_1);
  visitor.field("beta_2", beta_2);
  visitor.field("epsilon", epsilon);
}

void NadamUpdateOp::fields(FieldVisitor& visitor) {
  OptimizerUpdate::fields(visitor);
  visitor.field("beta_1", beta_1);
  visitor.field("beta_2", beta_2);
  visitor.field("epsilon", epsilon);
}

void NadamProductOp::fields(FieldVisitor& visitor) {
  visitor.field("beta_1", beta_1);
  visitor.field("accumulation_steps", accumulation_steps);
}

std::vector<TensorSpec> NadamProductOp::infer(std::span<const TensorSpec> inputs) const {
  require_inputs(*this, inputs, 2);
  require_floats(*this, inputs[1]);
  if (!(inputs[0] == TensorSpec{{}, DType::int64}) || inputs[1].shape.rank() != 0) {
    fail("Op NadamProduct: takes the iteration, an int64 scalar, and a scalar. Received: {} and {}",
         inputs[0].str(), inputs[1].str());
  }
  return {inputs[1]};
}

void LionUpdateOp::fields(FieldVisitor& visitor) {
  OptimizerUpdate::fields(visitor);
  visitor.field("beta_1", beta_1);
  visitor.field("beta_2", beta_2);
}

void FtrlUpdateOp::fields(FieldVisitor& visitor) {
  OptimizerUpdate::fields(visitor);
  visitor.field("power", power);
  visitor.field("l1", l1);
  visitor.field("l2", l2);
  visitor.field("shrinkage", shrinkage);
  visitor.field("beta", beta);
}

std::vector<TensorSpec> PairOp::infer(std::span<const TensorSpec> inputs) const {
  if (inputs.size() % 2 != 1)
    fail("Op {}: takes the iteration and two inputs a variable. Received: {}", class_name(), inputs.size());
  if (!(inputs[0] == TensorSpec{{}, DType::int64}))
    fail("Op {}: the iteration is an int64 scalar. Received: {}", class_name(), inputs[0].str());
  for (std::size_t i = 1; i < inputs.size(); i += 2) {
    require_floats(*this, inputs[i]);
    if (!(inputs[i] == inputs[i + 1])) {
      fail("Op {}: the two inputs of a variable have one spec. Received: {} and {}", class_name(),
           inputs[i].str(), inputs[i + 1].str());
    }
  }
  return {inputs.begin() + 1, inputs.end()};
}

void GradientAccumulationOp::fields(FieldVisitor& visitor) { visitor.field("steps", steps); }

void MovingAverageOp::fields(FieldVisitor& visitor) {
  visitor.field("momentum", momentum);
  visitor.field("overwrite_frequency", overwrite_frequency);
  visitor.field("accumulation_steps", accumulation_steps);
}

}  // namespace fovea
