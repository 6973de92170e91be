#include <algorithm>

#include "layers/operation_base.h"
#include "ops/composites.h"

// Operations of keras.ops that make one number of many: means, sums, extremes, variances and norms; and
// vectors brought to a length. Sources: keras/src/ops/numpy.py, nn.py, linalg.py.

namespace fovea {

std::vector<std::int64_t> resolved_axes(const LayerImpl& layer, const std::optional<Axes>& axes,
                                        std::size_t rank) {
  std::vector<std::int64_t> result;
  if (axes) {
    for (const std::int64_t axis : *axes) result.push_back(from_front(layer, axis, rank));
  } else {
    for (std::size_t i = 0; i < rank; ++i) result.push_back(static_cast<std::int64_t>(i));
  }
  std::sort(result.begin(), result.end());
  return result;
}

Shape without_axes(const Shape& x, const std::vector<std::int64_t>& axes, bool keepdims) {
  Shape result;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(x.rank()); ++i) {
    const bool gone = std::find(axes.begin(), axes.end(), i) != axes.end();
    if (!gone) result.push_back(x[i]);
    if (gone && keepdims) result.push_back(1);
  }
  return result;
}

namespace {

/// What they share: axes, and whether sizes of 1 stay there.
class AlongAxes : public NamedOperation {
 public:
  using NamedOperation::NamedOperation;
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_one(*this, inputs);
    return {without_axes(x, resolved(x.rank()), keepdims_)};
  }

 protected:
  std::vector<std::int64_t> resolved(std::size_t rank) const { return resolved_axes(*this, axis_, rank); }
  std::vector<std::int64_t> resolved(const GraphBuilder& g, Value x) const {
    return resolved(g.spec(x).shape.rank());
  }

  std::optional<Axes> axis_;
  bool keepdims_ = false;
};

class Reduction final : public AlongAxes {
 public:
  using AlongAxes::AlongAxes;
  std::string_view named_argument() const override { return kind() == "Average" ? "weights" : ""; }
  void fields(FieldVisitor& visitor) override {
    visitor.field("axis", axis_);
    if (kind() != "Average") visitor.field("keepdims", keepdims_);
    if (kind() != "Max" && kind() != "Min") return;
    std::optional<double> initial;
    visitor.field("initial", initial);
    if (initial) fail_rule("initial must be None; no other value is supported");
  }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    if (named_value.number) fail_rule("weights must be None; no other value is supported");
    return AlongAxes::output_shapes(inputs);
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    return {
        ops::reduce(context.graph, reduce_kind(), inputs[0], resolved(context.graph, inputs[0]), keepdims_)};
  }

 private:
  ops::ReduceKind reduce_kind() const {
    if (kind() == "Sum") return ops::ReduceKind::sum;
    if (kind() == "Max" || kind() == "Amax") return ops::ReduceKind::max;
    if (kind() == "Min" || kind() == "Amin") return ops::ReduceKind::min;
    return ops::ReduceKind::mean;
  }
};

/// Var, the mean of squared distances from the mean; Std, its root; Moments, mean and variance.
class VarianceOperation final : public AlongAxes {
 public:
  using AlongAxes::AlongAxes;
  void fields(FieldVisitor& visitor) override {
    visitor.field(kind() == "Moments" ? "axes" : "axis", axis_);
    visitor.field("keepdims", keepdims_);
    // Of one machine there is nothing to synchronize.
    if (kind() == "Moments") visitor.field("synchronized", synchronized_);
  }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    std::vector<Shape> shapes = AlongAxes::output_shapes(inputs);
    if (kind() == "Moments") shapes.push_back(shapes[0]);
    return shapes;
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    GraphBuilder& g = context.graph;
    const TensorSpec spec = g.spec(inputs[0]);
    const std::vector<std::int64_t> axes = resolved(spec.shape.rank());
    const Value x = ops::cast(g, inputs[0], ops::statistics_dtype(spec.dtype));
    const Value mean = ops::reduce(g, ops::ReduceKind::mean, x, axes, true);
    const Value squares = ops::unary(g, "square", ops::subtract(g, x, mean));
    const Value variance = ops::reduce(g, ops::ReduceKind::mean, squares, axes, keepdims_);
    if (kind() == "Var") return {ops::cast(g, variance, spec.dtype)};
    if (kind() == "Std") return {ops::cast(g, ops::unary(g, "sqrt", variance), spec.dtype)};
    const Value kept = ops::reshape(g, mean, without_axes(spec.shape, axes, keepdims_));
    return {ops::cast(g, kept, spec.dtype), ops::cast(g, variance, spec.dtype)};
  }

 private:
  bool synchronized_ = false;
};

