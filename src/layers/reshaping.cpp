#include <fmt/ranges.h>

#include <algorithm>

#include "layers/image_layer.h"
#include "ops/shaping.h"

// Flatten: (N, H, W, C) -> (N, H*W*C).  Reshape: (N, ...) -> (N, target...).
// ZeroPadding2D: zeros around the image.
// Permute: (N, ...) with its axes in another order.  RepeatVector: (N, F) -> (N, n, F).

namespace fovea {
namespace {

/// Product of the sizes without the batch's; unknown when one of them is.
std::int64_t sample_elements(const Shape& x) {
  const Shape sample = x.slice(1);
  return sample.is_known() ? sample.elements() : Shape::unknown;
}

/// Keras reshapes even to the same shape, and what stands behind a reshape has no logits for a loss to use.
Value view_as(GraphBuilder& graph, Value x, const Shape& shape) {
  return emit_one(graph, ReshapeOp(shape), {x});
}

class FlattenLayer final : public LayerImpl {
 public:
  std::string_view class_name() const override { return "Flatten"; }
  KerasTraits keras_traits() const override { return {.builds = true, .shows_dtype = true}; }
  WholeNumbers whole_numbers(DType, bool) const override { return WholeNumbers::kept; }
  void fields(FieldVisitor& visitor) override { visit_data_format(visitor, *this, data_format); }

  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_one(*this, inputs);
    return {{x[0], sample_elements(x)}};
  }

  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    const Shape x = context.graph.spec(inputs[0]).shape;
    // In the order of channels last, whatever the order they come in.
    const bool turn = data_format == "channels_first" && x.rank() > 2;
    const Value ordered = turn ? axis_to_last(context.graph, inputs[0], 1) : inputs[0];
    return {view_as(context.graph, ordered, {x[0], sample_elements(x)})};
  }

  std::string explain_shape(std::span<const Shape> inputs) const override {
    std::string product;
    for (const std::int64_t size : inputs[0].slice(1))
      product += (product.empty() ? "" : "*") + std::to_string(size);
    return fmt::format("{} = {} numbers in a row", product, sample_elements(inputs[0]));
  }

  std::string data_format = "channels_last";
};

class ReshapeLayer final : public LayerImpl {
 public:
  std::string_view class_name() const override { return "Reshape"; }
  KerasTraits keras_traits() const override { return {.shows_dtype = true}; }
  WholeNumbers whole_numbers(DType, bool) const override { return WholeNumbers::kept; }
  void fields(FieldVisitor& visitor) override {
    // As numbers: Keras writes the size that is derived as -1, where in a shape an open size would be null.
    std::vector<std::int64_t> sizes(target_shape.begin(), target_shape.end());
    visitor.field("target_shape", sizes);
    if (visitor.reads()) target_shape = Shape(std::span<const std::int64_t>(sizes));
  }

  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_one(*this, inputs);
    const std::int64_t total = sample_elements(x);
    std::int64_t known = 1;
    std::ptrdiff_t derived = -1;
    Shape result{x[0]};
    for (const std::int64_t size : target_shape) {
      if (size != Shape::unknown) {
        known *= size;
      } else if (derived < 0) {
        derived = static_cast<std::ptrdiff_t>(result.rank());
      } else {
        fail_rule(fmt::format("only one size of target_shape may be -1. Received: {}", target_shape.str()));
      }
      result.push_back(size);
    }
    if (total == Shape::unknown) return {result};
    const bool fits = derived >= 0 ? known > 0 && total % known == 0 : total == known;
    if (!fits) {
      fail_rule(fmt::format("{} numbers a sample (input shape {}) do not fit target_shape {}", total, x.str(),
                            target_shape.str()));
    }
    if (derived >= 0) result.set(derived, total / known);
    return {result};
  }

  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    const Shape& x = context.graph.spec(inputs[0]).shape;
    return {view_as(context.graph, inputs[0], output_shapes({&x, 1})[0])};
  }

  Shape target_shape;
};

class ZeroPadding2DLayer final : public ImageLayer {
 public:
  std::string_view class_name() const override { return "ZeroPadding2D"; }
  KerasTraits keras_traits() const override { return {.builds = true}; }
  WholeNumbers whole_numbers(DType, bool) const override { return WholeNumbers::kept; }
  void fields(FieldVisitor& visitor) override {
    visitor.field("padding", padding);
    data_format_field(visitor);
  }

