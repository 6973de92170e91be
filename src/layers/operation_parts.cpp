#include <algorithm>

#include "layers/operation_base.h"
#include "ops/composites.h"
#include "ops/shaping.h"

// Operations of keras.ops that cut an axis into several tensors, or put borders around it. Sources:
// keras/src/ops/numpy.py, core.py.

namespace fovea {
namespace {

/// An axis behind the batch's.
std::int64_t sample_axis(const LayerImpl& layer, std::int64_t axis, std::size_t rank) {
  const std::int64_t result = from_front(layer, axis, rank);
  if (result == 0) layer.fail_rule("the batch stays whole: axis must be one behind its own. Received: 0");
  return result;
}

/// Where an axis is cut: parts from starts[i] to starts[i + 1].
using Starts = std::vector<std::int64_t>;

/// Split, into equal parts or at indices, and ArraySplit, whose first parts may be larger by one.
class SplitOperation final : public NamedOperation {
 public:
  using NamedOperation::NamedOperation;
  void fields(FieldVisitor& visitor) override {
    one_or_many_field(visitor, "indices_or_sections", where_);
    visitor.field("axis", axis_);
  }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_one(*this, inputs);
    const std::int64_t axis = sample_axis(*this, axis_, x.rank());
    if (x[axis] == Shape::unknown) return std::vector<Shape>(parts(), x);
    const Starts starts = starts_in(x[axis]);
    std::vector<Shape> result;
    for (std::size_t i = 0; i + 1 < starts.size(); ++i) {
      result.push_back(x);
      result.back().set(axis, starts[i + 1] - starts[i]);
    }
    return result;
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    const Shape x = context.graph.spec(inputs[0]).shape;
    const std::int64_t axis = sample_axis(*this, axis_, x.rank());
    const Starts starts = starts_in(x[axis]);
    std::vector<Value> result;
    for (std::size_t i = 0; i + 1 < starts.size(); ++i)
      result.push_back(ops::slice(context.graph, inputs[0], axis, starts[i], starts[i + 1] - starts[i]));
    return result;
  }

 private:
  std::size_t parts() const {
    if (where_.is_list) return where_.size() + 1;
    const std::int64_t sections = where_.values[0];
    if (sections < 1)
      fail_rule(fmt::format("indices_or_sections must be at least 1. Received: {}", sections));
    require_possible_count(*this, "indices_or_sections", sections);
    return static_cast<std::size_t>(sections);
  }
  Starts starts_in(std::int64_t size) const {
    Starts starts{0};
    if (where_.is_list) {
      starts.insert(starts.end(), where_.begin(), where_.end());
      starts.push_back(size);
      if (!std::is_sorted(starts.begin(), starts.end())) {
        fail_rule(fmt::format("indices_or_sections must rise from 0 to at most {}, the size of axis {}", size,
                              axis_));
      }
      return starts;
    }
    const auto sections = static_cast<std::int64_t>(parts());
    if (kind() == "Split" && size % sections != 0)
      fail_rule(fmt::format("axis {} of size {} does not come in {} equal parts", axis_, size, sections));
    for (std::int64_t i = 0; i < sections; ++i)
      starts.push_back(starts.back() + size / sections + (i < size % sections ? 1 : 0));
    return starts;
  }

  Axes where_ = 1;
  std::int64_t axis_ = 0;
};

/// One tensor for each position of an axis, which goes.
class UnstackOperation final : public NamedOperation {
 public:
  using NamedOperation::NamedOperation;
  void fields(FieldVisitor& visitor) override {
    visitor.field("num", count_);
    visitor.field("axis", axis_);
  }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_one(*this, inputs);
    const std::int64_t axis = sample_axis(*this, axis_, x.rank());
    const std::int64_t size = x[axis];
    if (size == Shape::unknown && !count_)
      fail_rule(fmt::format("axis {} of {} must be known", axis_, x.str()));
    if (count_ && (*count_ < 0 || (size != Shape::unknown && *count_ != size)))
      fail_rule(fmt::format("num must be {}, the size of axis {}. Received: {}", size, axis_, *count_));
    const std::int64_t parts = count_.value_or(size);
    require_possible_count(*this, "num", parts);
    return std::vector<Shape>(static_cast<std::size_t>(parts), without_axes(x, {axis}, false));
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    GraphBuilder& g = context.graph;
    const Shape x = g.spec(inputs[0]).shape;
    const std::int64_t axis = sample_axis(*this, axis_, x.rank());
    std::vector<Value> result;
    for (const Shape& shape : output_shapes({&x, 1})) {
      const auto place = static_cast<std::int64_t>(result.size());
      result.push_back(ops::reshape(g, ops::slice(g, inputs[0], axis, place, 1), shape));
    }
    return result;
  }