/// (sum |x|^p)^(1/p)
Value norm(GraphBuilder& g, Value x, std::int64_t p, const std::vector<std::int64_t>& axes, bool keepdims) {
  const auto sum = [&](Value v) { return ops::reduce(g, ops::ReduceKind::sum, v, axes, keepdims); };
  if (p == 2) return ops::unary(g, "sqrt", sum(ops::unary(g, "square", x)));
  const Value size = ops::unary(g, "absolute", x);
  if (p == 1) return sum(size);
  const Value powers = sum(whole_power(g, size, p));
  return ops::unary(g, "exponential",
                    ops::scale(g, ops::unary(g, "log", powers), 1 / static_cast<double>(p)));
}

/// Of vectors along one axis, or of matrices that of Frobenius.
class NormOperation final : public AlongAxes {
 public:
  using AlongAxes::AlongAxes;
  void fields(FieldVisitor& visitor) override {
    visitor.field("ord", order_);
    visitor.field("axis", axis_);
    visitor.field("keepdims", keepdims_);
  }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    const std::size_t count = resolved(require_one(*this, inputs).rank()).size();
    if (count != 1 && (count != 2 || order_))
      fail_rule(fmt::format("takes one axis, or two with ord None. Received: {} axes", count));
    const double order = order_.value_or(2);
    if (order < 1 || order > kLargestOrder || order != static_cast<double>(static_cast<std::int64_t>(order)))
      fail_rule(
          fmt::format("ord must be None or a whole number from 1 to {}. Received: {}", kLargestOrder, order));
    return AlongAxes::output_shapes(inputs);
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    return {norm(context.graph, inputs[0], static_cast<std::int64_t>(order_.value_or(2)),
                 resolved(context.graph, inputs[0]), keepdims_)};
  }

 private:
  static constexpr int kLargestOrder = 64;
  std::optional<double> order_;
};

/// x / max(norm(x), epsilon)
class NormalizeOperation final : public AlongAxes {
 public:
  using AlongAxes::AlongAxes;
  void fields(FieldVisitor& visitor) override {
    visitor.field("axis", axis_);
    visitor.field("order", order_);
    visitor.field("epsilon", epsilon_);
  }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_one(*this, inputs);
    if (order_ < 1 || order_ > kLargestOrder)
      fail_rule(fmt::format("order must be from 1 to {}. Received: {}", kLargestOrder, order_));
    if (resolved(x.rank()).size() != 1 && order_ != 2)
      fail_rule("takes one axis unless order is 2");  // in Keras, norms of matrices
    if (epsilon() <= 0) fail_rule(fmt::format("epsilon must be above 0. Received: {}", epsilon()));
    return {x};
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    GraphBuilder& g = context.graph;
    const Value x = inputs[0];
    const std::vector<std::int64_t> axes = resolved(g, x);
    if (order_ == 2) return {of_length_one(g, x, axes, epsilon())};
    const Value length = norm(g, x, order_, axes, true);
    return {ops::divide(g, x, ops::maximum(g, length, scalar_like(g, length, epsilon())))};
  }

 private:
  static constexpr std::int64_t kLargestOrder = 64;
  double epsilon() const { return epsilon_.value_or(1e-7); }  // keras.backend.epsilon()

  std::int64_t order_ = 2;
  std::optional<double> epsilon_;
};

}  // namespace

std::shared_ptr<OperationLayer> make_reduction_operation(std::string_view class_name) {
  return std::make_shared<Reduction>(class_name);
}
std::shared_ptr<OperationLayer> make_variance_operation(std::string_view class_name) {
  return std::make_shared<VarianceOperation>(class_name);
}
std::shared_ptr<OperationLayer> make_norm_operation(std::string_view class_name) {
  return std::make_shared<NormOperation>(class_name);
}
std::shared_ptr<OperationLayer> make_normalize_operation(std::string_view class_name) {
  return std::make_shared<NormalizeOperation>(class_name);
}

}  // namespace fovea
