#include "layers/operation.h"

#include <algorithm>
#include <cmath>

#include "layers/activations.h"
#include "layers/operation_base.h"
#include "ops/composites.h"

// keras.ops in a functional model, as far as convolutional networks use them: the list of all that there are;
// arithmetic with NumPy's broadcasting and elementwise functions stand here, the others in
// operation_<family>.cpp. Sources: keras/src/ops/numpy.py, nn.py, math.py, core.py.

namespace fovea {

Shape broadcast(const LayerImpl& layer, const Shape& a, const Shape& b) {
  const auto widened = [rank = std::max(a.rank(), b.rank())](const Shape& shape) {
    Shape result;
    for (std::size_t i = shape.rank(); i < rank; ++i) result.push_back(1);
    for (const std::int64_t size : shape) result.push_back(size);
    return result;
  };
  return merged_shape(layer, widened(a), widened(b));
}

std::vector<Value> argument_values(GraphBuilder& g, const std::vector<Operand>& operands,
                                   std::span<const Value> tensors) {
  std::vector<Value> result;
  std::size_t next = 0;
  for (const Operand& operand : operands) {
    if (operand.constant) {
      result.push_back(g.constant(operand.constant->value.astype(g.spec(tensors[0]).dtype)));
    } else {
      result.push_back(operand.number ? scalar_like(g, tensors[0], *operand.number) : tensors[next++]);
    }
  }
  return result;
}

Value whole_power(GraphBuilder& g, Value x, std::int64_t exponent) {
  Value result, square = x;
  for (std::int64_t rest = std::abs(exponent); rest > 0; rest /= 2) {
    if (rest % 2 == 1) result = result ? ops::multiply(g, result, square) : square;
    if (rest > 1) square = ops::unary(g, "square", square);
  }
  if (!result) return ops::scale(g, x, 0, 1);
  return exponent < 0 ? ops::divide(g, scalar_like(g, result, 1), result) : result;
}

void OperationLayer::set_input_types(std::span<const DType> types) {
  const auto wider = [](DType a, DType b) {
    if (a == b) return a;
    return a == DType::float64 || b == DType::float64 ? DType::float64 : DType::float32;
  };
  std::optional<DType> widest;
  for (const DType type : types) {
    if (is_floating(type)) widest = wider(widest.value_or(type), type);
  }
  for (const Operand& operand : operands) {
    if (!operand.constant || !is_floating(operand.constant->value.dtype())) continue;
    // Keras goes on in float64 for an array of NumPy's usual type; here nothing but rounding would come of
    // it.
    const DType type = operand.constant->value.dtype() == DType::bfloat16 ? DType::bfloat16 : DType::float32;
    widest = wider(widest.value_or(type), type);
  }
  dtype_policy = widest.value_or(floatx());
}

namespace {

constexpr std::string_view kNumpy = "keras.src.ops.numpy", kNn = "keras.src.ops.nn",
                           kMath = "keras.src.ops.math", kCore = "keras.src.ops.core",
                           kLinalg = "keras.src.ops.linalg", kImage = "keras.src.ops.image";

// ---- arithmetic ----

class Arithmetic final : public NamedOperation {
 public:
  using Combine = Value (*)(GraphBuilder&, Value, Value);
  Arithmetic(std::string_view class_name, Combine combine) : NamedOperation(class_name), combine_(combine) {}

  bool takes_values() const override { return true; }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    if (operands.size() != 2)
      fail_rule(fmt::format("takes two arguments, tensors or numbers. Received: {}", operands.size()));
    if (inputs.size() == 2) return {broadcast(*this, inputs[0], inputs[1])};
    Shape result = require_one(*this, inputs);
    for (const Operand& operand : operands) {
      if (operand.constant) result = broadcast(*this, result, operand.constant->value.shape());
    }
    return {result};
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    const std::vector<Value> values = argument_values(context.graph, operands, inputs);
    return {combine_(context.graph, values[0], values[1])};
  }

