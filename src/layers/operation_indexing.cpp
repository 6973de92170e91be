#include <algorithm>
#include <numeric>

#include "layers/operation_base.h"
#include "ops/shaping.h"

// Operations of keras.ops that choose positions of axes: keys in brackets, turned, rolled and repeated axes.
// Source: keras/src/ops/numpy.py.

namespace fovea {

void require_possible_size(const LayerImpl& layer, std::string_view option, std::int64_t size) {
  constexpr std::int64_t kMost = std::int64_t{1} << 26;
  if (size > kMost)
    layer.fail_rule(
        fmt::format("{} gives an axis of {} positions; at most {} are possible", option, size, kMost));
}

void require_possible_count(const LayerImpl& layer, std::string_view option, std::int64_t count) {
  constexpr std::int64_t kMost = std::int64_t{1} << 16;
  if (count > kMost)
    layer.fail_rule(fmt::format("{} gives {} tensors; at most {} are possible", option, count, kMost));
}

namespace {

/// Positions of one axis, as Python's slice.indices gives them.
struct Positions {
  std::int64_t first = 0, step = 1, count = 0;
};

Positions positions_of(const KeyPart& slice, std::int64_t size) {
  // A step beyond the axis takes one position at most.
  const std::int64_t step = std::clamp(slice.step.value_or(1), -size - 1, size + 1);
  const std::int64_t low = step < 0 ? -1 : 0, high = step < 0 ? size - 1 : size;
  const auto place = [&](std::optional<std::int64_t> given, std::int64_t standard) {
    if (!given) return standard;
    return std::clamp(*given < 0 ? *given + size : *given, low, high);
  };
  const std::int64_t start = place(slice.start, step < 0 ? high : low);
  const std::int64_t stop = place(slice.stop, step < 0 ? low : high);
  const std::int64_t span = step < 0 ? start - stop : stop - start;
  return {start, step, span > 0 ? (span - 1) / std::abs(step) + 1 : 0};
}

bool is_whole(const KeyPart& part) {
  return part.kind == KeyPart::Kind::slice && part.start.value_or(0) == 0 && !part.stop &&
         part.step.value_or(1) == 1;
}

/// x[key]
class GetItemOperation final : public NamedOperation {
 public:
  using NamedOperation::NamedOperation;
  bool takes_key() const override { return true; }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_one(*this, inputs);
    Shape result;
    std::int64_t axis = 0;
    for (const KeyPart& part : parts_for(x)) {
      if (part.kind == KeyPart::Kind::new_axis) {
        result.push_back(1);
        continue;
      }
      const std::int64_t size = x[axis++];
      if (axis == 1 && !is_whole(part))
        fail_rule("the batch stays whole: the first part of the key must be ':' or '...'");
      if (part.kind == KeyPart::Kind::slice) {
        if (part.step == 0) fail_rule("a step must not be 0");
        result.push_back(is_whole(part) || size == Shape::unknown ? size : positions_of(part, size).count);
      } else if (size != Shape::unknown && (*part.start < -size || *part.start >= size)) {
        fail_rule(fmt::format("axis {} of shape {} has no position {}", axis - 1, x.str(), *part.start));
      }
    }
    return {result};
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    GraphBuilder& g = context.graph;
    const Shape x = g.spec(inputs[0]).shape;
    Value result = inputs[0];
    std::int64_t axis = 0;
    for (const KeyPart& part : parts_for(x)) {
      if (part.kind == KeyPart::Kind::new_axis) continue;
      const std::int64_t at = axis++;
      if (is_whole(part)) continue;
      if (part.kind == KeyPart::Kind::index) {
        result = ops::slice(g, result, at, *part.start < 0 ? *part.start + x[at] : *part.start, 1);
        continue;
      }
      const auto [first, step, count] = positions_of(part, x[at]);
      if (step == 1) {
        result = ops::slice(g, result, at, std::min(first, x[at] - count), count);
        continue;
      }
      std::vector<std::int64_t> indices;
      for (std::int64_t i = 0; i < count; ++i) indices.push_back(first + i * step);
      result = ops::take(g, result, at, std::move(indices));
    }
    // Axes that come and go.
    return {emit_one(g, ReshapeOp(output_shapes({&x, 1})[0]), {result})};
  }

