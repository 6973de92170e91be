#include "layers/operation.h"

#include <algorithm>
#include <cmath>

#include "layers/activations.h"
#include "layers/layer_support.h"
#include "ops/shaping.h"

// keras.ops in a functional model, as far as convolutional networks use them: arithmetic with NumPy's
// broadcasting, elementwise functions, reductions, and changes of shape. Sources: keras/src/ops/numpy.py,
// nn.py, math.py, core.py.

namespace fovea {
namespace {

constexpr std::string_view kNumpy = "keras.src.ops.numpy", kNn = "keras.src.ops.nn",
                           kMath = "keras.src.ops.math";

/// What all of them share: where Keras keeps the class, and one tensor unless they say otherwise.
class Named : public OperationLayer {
 public:
  explicit Named(std::string_view class_name) : class_name_(class_name) {}
  std::string_view class_name() const override { return class_name_; }
  KerasTraits keras_traits() const override {
    return {.takes_list = takes_tensors(), .module = class_name_.substr(0, class_name_.find('>'))};
  }
  void fields(FieldVisitor&) override {}
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    return {require_one(*this, inputs)};
  }

 protected:
  std::string_view kind() const { return class_name_.substr(class_name_.find('>') + 1); }

 private:
  std::string_view class_name_;
};

std::int64_t from_front(const LayerImpl& layer, std::int64_t axis, std::size_t rank) {
  const auto size = static_cast<std::int64_t>(rank);
  const std::int64_t result = axis < 0 ? axis + size : axis;
  if (result < 0 || result >= size)
    layer.fail_rule(fmt::format("a tensor of rank {} has no axis {}", rank, axis));
  return result;
}

Value number_like(GraphBuilder& g, Value x, double value) {
  return g.constant(Tensor::of<double>({}, {value}).astype(g.spec(x).dtype));
}

// ---- arithmetic ----

/// Shapes in which sizes may be open, aligned from the last axis.
Shape broadcast(const LayerImpl& layer, const Shape& a, const Shape& b) {
  const std::size_t rank = std::max(a.rank(), b.rank());
  Shape result;
  for (std::size_t i = 0; i < rank; ++i) {
    const auto size = [&](const Shape& shape) {
      const std::size_t missing = rank - shape.rank();
      return i < missing ? 1 : shape[static_cast<std::ptrdiff_t>(i - missing)];
    };
    const std::int64_t left = size(a), right = size(b);
    if (left != right && left > 1 && right > 1) {
      layer.fail_rule(
          fmt::format("inputs must have shapes that broadcast. Received: {} and {}", a.str(), b.str()));
    }
    result.push_back(left == 1 || (left == Shape::unknown && right > 1) ? right : left);
  }
  return result;
}

class Arithmetic final : public Named {
 public:
  using Combine = Value (*)(GraphBuilder&, Value, Value);
  Arithmetic(std::string_view class_name, Combine combine) : Named(class_name), combine_(combine) {}

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
      return operand.number ? number_like(g, inputs[0], *operand.number) : inputs[next++];
    };
    const Value first = value(operands[0]);
    return {combine_(g, first, value(operands[1]))};
  }

 private:
  Combine combine_;
};

/// x to a power that is a number.
class PowerOperation final : public Named {
 public:
  using Named::Named;
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
    return {power < 0 ? ops::divide(g, number_like(g, result, 1), result) : result};
  }
};

// ---- elementwise functions ----

class Elementwise final : public Named {
 public:
  using Function = Value (*)(GraphBuilder&, Value, const ops::UnaryParameters&);
  /// `option` is the name of its number, which stands in alpha; empty: it has none.
  Elementwise(std::string_view class_name, Function function, std::string_view option = {},
              double standard = 0)
      : Named(class_name), function_(function), option_(option), parameters_{standard, 0, 0} {}
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

class GeluOperation final : public Named {
 public:
  using Named::Named;
  void fields(FieldVisitor& visitor) override { visitor.field("approximate", approximate_); }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    return {ops::unary(context.graph, approximate_ ? "gelu_tanh" : "gelu", inputs[0])};
  }

 private:
  bool approximate_ = true;
};