 private:
  Combine combine_;
};

/// x to a power that is a number.
class PowerOperation final : public NamedOperation {
 public:
  using NamedOperation::NamedOperation;
  bool takes_values() const override { return true; }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    if (operands.size() != 2 || operands[0].number || !operands[1].number)
      fail_rule("its second argument must be a number");
    return {require_one(*this, inputs)};
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    GraphBuilder& g = context.graph;
    const double power = *operands[1].number;
    if (power == 0.5) return {ops::unary(g, "sqrt", inputs[0])};
    if (power != std::floor(power) || std::abs(power) > 64)
      return {ops::unary(g, "exponential", ops::scale(g, ops::unary(g, "log", inputs[0]), power))};
    return {whole_power(g, inputs[0], static_cast<std::int64_t>(power))};
  }
};

// ---- elementwise functions ----

class Elementwise final : public NamedOperation {
 public:
  using Function = Value (*)(GraphBuilder&, Value, const ops::UnaryParameters&);
  /// `option` is the name of its number, which stands in alpha; empty: it has none.
  Elementwise(std::string_view class_name, Function function, std::string_view option = {},
              double standard = 0)
      : NamedOperation(class_name), function_(function), option_(option), parameters_{standard, 0, 0} {}
  void fields(FieldVisitor& visitor) override {
    if (!option_.empty()) visitor.field(option_, parameters_.alpha);
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    return {function_(context.graph, inputs[0], parameters_)};
  }

 private:
  Function function_;
  std::string_view option_;
  ops::UnaryParameters parameters_;
};

class GeluOperation final : public NamedOperation {
 public:
  using NamedOperation::NamedOperation;
  void fields(FieldVisitor& visitor) override { visitor.field("approximate", approximate_); }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    return {ops::unary(context.graph, approximate_ ? "gelu_tanh" : "gelu", inputs[0])};
  }

 private:
  bool approximate_ = true;
};

class ClipOperation final : public NamedOperation {
 public:
  using NamedOperation::NamedOperation;
  /// Bounds with a point are an error in Keras too; others than bytes would wrap around.
  WholeNumbers whole_numbers(DType dtype, bool) const override {
    const bool whole = low_.is_integer && high_.is_integer;
    const bool fits = dtype != DType::uint8 || (low_ >= 0 && high_ <= 255);
    return whole && fits ? WholeNumbers::kept : WholeNumbers::refused;
  }
  void fields(FieldVisitor& visitor) override {
    visitor.field("x_min", low_);
    visitor.field("x_max", high_);
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    return {clip(context.graph, inputs[0], low_, high_)};
  }

 private:
  Literal low_, high_;
};

class SoftmaxOperation final : public NamedOperation {
 public:
  using NamedOperation::NamedOperation;
  void fields(FieldVisitor& visitor) override { visitor.field("axis", axis_); }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_one(*this, inputs);
    from_front(*this, axis_, x.rank());
    return {x};
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    GraphBuilder& g = context.graph;
    const Value last = axis_to_last(g, inputs[0], axis_);
    return {
        axis_from_last(g, kind() == "Softmax" ? ops::softmax(g, last) : ops::log_softmax(g, last), axis_)};
  }

 private:
  std::int64_t axis_ = -1;
};

// ---- types and gradients ----

/// Of whatever type x is, to floats.
class CastOperation final : public NamedOperation {
 public:
  using NamedOperation::NamedOperation;
  void fields(FieldVisitor& visitor) override {
    visitor.field("dtype", dtype_);
    if (dtype_ != "float32" && dtype_ != "float64" && dtype_ != "bfloat16")
      fail_rule(fmt::format("dtype must be float32, float64 or bfloat16. Received: {}", dtype_));
    if (visitor.reads()) dtype_policy = dtype_from_name(dtype_);
  }
  void set_input_types(std::span<const DType>) override {}
  /// Layers are given their inputs in the type that they compute in.
  std::vector<Value> lower(const LoweringContext&, std::span<const Value> inputs) const override {
    return {inputs[0]};
  }

 private:
  std::string dtype_ = "float32";
};

// ---- the list ----

struct Row {
  std::string_view module, kind;
  std::shared_ptr<OperationLayer> (*make)(std::string_view class_name);
};