 private:
  /// The key's parts with ':' for what an ellipsis, or its end, leaves out.
  std::vector<KeyPart> parts_for(const Shape& x) const {
    if (operands.size() != 2 || !operands[0].is_tensor() || !operands[1].key)
      fail_rule("takes a tensor and a key");
    const std::vector<KeyPart>& given = operands[1].key->parts;
    const auto is = [](KeyPart::Kind kind) {
      return [kind](const KeyPart& part) { return part.kind == kind; };
    };
    const auto ellipses = std::count_if(given.begin(), given.end(), is(KeyPart::Kind::ellipsis));
    if (ellipses > 1) fail_rule("a key has one '...' at most");
    const auto chosen = static_cast<std::int64_t>(given.size()) - ellipses -
                        std::count_if(given.begin(), given.end(), is(KeyPart::Kind::new_axis));
    const std::int64_t missing = static_cast<std::int64_t>(x.rank()) - chosen;
    if (missing < 0) fail_rule(fmt::format("the key has {} parts for shape {}", chosen, x.str()));
    std::vector<KeyPart> result;
    const auto fill = [&] {
      for (std::int64_t i = 0; i < missing; ++i) result.push_back({.kind = KeyPart::Kind::slice});
    };
    for (const KeyPart& part : given) {
      if (part.kind == KeyPart::Kind::ellipsis) {
        fill();
      } else {
        result.push_back(part);
      }
    }
    if (ellipses == 0) fill();
    return result;
  }
};

std::vector<std::int64_t> all_positions(std::int64_t size) {
  std::vector<std::int64_t> result(static_cast<std::size_t>(size));
  std::iota(result.begin(), result.end(), 0);
  return result;
}

/// Axes the other way round; None: all.
class FlipOperation final : public NamedOperation {
 public:
  using NamedOperation::NamedOperation;
  void fields(FieldVisitor& visitor) override { visitor.field("axis", axis_); }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_one(*this, inputs);
    const std::vector<std::int64_t> axes = resolved_axes(*this, axis_, x.rank());
    if (std::adjacent_find(axes.begin(), axes.end()) != axes.end()) fail_rule("an axis is flipped once");
    return {x};
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    GraphBuilder& g = context.graph;
    const Shape x = g.spec(inputs[0]).shape;
    Value result = inputs[0];
    for (const std::int64_t axis : resolved_axes(*this, axis_, x.rank())) {
      std::vector<std::int64_t> indices = all_positions(x[axis]);
      std::reverse(indices.begin(), indices.end());
      result = ops::take(g, result, axis, std::move(indices));
    }
    return {result};
  }

 private:
  std::optional<Axes> axis_;
};

/// What leaves an axis at its end comes in at its start; None: of all numbers in a row.
class RollOperation final : public NamedOperation {
 public:
  using NamedOperation::NamedOperation;
  void fields(FieldVisitor& visitor) override {
    one_or_many_field(visitor, "shift", shift_);
    visitor.field("axis", axis_);
  }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_one(*this, inputs);
    const std::size_t count = axis_ ? axis_->size() : 1;
    if (shift_.size() != count)
      fail_rule(fmt::format("takes a shift for each of {} axes. Received: {}", count, shift_.size()));
    resolved_axes(*this, axis_, x.rank());
    return {x};
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    GraphBuilder& g = context.graph;
    const Shape x = g.spec(inputs[0]).shape;
    if (!axis_) {
      const Value row = ops::reshape(g, inputs[0], {x.elements()});
      return {ops::reshape(g, rolled(g, row, 0, shift_.values[0]), x)};
    }
    Value result = inputs[0];
    for (std::size_t i = 0; i < axis_->size(); ++i)
      result = rolled(g, result, from_front(*this, axis_->values[i], x.rank()), shift_.values[i]);
    return {result};
  }

 private:
  static Value rolled(GraphBuilder& g, Value x, std::int64_t axis, std::int64_t shift) {
    const std::int64_t size = g.spec(x).shape[axis];
    std::vector<std::int64_t> indices = all_positions(size);
    if (size > 0) {
      const std::int64_t last = ((shift % size) + size) % size;  // so many of the end come first
      std::rotate(indices.begin(), indices.end() - last, indices.end());
    }
    return ops::take(g, x, axis, std::move(indices));
  }

  Axes shift_ = 0;
  std::optional<Axes> axis_;
};

