#include "backends/cpu/epilogue.h"

#include "backends/cpu/kernel_list.h"
#include "ops/binary.h"
#include "ops/reduce.h"

namespace fovea::cpu {
namespace {

/// (C), or that with axes of size 1 before it, for results (..., C).
bool is_bias(const Shape& bias, const Shape& result) {
  if (bias.rank() < 1 || bias.rank() > result.rank()) return false;
  return bias[-1] == result[-1] && bias.elements() == bias[-1];
}

}  // namespace

bool sums_columns(const Region& region, std::size_t step, int value) {
  const auto* op = op_as<ReduceOp>(region, step);
  if (op == nullptr || op->kind != ops::ReduceKind::sum || region.steps[step].inputs[0] != value)
    return false;
  const Shape& shape = spec_of(region, value).shape;
  // The axes are sorted.
  return shape.rank() >= 2 && op->axes.size() == shape.rank() - 1 &&
         op->axes.back() == static_cast<std::int64_t>(shape.rank()) - 2;
}

std::variant<Epilogue, Declined> read_epilogue(const Region& region, int value) {
  Epilogue result;
  result.result = value;
  std::size_t step = 1;
  while (const auto* binary = op_as<BinaryOp>(region, step)) {
    const Region::Step& add = region.steps[step];
    const int other = add.inputs[add.inputs[0] == result.result ? 1 : 0];
    const int position = position_of(region.inputs, other);
    const TensorSpec &given = spec_of(region, other), &sum = spec_of(region, result.result);
    const bool adds = binary->kind == BinaryKind::add && position >= 0 && other != result.result;
    if (adds && step == 1 && is_bias(given.shape, sum.shape)) {
      result.bias = position;
    } else if (adds && result.residual < 0 && given == sum) {
      result.residual = position;
    } else {
      return decline("step {} adds neither a bias nor a tensor of the result's shape", step);
    }
    result.result = add.outputs[0];
    ++step;
  }
  if (const auto* unary = op_as<UnaryOp>(region, step)) {
    result.activation = unary;
    result.result = region.steps[step].outputs[0];
    ++step;
  }
  if (step != region.steps.size())
    return decline("takes no {} as step {}", region.steps[step].op->class_name(), step);
  if (region.outputs.size() != 1 || region.outputs[0] != result.result)
    return decline("an inner value is read outside");
  return result;
}

}  // namespace fovea::cpu