template <class Impl>
std::shared_ptr<OperationLayer> make(std::string_view class_name) {
  return std::make_shared<Impl>(class_name);
}
template <Arithmetic::Combine Combine>
std::shared_ptr<OperationLayer> arithmetic(std::string_view class_name) {
  return std::make_shared<Arithmetic>(class_name, Combine);
}
template <const char* Function>
std::shared_ptr<OperationLayer> unary(std::string_view class_name) {
  return std::make_shared<Elementwise>(class_name, [](GraphBuilder& g, Value x, const ops::UnaryParameters&) {
    return ops::unary(g, Function, x);
  });
}
template <const char* Activation>
std::shared_ptr<OperationLayer> activation(std::string_view class_name) {
  return std::make_shared<Elementwise>(class_name, [](GraphBuilder& g, Value x, const ops::UnaryParameters&) {
    return lower_activation(g, Activation, x);
  });
}
std::shared_ptr<OperationLayer> elu(std::string_view class_name) {
  return std::make_shared<Elementwise>(
      class_name,
      [](GraphBuilder& g, Value x, const ops::UnaryParameters& p) { return ops::unary(g, "elu", x, p); },
      "alpha", 1);
}
std::shared_ptr<OperationLayer> celu(std::string_view class_name) {
  return std::make_shared<Elementwise>(
      class_name,
      [](GraphBuilder& g, Value x, const ops::UnaryParameters& p) { return ops::unary(g, "celu", x, p); },
      "alpha", 1);
}
std::shared_ptr<OperationLayer> reciprocal(std::string_view class_name) {
  return std::make_shared<Elementwise>(class_name, [](GraphBuilder& g, Value x, const ops::UnaryParameters&) {
    return ops::divide(g, scalar_like(g, x, 1), x);
  });
}
std::shared_ptr<OperationLayer> stop_gradient(std::string_view class_name) {
  return std::make_shared<Elementwise>(class_name, [](GraphBuilder& g, Value x, const ops::UnaryParameters&) {
    return ops::stop_gradient(g, x);
  });
}
std::shared_ptr<OperationLayer> leaky_relu(std::string_view class_name) {
  return std::make_shared<Elementwise>(
      class_name,
      [](GraphBuilder& g, Value x, const ops::UnaryParameters& p) { return ops::unary(g, "relu", x, p); },
      "negative_slope", 0.2);
}

constexpr char kNegative[] = "negative", kSquare[] = "square", kSqrt[] = "sqrt", kExp[] = "exponential",
               kLog[] = "log", kAbsolute[] = "absolute", kTanh[] = "tanh", kRsqrt[] = "rsqrt",
               kRelu[] = "relu", kRelu6[] = "relu6", kSigmoid[] = "sigmoid", kSilu[] = "silu",
               kHardSigmoid[] = "hard_sigmoid", kHardSilu[] = "hard_silu", kSoftplus[] = "softplus",
               kSoftsign[] = "softsign", kSelu[] = "selu", kLogSigmoid[] = "log_sigmoid",
               kHardTanh[] = "hard_tanh", kTanhShrink[] = "tanh_shrink", kSparsePlus[] = "sparse_plus",
               kSparseSigmoid[] = "sparse_sigmoid";