class ClipOperation final : public Named {
 public:
  using Named::Named;
  void fields(FieldVisitor& visitor) override {
    visitor.field("x_min", low_);
    visitor.field("x_max", high_);
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    GraphBuilder& g = context.graph;
    const Value above = ops::maximum(g, inputs[0], number_like(g, inputs[0], low_));
    return {ops::minimum(g, above, number_like(g, inputs[0], high_))};
  }

 private:
  double low_ = 0, high_ = 0;
};

class SoftmaxOperation final : public Named {
 public:
  using Named::Named;
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

class Reduction final : public Named {
 public:
  Reduction(std::string_view class_name, ops::ReduceKind kind) : Named(class_name), reduce_(kind) {}
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

// ---- shapes ----

class ReshapeOperation final : public Named {
 public:
  using Named::Named;
  void fields(FieldVisitor& visitor) override {
    std::vector<std::int64_t> sizes(newshape_.begin(), newshape_.end());  // -1 for an open one, as in Keras
    visitor.field("newshape", sizes);
    if (sizes.size() > Shape::max_rank)
      fail_rule(fmt::format("newshape has at most {} sizes. Received: {}", Shape::max_rank, sizes.size()));
    newshape_ = {};
    for (const std::int64_t size : sizes) newshape_.push_back(size < 0 ? Shape::unknown : size);
  }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_one(*this, inputs);
    Shape result = newshape_;
    const bool batch_is_open = result.rank() > 0 && result[0] == Shape::unknown;
    if (!batch_is_open)
      fail_rule("newshape must leave the batch open: its first size must be -1. Received: " + result.str());
    const Shape sample = x.slice(1);
    if (!sample.is_known()) return {result};
    const std::int64_t total = sample.elements();
    std::int64_t known = 1, open = 0;
    std::ptrdiff_t place = 0;
    for (std::size_t i = 1; i < result.rank(); ++i) {
      const std::int64_t size = result[static_cast<std::ptrdiff_t>(i)];
      if (size == Shape::unknown) {
        ++open;
        place = static_cast<std::ptrdiff_t>(i);
      } else {
        known *= size;
      }
    }
    if (open > 1 || known == 0 || (open == 1 ? total % known : total - known) != 0) {
      fail_rule(fmt::format("{} numbers a sample (input shape {}) do not fit newshape {}", total, x.str(),
                            newshape_.str()));
    }
    if (open == 1) result.set(place, total / known);
    result.set(0, x[0]);
    return {result};
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    const Shape x = context.graph.spec(inputs[0]).shape;
    return {emit_one(context.graph, ReshapeOp(output_shapes({&x, 1})[0]), {inputs[0]})};
  }

 private:
  Shape newshape_;
};

/// Transpose, by all axes or their reverse order, and Swapaxes.
class TransposeOperation final : public Named {
 public:
  using Named::Named;
  void fields(FieldVisitor& visitor) override {
    if (kind() == "Transpose") {
      visitor.field("axes", axes_);
    } else {
      visitor.field("axis1", first_);
      visitor.field("axis2", second_);
    }
  }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_one(*this, inputs);
    Shape result;
    for (const std::int64_t axis : order(x.rank())) result.push_back(x[axis]);
    return {result};
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    return {ops::transpose(context.graph, inputs[0], order(context.graph.spec(inputs[0]).shape.rank()))};
  }

 private:
  std::vector<std::int64_t> order(std::size_t rank) const {
    std::vector<std::int64_t> result;
    for (std::size_t i = 0; i < rank; ++i) result.push_back(static_cast<std::int64_t>(i));
    if (kind() == "Swapaxes") {
      std::swap(result[static_cast<std::size_t>(from_front(*this, first_, rank))],
                result[static_cast<std::size_t>(from_front(*this, second_, rank))]);
    } else if (!axes_) {
      std::reverse(result.begin(), result.end());
    } else {
      std::vector<std::int64_t> given;
      for (const std::int64_t axis : *axes_) given.push_back(from_front(*this, axis, rank));
      if (!std::is_permutation(result.begin(), result.end(), given.begin(), given.end()))
        fail_rule(fmt::format("axes must name each of {} axes once", rank));
      return given;
    }
    return result;
  }