 private:
  std::optional<std::int64_t> count_;
  std::int64_t axis_ = 0;
};

/// Borders: a number, or the tensor mirrored, with its outermost positions (symmetric) or without (reflect).
class PadOperation final : public NamedOperation {
 public:
  using NamedOperation::NamedOperation;
  std::string_view named_argument() const override { return "constant_values"; }
  void fields(FieldVisitor& visitor) override {
    visitor.field("pad_width", widths_);
    visitor.field("mode", mode_);
  }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_one(*this, inputs);
    if (mode_ != "constant" && mode_ != "reflect" && mode_ != "symmetric")
      fail_rule(fmt::format("mode must be 'constant', 'reflect' or 'symmetric'. Received: '{}'", mode_));
    if (named_value.number && mode_ != "constant") fail_rule("constant_values are for mode 'constant' alone");
    if (widths_.size() != x.rank()) {
      fail_rule(fmt::format("pad_width must have a pair for each axis of shape {}. Received: {} pairs",
                            x.str(), widths_.size()));
    }
    Shape result = x;
    for (std::int64_t axis = 0; axis < static_cast<std::int64_t>(x.rank()); ++axis) {
      const auto [before, after] = widths_[static_cast<std::size_t>(axis)];
      if (before < 0 || after < 0)
        fail_rule(fmt::format("pad_width must be at least 0. Received: ({}, {})", before, after));
      if (axis == 0 && (before != 0 || after != 0))
        fail_rule("the batch stays whole: its pad_width must be (0, 0)");
      require_possible_size(*this, "pad_width", std::max(before, after));
      if (x[axis] == Shape::unknown) continue;
      const std::int64_t most = mode_ == "reflect" ? x[axis] - 1 : x[axis];
      if (mode_ != "constant" && std::max(before, after) > most) {
        fail_rule(fmt::format("pad_width of axis {} must be at most {} in mode '{}'. Received: ({}, {})",
                              axis, most, mode_, before, after));
      }
      result.set(axis, x[axis] + before + after);
      require_possible_size(*this, "pad_width", result[axis]);
    }
    return {result};
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    GraphBuilder& g = context.graph;
    const Shape x = g.spec(inputs[0]).shape;
    output_shapes({&x, 1});  // now that sizes are known
    Value result = inputs[0];
    for (std::size_t axis = 0; axis < widths_.size(); ++axis) {
      if (widths_[axis][0] != 0 || widths_[axis][1] != 0)
        result = padded(g, result, static_cast<std::int64_t>(axis), widths_[axis][0], widths_[axis][1]);
    }
    return {result};
  }

 private:
  Value padded(GraphBuilder& g, Value x, std::int64_t axis, std::int64_t before, std::int64_t after) const {
    const std::int64_t size = g.spec(x).shape[axis];
    if (mode_ == "constant") {
      if (named_value.number.value_or(0) == 0) return emit_one(g, PadOp(axis, before, after), {x});
      std::vector<Value> parts;
      if (before != 0) parts.push_back(border(g, x, axis, before));
      parts.push_back(x);
      if (after != 0) parts.push_back(border(g, x, axis, after));
      return ops::concatenate(g, parts, axis);
    }
    std::vector<std::int64_t> indices;
    const std::int64_t edge = mode_ == "reflect" ? 0 : 1;  // does the outermost position stand twice?
    for (std::int64_t i = -before; i < size + after; ++i) {
      if (i < 0) {
        indices.push_back(-i - edge);
      } else {
        indices.push_back(i < size ? i : 2 * size - 2 - i + edge);
      }
    }
    return ops::take(g, x, axis, std::move(indices));
  }
  Value border(GraphBuilder& g, Value x, std::int64_t axis, std::int64_t width) const {
    Shape shape = g.spec(x).shape;
    shape.set(axis, width);
    return ops::broadcast_to(g, scalar_like(g, x, *named_value.number), shape);
  }

  Pairs widths_;
  std::string mode_ = "constant";
};

}  // namespace

std::shared_ptr<OperationLayer> make_split_operation(std::string_view class_name) {
  return std::make_shared<SplitOperation>(class_name);
}
std::shared_ptr<OperationLayer> make_unstack_operation(std::string_view class_name) {
  return std::make_shared<UnstackOperation>(class_name);
}
std::shared_ptr<OperationLayer> make_pad_operation(std::string_view class_name) {
  return std::make_shared<PadOperation>(class_name);
}

}  // namespace fovea