constexpr Row kOperations[] = {
    {kNumpy, "Add", arithmetic<ops::add>},
    {kNumpy, "Subtract", arithmetic<ops::subtract>},
    {kNumpy, "Multiply", arithmetic<ops::multiply>},
    {kNumpy, "Divide", arithmetic<ops::divide>},
    {kNumpy, "TrueDivide", arithmetic<ops::divide>},
    {kNumpy, "Maximum", arithmetic<ops::maximum>},
    {kNumpy, "Minimum", arithmetic<ops::minimum>},
    {kNumpy, "Power", make<PowerOperation>},
    {kNumpy, "Negative", unary<kNegative>},
    {kNumpy, "Square", unary<kSquare>},
    {kNumpy, "Sqrt", unary<kSqrt>},
    {kNumpy, "Exp", unary<kExp>},
    {kNumpy, "Log", unary<kLog>},
    {kNumpy, "Absolute", unary<kAbsolute>},
    {kNumpy, "Tanh", unary<kTanh>},
    {kNumpy, "Clip", make<ClipOperation>},
    {kNumpy, "Reciprocal", reciprocal},
    {kMath, "Rsqrt", unary<kRsqrt>},
    {kNn, "Relu", activation<kRelu>},
    {kNn, "Relu6", activation<kRelu6>},
    {kNn, "Sigmoid", activation<kSigmoid>},
    {kNn, "Silu", activation<kSilu>},
    {kNn, "HardSigmoid", activation<kHardSigmoid>},
    {kNn, "HardSilu", activation<kHardSilu>},
    {kNn, "Softplus", activation<kSoftplus>},
    {kNn, "Softsign", activation<kSoftsign>},
    {kNn, "Selu", activation<kSelu>},
    {kNn, "LogSigmoid", activation<kLogSigmoid>},
    {kNn, "HardTanh", activation<kHardTanh>},
    {kNn, "TanhShrink", activation<kTanhShrink>},
    {kNn, "SparsePlus", activation<kSparsePlus>},
    {kNn, "SparseSigmoid", activation<kSparseSigmoid>},
    {kNn, "Elu", elu},
    {kNn, "Celu", celu},
    {kNn, "LeakyRelu", leaky_relu},
    {kNn, "Gelu", make<GeluOperation>},
    {kNn, "Softmax", make<SoftmaxOperation>},
    {kNn, "LogSoftmax", make<SoftmaxOperation>},
    {kNumpy, "Mean", make_reduction_operation},
    {kNumpy, "Sum", make_reduction_operation},
    {kNumpy, "Max", make_reduction_operation},
    {kNumpy, "Min", make_reduction_operation},
    {kNumpy, "Amax", make_reduction_operation},
    {kNumpy, "Amin", make_reduction_operation},
    {kNumpy, "Average", make_reduction_operation},
    {kNumpy, "Var", make_variance_operation},
    {kNumpy, "Std", make_variance_operation},
    {kNn, "Moments", make_variance_operation},
    {kLinalg, "Norm", make_norm_operation},
    {kNn, "Normalize", make_normalize_operation},
    {kNumpy, "Matmul", make_matmul_operation},
    {kNn, "Conv", make_conv_operation},
    {kNn, "DepthwiseConv", make_conv_operation},
    {kNn, "MaxPool", make_pool_operation},
    {kNn, "AveragePool", make_pool_operation},
    {kImage, "Resize", make_resize_operation},
    {kNn, "DepthToSpace", make_blocks_operation},
    {kNn, "SpaceToDepth", make_blocks_operation},
    {kNumpy, "GetItem", make_get_item_operation},
    {kNumpy, "Flip", make_flip_operation},
    {kNumpy, "Roll", make_roll_operation},
    {kNumpy, "Repeat", make_repeat_operation},
    {kNumpy, "Tile", make_tile_operation},
    {kNumpy, "Split", make_split_operation},
    {kNumpy, "ArraySplit", make_split_operation},
    {kCore, "Unstack", make_unstack_operation},
    {kNumpy, "Pad", make_pad_operation},
    {kCore, "Cast", make<CastOperation>},
    {kCore, "StopGradient", stop_gradient},
    {kNumpy, "Reshape", make_reshape_operation},
    {kNumpy, "Transpose", make_transpose_operation},
    {kNumpy, "Swapaxes", make_transpose_operation},
    {kNumpy, "Moveaxis", make_transpose_operation},
    {kNumpy, "ExpandDims", make_axis_operation},
    {kNumpy, "Squeeze", make_axis_operation},
    {kNumpy, "Concatenate", make_join_operation},
    {kNumpy, "Stack", make_join_operation},
};

/// "module>kind" of every row, in their order, which the objects' names refer to.
const std::vector<std::string>& class_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Row& row : kOperations) all.push_back(fmt::format("{}>{}", row.module, row.kind));
    return all;
  }();
  return names;
}

}  // namespace

std::shared_ptr<OperationLayer> make_operation(std::string_view class_name) {
  const std::vector<std::string>& names = class_names();
  const auto found = std::find(names.begin(), names.end(), class_name);
  if (found == names.end()) return nullptr;
  return kOperations[found - names.begin()].make(*found);
}

bool is_operation(std::string_view class_name) { return class_name.rfind("keras.src.ops.", 0) == 0; }

}  // namespace fovea
