#include <algorithm>

#include "layers/layer_support.h"

// Several tensors become one: elementwise (broadcast as NumPy does), or side by side along an axis. Sources:
// keras/src/layers/merging/.

namespace fovea {

Shape merged_shape(const LayerImpl& layer, const Shape& a, const Shape& b) {
  Shape result;
  for (std::size_t i = 0; i < a.rank(); ++i) {
    const std::int64_t left = a[static_cast<std::ptrdiff_t>(i)], right = b[static_cast<std::ptrdiff_t>(i)];
    if (left != right && left > 1 && right > 1) {
      layer.fail_rule(
          fmt::format("inputs must have shapes that broadcast. Received: {} and {}", a.str(), b.str()));
    }
    if (left == 1 || right == 1) {
      result.push_back(left == 1 ? right : left);
    } else {
      result.push_back(left == Shape::unknown ? right : left);
    }
  }
  return result;
}

Shape concatenated_shape(const LayerImpl& layer, std::span<const Shape> inputs, std::int64_t axis) {
  if (inputs.empty()) layer.fail_rule("takes at least 1 input. Received: 0");
  const auto rank = static_cast<std::int64_t>(inputs[0].rank());
  const std::int64_t along = axis < 0 ? axis + rank : axis;
  if (along < 0 || along >= rank) {
    layer.fail_rule(fmt::format("inputs of rank {} have no axis {}", rank, axis));
  }
  Shape result = inputs[0];
  for (const Shape& input : inputs.subspan(1)) {
    bool fits = input.rank() == result.rank();
    for (std::int64_t i = 0; fits && i < rank; ++i) {
      const bool either = input[i] == Shape::unknown || result[i] == Shape::unknown;
      fits = i == along || either || input[i] == result[i];
    }
    if (!fits) {
      layer.fail_rule(fmt::format("inputs must agree outside axis {}. Received: shapes {} and {}", axis,
                                  inputs[0].str(), input.str()));
    }
    const bool open = result[along] == Shape::unknown || input[along] == Shape::unknown;
    result.set(along, open ? Shape::unknown : result[along] + input[along]);
  }
  return result;
}

namespace {

/// Keras matches samples from their last axis: a lower rank gets sizes of 1 behind the batch's.
Shape with_rank(const Shape& shape, std::size_t rank) {
  if (shape.rank() == 0 || shape.rank() >= rank) return shape;
  Shape result{shape[0]};
  for (std::size_t i = shape.rank(); i < rank; ++i) result.push_back(1);
  for (const std::int64_t size : shape.slice(1)) result.push_back(size);
  return result;
}

std::size_t largest_rank(std::span<const Shape> shapes) {
  std::size_t largest = 0;
  for (const Shape& shape : shapes) largest = std::max(largest, shape.rank());
  return largest;
}

/// One of Keras' elementwise merging layers: what two become, applied from the left.
struct Merge {
  std::string_view class_name;
  Value (*combine)(GraphBuilder&, Value, Value);
  bool takes_two = false;  ///< no more and no less
  bool averages = false;   ///< divides by the count at last
};

constexpr Merge kAdd{"Add", ops::add}, kSubtract{"Subtract", ops::subtract, true},
    kMultiply{"Multiply", ops::multiply}, kAverage{"Average", ops::add, false, true},
    kMaximum{"Maximum", ops::maximum}, kMinimum{"Minimum", ops::minimum};

class ElementwiseMerge final : public LayerImpl {
 public:
  explicit ElementwiseMerge(const Merge& merge) : merge_(merge) {}
  std::string_view class_name() const override { return merge_.class_name; }
  KerasTraits keras_traits() const override { return {.builds = true, .takes_list = true}; }
  /// Keras' average is the sum of bytes, wrapped around, by their number: of no use.
  WholeNumbers whole_numbers(DType, bool) const override {
    return merge_.averages ? WholeNumbers::refused : WholeNumbers::kept;
  }
  void fields(FieldVisitor&) override {}

  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    if (inputs.size() < 2 || (merge_.takes_two && inputs.size() > 2)) {
      fail_rule(fmt::format("takes {} 2 inputs. Received: {}", merge_.takes_two ? "exactly" : "at least",
                            inputs.size()));
    }
    const std::size_t rank = largest_rank(inputs);
    Shape result = with_rank(inputs[0], rank);
    for (const Shape& input : inputs.subspan(1)) result = merged_shape(*this, result, with_rank(input, rank));
    return {result};
  }

  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    GraphBuilder& g = context.graph;
    std::vector<Shape> shapes;
    for (const Value input : inputs) shapes.push_back(g.spec(input).shape);
    const auto widened = [&](std::size_t i) {
      return ops::reshape(g, inputs[i], with_rank(shapes[i], largest_rank(shapes)));
    };
    Value result = widened(0);
    for (std::size_t i = 1; i < inputs.size(); ++i) {
      if (i > 1) result = wrapped(context, result, i);
      result = merge_.combine(g, result, widened(i));
    }
    if (merge_.averages) result = ops::scale(g, result, 1.0 / static_cast<double>(inputs.size()));
    return {result};
  }

