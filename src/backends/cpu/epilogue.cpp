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

/// What that step adds to `value`, an input of the region; -1 when it does not.
int added_term(const Region& region, std::size_t step, int value) {
  const auto* add = op_as<BinaryOp>(region, step);
  if (add == nullptr || add->kind != BinaryKind::add) return -1;
  const std::vector<int>& terms = region.steps[step].inputs;
  const int other = terms[terms[0] == value ? 1 : 0];
  return other != value && position_of(region.inputs, other) >= 0 ? other : -1;
}

}  // namespace

Region first_steps(const Region& region, std::size_t count, int result) {
  Region part = region;
  part.steps.resize(count);
  part.outputs = {result};
  return part;
}

int added_tensor(const Region& region, std::size_t step, int value) {
  const int other = added_term(region, step, value);
  const bool fits = other >= 0 && spec_of(region, other) == spec_of(region, value);
  return fits ? position_of(region.inputs, other) : -1;
}

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
  while (op_as<BinaryOp>(region, step) != nullptr) {
    const int term = added_term(region, step, result.result);
    const Shape& sum = spec_of(region, result.result).shape;
    if (term >= 0 && step == 1 && is_bias(spec_of(region, term).shape, sum)) {
      result.bias = position_of(region.inputs, term);
    } else if (result.residual < 0 && added_tensor(region, step, result.result) >= 0) {
      result.residual = position_of(region.inputs, term);
    } else {
      return decline("step {} adds neither a bias nor a tensor of the result's shape", step);
    }
    result.result = region.steps[step].outputs[0];
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