  std::optional<Axes> axes_;
  std::int64_t first_ = 0, second_ = 1;
};

/// ExpandDims and Squeeze: axes of size 1 come and go.
class AxisOperation final : public Named {
 public:
  using Named::Named;
  void fields(FieldVisitor& visitor) override { visitor.field("axis", axis_); }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_one(*this, inputs);
    const bool expands = kind() == "ExpandDims";
    if (expands && !axis_) fail_rule("axis must be given. Received: None");
    Shape result;
    std::vector<std::int64_t> places;
    const std::size_t rank = x.rank() + (expands ? axis_->size() : 0);
    if (axis_) {
      for (const std::int64_t axis : *axis_) places.push_back(from_front(*this, axis, rank));
    }
    const auto named = [&](std::int64_t i) {
      return std::find(places.begin(), places.end(), i) != places.end();
    };
    std::int64_t next = 0;
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(rank); ++i) {
      if (expands) {
        result.push_back(named(i) ? 1 : x[next++]);
        continue;
      }
      if (named(i) && x[i] != 1)
        fail_rule(fmt::format("only an axis of size 1 can go. Received: axis {} of {}", i, x.str()));
      if (axis_ ? !named(i) : x[i] != 1) result.push_back(x[i]);
    }
    return {result};
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    const Shape x = context.graph.spec(inputs[0]).shape;
    return {emit_one(context.graph, ReshapeOp(output_shapes({&x, 1})[0]), {inputs[0]})};
  }

 private:
  std::optional<Axes> axis_;
};

/// Concatenate, and Stack, which makes the axis.
class JoinOperation final : public Named {
 public:
  using Named::Named;
  bool takes_tensors() const override { return true; }
  void fields(FieldVisitor& visitor) override { visitor.field("axis", axis_); }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    if (inputs.empty()) fail_rule("takes at least one tensor. Received: none");
    std::vector<Shape> parts;
    for (const Shape& input : inputs) parts.push_back(part(input));
    Shape result = parts[0];
    const std::int64_t along = from_front(*this, axis_, result.rank());
    for (std::size_t i = 1; i < parts.size(); ++i) {
      bool fits = parts[i].rank() == result.rank();
      for (std::int64_t axis = 0; fits && axis < static_cast<std::int64_t>(result.rank()); ++axis) {
        const bool open = parts[i][axis] == Shape::unknown || result[axis] == Shape::unknown;
        fits = axis == along || open || parts[i][axis] == result[axis];
      }
      if (!fits) {
        fail_rule(fmt::format("tensors must agree outside axis {}. Received: shapes {} and {}", axis_,
                              inputs[0].str(), inputs[i].str()));
      }
      const bool open = parts[i][along] == Shape::unknown || result[along] == Shape::unknown;
      result.set(along, open ? Shape::unknown : result[along] + parts[i][along]);
    }
    return {result};
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    std::vector<Value> parts;
    for (const Value input : inputs)
      parts.push_back(ops::reshape(context.graph, input, part(context.graph.spec(input).shape)));
    return {ops::concatenate(context.graph, parts, axis_)};
  }

 private:
  /// What is set side by side: with Stack, the tensor with an axis of size 1 there.
  Shape part(const Shape& x) const {
    if (kind() == "Concatenate") return x;
    const std::int64_t place = from_front(*this, axis_, x.rank() + 1);
    Shape result;
    for (std::int64_t i = 0; i <= static_cast<std::int64_t>(x.rank()); ++i) {
      if (i == place) result.push_back(1);
      if (i < static_cast<std::int64_t>(x.rank())) result.push_back(x[i]);
    }
    return result;
  }

  std::int64_t axis_ = -1;
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
    {kNumpy, "Reshape", make<ReshapeOperation>},
    {kNumpy, "Transpose", make<TransposeOperation>},
    {kNumpy, "Swapaxes", make<TransposeOperation>},
    {kNumpy, "ExpandDims", make<AxisOperation>},
    {kNumpy, "Squeeze", make<AxisOperation>},
    {kNumpy, "Concatenate", make<JoinOperation>},
    {kNumpy, "Stack", make<JoinOperation>},
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