  std::vector<Shape> image_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_images(*this, inputs);
    if (padding.top < 0 || padding.bottom < 0 || padding.left < 0 || padding.right < 0) {
      fail_rule("padding must be at least 0 on every side");
    }
    const auto padded = [](std::int64_t size, std::int64_t before, std::int64_t after) {
      return size == Shape::unknown ? size : size + before + after;
    };
    return {
        {x[0], padded(x[1], padding.top, padding.bottom), padded(x[2], padding.left, padding.right), x[3]}};
  }

  std::vector<Value> lower_images(const LoweringContext& context,
                                  std::span<const Value> inputs) const override {
    return {ops::zero_padding2d(context.graph, inputs[0], padding)};
  }

  std::string explain_image_shape(std::span<const Shape> inputs) const override {
    return fmt::format("height {} + {} + {}; width {} + {} + {}", inputs[0][1], padding.top, padding.bottom,
                       inputs[0][2], padding.left, padding.right);
  }

  Padding2 padding = 1;
};

class PermuteLayer final : public LayerImpl {
 public:
  std::string_view class_name() const override { return "Permute"; }
  KerasTraits keras_traits() const override { return {.builds = true, .shows_dtype = true}; }
  WholeNumbers whole_numbers(DType, bool) const override { return WholeNumbers::kept; }
  void fields(FieldVisitor& visitor) override { visitor.field("dims", dims); }

  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_one(*this, inputs);
    std::vector<std::int64_t> sorted = dims;
    std::sort(sorted.begin(), sorted.end());
    bool fits = sorted.size() + 1 == x.rank();
    for (std::size_t i = 0; i < sorted.size(); ++i)
      fits = fits && sorted[i] == static_cast<std::int64_t>(i) + 1;
    if (!fits) {
      fail_rule(fmt::format("dims must be the numbers 1 to {} in some order. Received: ({}) for shape {}",
                            static_cast<std::int64_t>(x.rank()) - 1, fmt::join(dims, ", "), x.str()));
    }
    Shape result{x[0]};
    for (const std::int64_t axis : dims) result.push_back(x[axis]);
    return {result};
  }

  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    std::vector<std::int64_t> order{0};
    order.insert(order.end(), dims.begin(), dims.end());
    return {ops::transpose(context.graph, inputs[0], order)};
  }

  std::vector<std::int64_t> dims;
};

class RepeatVectorLayer final : public LayerImpl {
 public:
  std::string_view class_name() const override { return "RepeatVector"; }
  KerasTraits keras_traits() const override { return {.builds = true}; }
  WholeNumbers whole_numbers(DType, bool) const override { return WholeNumbers::kept; }
  void fields(FieldVisitor& visitor) override { visitor.field("n", n); }

  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_one(*this, inputs);
    require_at_least_one(*this, "n", n);
    if (x.rank() != 2) fail_rule(fmt::format("expected rank 2. Received: shape {}", x.str()));
    return {{x[0], n, x[1]}};
  }

  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    GraphBuilder& g = context.graph;
    const Shape x = g.spec(inputs[0]).shape;
    return {ops::broadcast_to(g, ops::reshape(g, inputs[0], {x[0], 1, x[1]}), {x[0], n, x[1]})};
  }

  std::int64_t n = 1;
};

}  // namespace

std::shared_ptr<LayerImpl> make_Permute() { return std::make_shared<PermuteLayer>(); }
std::shared_ptr<LayerImpl> make_RepeatVector() { return std::make_shared<RepeatVectorLayer>(); }
std::shared_ptr<LayerImpl> make_Flatten() { return std::make_shared<FlattenLayer>(); }
std::shared_ptr<LayerImpl> make_Reshape() { return std::make_shared<ReshapeLayer>(); }
std::shared_ptr<LayerImpl> make_ZeroPadding2D() { return std::make_shared<ZeroPadding2DLayer>(); }

Flatten::Flatten(const NameOption& options) { impl_ = make_impl<FlattenLayer>(options); }

Reshape::Reshape(const Shape& target_shape, const NameOption& options) {
  auto impl = make_impl<ReshapeLayer>(options);
  impl->target_shape = target_shape;
  impl_ = impl;
}

ZeroPadding2D::ZeroPadding2D(const Padding2& padding, const NameOption& options) {
  auto impl = make_impl<ZeroPadding2DLayer>(options);
  impl->padding = padding;
  impl_ = impl;
}

Permute::Permute(const std::vector<std::int64_t>& dims, const NameOption& options) {
  auto impl = make_impl<PermuteLayer>(options);
  impl->dims = dims;
  impl_ = impl;
}

RepeatVector::RepeatVector(std::int64_t n, const NameOption& options) {
  auto impl = make_impl<RepeatVectorLayer>(options);
  impl->n = n;
  impl_ = impl;
}

}  // namespace fovea
