#include <algorithm>

#include "layers/operation_base.h"
#include "ops/shaping.h"

// Operations of keras.ops that change the shape of tensors alone, or put tensors side by side. Source:
// keras/src/ops/numpy.py.

namespace fovea {
namespace {

class ReshapeOperation final : public NamedOperation {
 public:
  using NamedOperation::NamedOperation;
  void fields(FieldVisitor& visitor) override {
    std::vector<std::int64_t> sizes(newshape_.begin(), newshape_.end());  // -1 for an open one, as in Keras
    visitor.field("newshape", sizes);
    if (sizes.size() > Shape::max_rank)
      fail_rule(fmt::format("newshape has at most {} sizes. Received: {}", Shape::max_rank, sizes.size()));
    if (!visitor.reads()) return;
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

/// Transpose, by all axes or their reverse order; Swapaxes, and Moveaxis.
class TransposeOperation final : public NamedOperation {
 public:
  using NamedOperation::NamedOperation;
  void fields(FieldVisitor& visitor) override {
    if (kind() == "Transpose") {
      visitor.field("axes", axes_);
    } else if (kind() == "Swapaxes") {
      visitor.field("axis1", first_);
      visitor.field("axis2", second_);
    } else {
      one_or_many_field(visitor, "source", source_);
      one_or_many_field(visitor, "destination", destination_);
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
    if (kind() == "Moveaxis") return moved(rank);
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

  /// The axes that do not move keep their order.
  std::vector<std::int64_t> moved(std::size_t rank) const {
    const auto places = [&](const Axes& axes) {
      std::vector<std::int64_t> result;
      for (const std::int64_t axis : axes) result.push_back(from_front(*this, axis, rank));
      return result;
    };
    const std::vector<std::int64_t> from = places(source_), to = places(destination_);
    if (from.size() != to.size() || !distinct_axes(from, rank) || !distinct_axes(to, rank))
      fail_rule("source and destination must be different axes, and as many");
    std::vector<std::int64_t> result(rank, -1);
    for (std::size_t i = 0; i < from.size(); ++i) result[static_cast<std::size_t>(to[i])] = from[i];
    std::int64_t next = 0;
    for (std::int64_t& axis : result) {
      if (axis >= 0) continue;
      while (std::find(from.begin(), from.end(), next) != from.end()) ++next;
      axis = next++;
    }
    return result;
  }

  std::optional<Axes> axes_;
  std::int64_t first_ = 0, second_ = 1;
  Axes source_ = 0, destination_ = 0;
};

/// ExpandDims and Squeeze: axes of size 1 come and go.
class AxisOperation final : public NamedOperation {
 public:
  using NamedOperation::NamedOperation;
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
class JoinOperation final : public NamedOperation {
 public:
  using NamedOperation::NamedOperation;
  bool takes_tensors() const override { return true; }
  void fields(FieldVisitor& visitor) override { visitor.field("axis", axis_); }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    std::vector<Shape> parts;
    for (const Shape& input : inputs) parts.push_back(part(input));
    return {concatenated_shape(*this, parts, axis_)};
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

}  // namespace

std::shared_ptr<OperationLayer> make_reshape_operation(std::string_view class_name) {
  return std::make_shared<ReshapeOperation>(class_name);
}
std::shared_ptr<OperationLayer> make_transpose_operation(std::string_view class_name) {
  return std::make_shared<TransposeOperation>(class_name);
}
std::shared_ptr<OperationLayer> make_axis_operation(std::string_view class_name) {
  return std::make_shared<AxisOperation>(class_name);
}
std::shared_ptr<OperationLayer> make_join_operation(std::string_view class_name) {
  return std::make_shared<JoinOperation>(class_name);
}

}  // namespace fovea