 private:
  /// What the first `count` inputs became, cut to their own type where all are whole numbers: products of
  /// bytes wrap around as they grow.
  static Value wrapped(const LoweringContext& context, Value result, std::size_t count) {
    if (context.given_dtypes.size() < count) return result;
    const std::span<const DType> first = context.given_dtypes.first(count);
    if (std::any_of(first.begin(), first.end(), is_floating)) return result;
    GraphBuilder& g = context.graph;
    return ops::cast(g, ops::cast(g, result, promoted(first)), g.spec(result).dtype);
  }

  const Merge& merge_;
};

class ConcatenateLayer final : public LayerImpl {
 public:
  std::string_view class_name() const override { return "Concatenate"; }
  KerasTraits keras_traits() const override { return {.builds = true, .takes_list = true}; }
  WholeNumbers whole_numbers(DType, bool) const override { return WholeNumbers::kept; }
  void fields(FieldVisitor& visitor) override { visitor.field("axis", axis); }

  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    return {concatenated_shape(*this, inputs, axis)};
  }

  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    return {ops::concatenate(context.graph, inputs, axis)};
  }

  std::int64_t axis = -1;
};

std::shared_ptr<ElementwiseMerge> make(const Merge& merge, const NameOption& options) {
  auto impl = std::make_shared<ElementwiseMerge>(merge);
  impl->name = options.name;
  if (options.dtype) set_policy(*impl, *options.dtype);
  return impl;
}

}  // namespace

std::shared_ptr<LayerImpl> make_Add() { return make(kAdd, {}); }
std::shared_ptr<LayerImpl> make_Subtract() { return make(kSubtract, {}); }
std::shared_ptr<LayerImpl> make_Multiply() { return make(kMultiply, {}); }
std::shared_ptr<LayerImpl> make_Average() { return make(kAverage, {}); }
std::shared_ptr<LayerImpl> make_Maximum() { return make(kMaximum, {}); }
std::shared_ptr<LayerImpl> make_Minimum() { return make(kMinimum, {}); }
std::shared_ptr<LayerImpl> make_Concatenate() { return std::make_shared<ConcatenateLayer>(); }

Add::Add(const NameOption& options) { impl_ = make(kAdd, options); }
Subtract::Subtract(const NameOption& options) { impl_ = make(kSubtract, options); }
Multiply::Multiply(const NameOption& options) { impl_ = make(kMultiply, options); }
Average::Average(const NameOption& options) { impl_ = make(kAverage, options); }
Maximum::Maximum(const NameOption& options) { impl_ = make(kMaximum, options); }
Minimum::Minimum(const NameOption& options) { impl_ = make(kMinimum, options); }
Concatenate::Concatenate(const ConcatenateOptions& options) {
  auto impl = make_impl<ConcatenateLayer>(options);
  impl->axis = options.axis;
  impl_ = impl;
}

}  // namespace fovea
