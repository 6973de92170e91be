#include "ops/optimizer_update.h"

namespace fovea {

void OptimizerUpdate::fields(FieldVisitor& visitor) {
  visitor.field("weight_decay", weight_decay);
  visitor.field("clip_value", clip_value);
  visitor.field("clip_norm", clip_norm);
  visitor.field("scaled", scaled);
}

std::vector<TensorSpec> OptimizerUpdate::infer(std::span<const TensorSpec> inputs) const {
  if (inputs.size() < head() || (inputs.size() - head()) % group() != 0) {
    fail("Op {}: takes the rate, the iteration{} and {} inputs a variable. Received: {}", class_name(),
         scaled ? ", a factor" : "", group(), inputs.size());
  }
  if (inputs[0].shape.rank() != 0 || !is_floating(inputs[0].dtype) || inputs[0].dtype == DType::bfloat16 ||
      !(inputs[1] == TensorSpec{{}, DType::int64})) {
    fail("Op {}: the rate is a scalar of float32 or float64, the iteration an int64 one. Received: {} and {}",
         class_name(), inputs[0].str(), inputs[1].str());
  }
  const TensorSpec scalar = inputs[0];
  if (scaled && !(inputs[2] == scalar))
    fail("Op {}: the factor is {}. Received: {}", class_name(), scalar.str(), inputs[2].str());
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

}  // namespace fovea
