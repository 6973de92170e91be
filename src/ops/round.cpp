#include "ops/round.h"

// y = min(max(round(x), low), high)

namespace fovea {

void RoundOp::fields(FieldVisitor& visitor) {
  visitor.field("low", low);
  visitor.field("high", high);
}

std::vector<TensorSpec> RoundOp::infer(std::span<const TensorSpec> inputs) const {
  require_inputs(*this, inputs, 1);
  require_floats(*this, inputs[0]);
  if (!(low <= high)) fail("Op Round: low must not be above high. Received: {} and {}", low, high);
  return {inputs[0]};
}

std::vector<Value> RoundOp::differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const {
  return {Value{}};
}

}  // namespace fovea
