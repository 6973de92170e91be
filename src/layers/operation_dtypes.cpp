#include <algorithm>
#include <span>

#include "layers/operation_base.h"

// What operations of keras.ops make of whole numbers. Those that stand in neither list have no use for them
// in TensorFlow, which then fails. Sources: keras/src/ops/numpy.py, keras/src/backend/tensorflow/.

namespace fovea {
namespace {

constexpr std::string_view kKept[] = {
    "Add",          "Subtract",     "Multiply",     "Square",      "Absolute",   "Max",       "Min",
    "Amax",         "Amin",         "Relu",         "Relu6",       "Reshape",    "Transpose", "Swapaxes",
    "Moveaxis",     "ExpandDims",   "Squeeze",      "Concatenate", "Stack",      "GetItem",   "Flip",
    "Roll",         "Repeat",       "Tile",         "Split",       "ArraySplit", "Unstack",   "Pad",
    "DepthToSpace", "SpaceToDepth", "StopGradient", "MaxPool"};
constexpr std::string_view kFloats[] = {"Divide", "TrueDivide", "Mean", "Average", "Var",       "Std", "Norm",
                                        "Sqrt",   "Exp",        "Log",  "Tanh",    "LeakyRelu", "Cast"};

bool contains(std::span<const std::string_view> list, std::string_view kind) {
  return std::find(list.begin(), list.end(), kind) != list.end();
}

}  // namespace

WholeNumbers NamedOperation::whole_numbers(DType dtype, bool) const {
  const bool bytes = dtype == DType::uint8;
  if (contains(kFloats, kind())) return WholeNumbers::floats;
  // A number with a point, or an array of floats, makes floats of all.
  const bool has_point = std::any_of(operands.begin(), operands.end(), [](const Operand& operand) {
    if (operand.constant) return is_floating(operand.constant->value.dtype());
    return operand.number && !operand.number->is_integer;
  });
  const bool compares = kind() == "Maximum" || kind() == "Minimum";
  const bool casts = compares || kind() == "Power" || kind() == "Matmul";
  if (has_point && (contains(kKept, kind()) || casts)) return WholeNumbers::floats;
  // With whole numbers of another type, the result would have the larger one.
  const bool mixed = std::any_of(operands.begin(), operands.end(), [&](const Operand& operand) {
    return operand.constant && operand.constant->value.dtype() != dtype;
  });
  if (mixed) return WholeNumbers::refused;
  if (contains(kKept, kind())) return WholeNumbers::kept;
  // What bytes cannot hold would wrap around before it is compared.
  const auto fits = [&](const Operand& operand) {
    return !bytes || !operand.number || (*operand.number >= 0 && *operand.number <= 255);
  };
  if (compares && std::all_of(operands.begin(), operands.end(), fits)) return WholeNumbers::kept;
  // No TensorFlow has the negative of bytes, and their sum is a uint32, which fovea does not have.
  if ((kind() == "Negative" || kind() == "Sum") && !bytes) return WholeNumbers::kept;
  // Higher powers are not exact before they wrap around.
  const bool low_power = kind() == "Power" && operands.size() == 2 && operands[1].number &&
                         *operands[1].number >= 0 && *operands[1].number <= 3;
  return low_power ? WholeNumbers::kept : WholeNumbers::refused;
}

DType NamedOperation::output_dtype(std::size_t index, std::span<const DType> inputs, bool training) const {
  const DType dtype = OperationLayer::output_dtype(index, inputs, training);
  // Keras' rule knows no policy: of whole numbers it makes float32 where a layer would make bfloat16.
  const bool any_float = std::any_of(inputs.begin(), inputs.end(), is_floating);
  return is_floating(dtype) && !any_float ? dtype_policy.variable_dtype() : dtype;
}

}  // namespace fovea
