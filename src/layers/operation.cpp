#include "layers/operation.h"

#include <algorithm>
#include <cmath>

#include "layers/activations.h"
#include "layers/operation_base.h"
#include "ops/composites.h"

// keras.ops in a functional model, as far as convolutional networks use them: arithmetic with NumPy's
// broadcasting, elementwise functions, reductions, and changes of shape. Sources: keras/src/ops/numpy.py,
// nn.py, math.py, core.py.

namespace fovea {
namespace {

constexpr std::string_view kNumpy = "keras.src.ops.numpy", kNn = "keras.src.ops.nn",
                           kMath = "keras.src.ops.math";

// ---- arithmetic ----

/// As NumPy aligns shapes, from their last axis.
Shape broadcast(const LayerImpl& layer, const Shape& a, const Shape& b) {
  const auto widened = [rank = std::max(a.rank(), b.rank())](const Shape& shape) {
    Shape result;
    for (std::size_t i = shape.rank(); i < rank; ++i) result.push_back(1);
    for (const std::int64_t size : shape) result.push_back(size);
    return result;
  };
  return merged_shape(layer, widened(a), widened(b));
}

class Arithmetic final : public NamedOperation {
 public:
  using Combine = Value (*)(GraphBuilder&, Value, Value);
  Arithmetic(std::string_view class_name, Combine combine) : NamedOperation(class_name), combine_(combine) {}

  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    if (operands.size() != 2)
      fail_rule(fmt::format("takes two arguments, tensors or numbers. Received: {}", operands.size()));
    if (inputs.size() == 2) return {broadcast(*this, inputs[0], inputs[1])};
    return {require_one(*this, inputs)};
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    GraphBuilder& g = context.graph;
    std::size_t next = 0;
    const auto value = [&](const Operand& operand) {
      return operand.number ? scalar_like(g, inputs[0], *operand.number) : inputs[next++];
    };
    const Value first = value(operands[0]);
    return {combine_(g, first, value(operands[1]))};
  }

 private:
  Combine combine_;
};

/// x to a power that is a number.
class PowerOperation final : public NamedOperation {
 public:
  using NamedOperation::NamedOperation;
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
    Value result, square = inputs[0];
    for (auto rest = static_cast<std::int64_t>(std::abs(power)); rest > 0; rest /= 2) {
      if (rest % 2 == 1) result = result ? ops::multiply(g, result, square) : square;
      if (rest > 1) square = ops::unary(g, "square", square);
    }
    if (!result) return {ops::scale(g, inputs[0], 0, 1)};
    return {power < 0 ? ops::divide(g, scalar_like(g, result, 1), result) : result};
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
  void fields(FieldVisitor& visitor) override {
    visitor.field("x_min", low_);
    visitor.field("x_max", high_);
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    return {clip(context.graph, inputs[0], low_, high_)};
  }

 private:
  double low_ = 0, high_ = 0;
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

// ---- reductions ----

class Reduction final : public NamedOperation {
 public:
  Reduction(std::string_view class_name, ops::ReduceKind kind) : NamedOperation(class_name), reduce_(kind) {}
  void fields(FieldVisitor& visitor) override {
    visitor.field("axis", axis_);
    visitor.field("keepdims", keepdims_);
    if (reduce_ != ops::ReduceKind::max && reduce_ != ops::ReduceKind::min) return;
    std::optional<double> initial;
    visitor.field("initial", initial);
    if (initial) fail_rule("initial must be None; no other value is supported");
  }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_one(*this, inputs);
    const std::vector<std::int64_t> axes = resolved(x.rank());
    Shape result;
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(x.rank()); ++i) {
      const bool gone = std::find(axes.begin(), axes.end(), i) != axes.end();
      if (!gone) result.push_back(x[i]);
      if (gone && keepdims_) result.push_back(1);
    }
    return {result};
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    const std::size_t rank = context.graph.spec(inputs[0]).shape.rank();
    return {ops::reduce(context.graph, reduce_, inputs[0], resolved(rank), keepdims_)};
  }

 private:
  std::vector<std::int64_t> resolved(std::size_t rank) const {
    std::vector<std::int64_t> axes;
    if (axis_) {
      for (const std::int64_t axis : *axis_) axes.push_back(from_front(*this, axis, rank));
    } else {
      for (std::size_t i = 0; i < rank; ++i) axes.push_back(static_cast<std::int64_t>(i));
    }
    std::sort(axes.begin(), axes.end());
    return axes;
  }

  ops::ReduceKind reduce_;
  std::optional<Axes> axis_;
  bool keepdims_ = false;
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
template <ops::ReduceKind Kind>
std::shared_ptr<OperationLayer> reduction(std::string_view class_name) {
  return std::make_shared<Reduction>(class_name, Kind);
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
               kSoftsign[] = "softsign", kSelu[] = "selu";

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
    {kNn, "Elu", elu},
    {kNn, "LeakyRelu", leaky_relu},
    {kNn, "Gelu", make<GeluOperation>},
    {kNn, "Softmax", make<SoftmaxOperation>},
    {kNn, "LogSoftmax", make<SoftmaxOperation>},
    {kNumpy, "Mean", reduction<ops::ReduceKind::mean>},
    {kNumpy, "Sum", reduction<ops::ReduceKind::sum>},
    {kNumpy, "Max", reduction<ops::ReduceKind::max>},
    {kNumpy, "Min", reduction<ops::ReduceKind::min>},
    {kNumpy, "Reshape", make_reshape_operation},
    {kNumpy, "Transpose", make_transpose_operation},
    {kNumpy, "Swapaxes", make_transpose_operation},
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