/// Each position of an axis several times, one after the other.
class RepeatOperation final : public NamedOperation {
 public:
  using NamedOperation::NamedOperation;
  void fields(FieldVisitor& visitor) override {
    one_or_many_field(visitor, "repeats", repeats_);
    visitor.field("axis", axis_);
  }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_one(*this, inputs);
    const std::int64_t axis = along(x);
    Shape result = x;
    for (const std::int64_t times : repeats_) {
      if (times < 0) fail_rule(fmt::format("repeats must be at least 0. Received: {}", times));
      require_possible_size(*this, "repeats", times);
    }
    const std::int64_t size = x[axis];
    if (size == Shape::unknown) return {x};
    if (repeats_.size() != 1 && static_cast<std::int64_t>(repeats_.size()) != size) {
      fail_rule(
          fmt::format("repeats must be one number, or one for each of {} positions. Received: {} of them",
                      size, repeats_.size()));
    }
    std::int64_t total = 0;
    for (const std::int64_t times : repeats_) total += times;
    result.set(axis, repeats_.size() == 1 ? size * total : total);
    require_possible_size(*this, "repeats", result[axis]);
    return {result};
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    const Shape x = context.graph.spec(inputs[0]).shape;
    const std::int64_t axis = along(x);
    output_shapes({&x, 1});  // now that sizes are known
    std::vector<std::int64_t> indices;
    for (std::int64_t i = 0; i < x[axis]; ++i)
      indices.insert(indices.end(), static_cast<std::size_t>(times(i)), i);
    return {ops::take(context.graph, inputs[0], axis, std::move(indices))};
  }

 private:
  std::int64_t along(const Shape& x) const {
    const std::int64_t axis = axis_ ? from_front(*this, *axis_, x.rank()) : 0;
    if (axis == 0) fail_rule("axis must be one behind the batch's");
    return axis;
  }
  std::int64_t times(std::int64_t position) const {
    return repeats_.values[repeats_.size() == 1 ? 0 : static_cast<std::size_t>(position)];
  }

  Axes repeats_ = 1;
  std::optional<std::int64_t> axis_;
};

/// Whole axes several times, one after the other.
class TileOperation final : public NamedOperation {
 public:
  using NamedOperation::NamedOperation;
  void fields(FieldVisitor& visitor) override { one_or_many_field(visitor, "repeats", repeats_); }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_one(*this, inputs);
    if (repeats_.size() > x.rank()) {
      fail_rule(fmt::format("repeats must be at most one for each axis of shape {}. Received: {} of them",
                            x.str(), repeats_.size()));
    }
    Shape result = x;
    for (std::int64_t axis = 0; axis < static_cast<std::int64_t>(x.rank()); ++axis) {
      const std::int64_t times = times_of(x, axis);
      if (times < 0) fail_rule(fmt::format("repeats must be at least 0. Received: {}", times));
      if (axis == 0 && times != 1) fail_rule("the batch stays whole: its number of repeats must be 1");
      require_possible_size(*this, "repeats", times);
      if (x[axis] == Shape::unknown) continue;
      result.set(axis, x[axis] * times);
      require_possible_size(*this, "repeats", result[axis]);
    }
    return {result};
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    GraphBuilder& g = context.graph;
    const Shape x = g.spec(inputs[0]).shape;
    output_shapes({&x, 1});  // now that sizes are known
    Value result = inputs[0];
    for (std::int64_t axis = 0; axis < static_cast<std::int64_t>(x.rank()); ++axis) {
      const std::int64_t times = times_of(x, axis);
      if (times == 1) continue;
      std::vector<std::int64_t> indices;
      const std::vector<std::int64_t> once = all_positions(x[axis]);
      for (std::int64_t i = 0; i < times; ++i) indices.insert(indices.end(), once.begin(), once.end());
      result = ops::take(g, result, axis, std::move(indices));
    }
    return {result};
  }

 private:
  /// They belong to the last axes.
  std::int64_t times_of(const Shape& x, std::int64_t axis) const {
    const std::int64_t place =
        axis - static_cast<std::int64_t>(x.rank()) + static_cast<std::int64_t>(repeats_.size());
    return place < 0 ? 1 : repeats_.values[static_cast<std::size_t>(place)];
  }

  Axes repeats_ = 1;
};

}  // namespace

std::shared_ptr<OperationLayer> make_get_item_operation(std::string_view class_name) {
  return std::make_shared<GetItemOperation>(class_name);
}
std::shared_ptr<OperationLayer> make_flip_operation(std::string_view class_name) {
  return std::make_shared<FlipOperation>(class_name);
}
std::shared_ptr<OperationLayer> make_roll_operation(std::string_view class_name) {
  return std::make_shared<RollOperation>(class_name);
}
std::shared_ptr<OperationLayer> make_repeat_operation(std::string_view class_name) {
  return std::make_shared<RepeatOperation>(class_name);
}
std::shared_ptr<OperationLayer> make_tile_operation(std::string_view class_name) {
  return std::make_shared<TileOperation>(class_name);
}

}  // namespace fovea
