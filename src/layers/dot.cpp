#include <fmt/ranges.h>

#include "layers/layer_support.h"
#include "ops/composites.h"

// y[n, a..., b...] = sum over k of x1[n, a..., k, ...] x2[n, b..., k, ...], k along one axis of each. As
// products that are summed: it serves vectors and small matrices. Source: keras/src/layers/merging/dot.py.

namespace fovea {
namespace {

class DotLayer final : public LayerImpl {
 public:
  std::string_view class_name() const override { return "Dot"; }
  KerasTraits keras_traits() const override { return {.builds = true, .takes_list = true}; }
  WholeNumbers whole_numbers(DType, bool) const override {
    return normalize ? WholeNumbers::refused : WholeNumbers::kept;
  }
  void fields(FieldVisitor& visitor) override {
    one_or_many_field(visitor, "axes", axes);
    visitor.field("normalize", normalize);
  }

  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    if (inputs.size() != 2) fail_rule(fmt::format("takes exactly 2 inputs. Received: {}", inputs.size()));
    Shape result{inputs[0][0]};
    std::int64_t sizes[2];
    for (const std::size_t i : {0, 1}) {
      const Shape& x = inputs[i];
      if (x.rank() < 2) fail_rule(fmt::format("takes inputs of rank 2 or more. Received: {}", x.str()));
      const std::int64_t axis = along(x, i);
      sizes[i] = x[axis];
      for (std::int64_t other = 1; other < static_cast<std::int64_t>(x.rank()); ++other) {
        if (other != axis) result.push_back(x[other]);
      }
    }
    if (sizes[0] != sizes[1] && sizes[0] != Shape::unknown && sizes[1] != Shape::unknown) {
      fail_rule(fmt::format("the axes must have one size. Received: {} of {} and {} of {}", sizes[0],
                            inputs[0].str(), sizes[1], inputs[1].str()));
    }
    if (result.rank() == 1) result.push_back(1);
    return {result};
  }

  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    GraphBuilder& g = context.graph;
    const Shape shapes[] = {g.spec(inputs[0]).shape, g.spec(inputs[1]).shape};
    // (N, rows, 1, k) and (N, 1, rows, k).
    Value factors[2];
    for (const std::size_t i : {0, 1}) {
      const std::int64_t axis = along(shapes[i], i), size = shapes[i][axis], samples = shapes[i][0];
      std::vector<std::int64_t> order;
      for (std::int64_t other = 0; other < static_cast<std::int64_t>(shapes[i].rank()); ++other) {
        if (other != axis) order.push_back(other);
      }
      order.push_back(axis);
      const std::int64_t rows = shapes[i].elements() / std::max<std::int64_t>(1, samples * size);
      // Sums of products of bytes go beyond what float32 has exactly.
      const Value input = context.whole_dtype ? ops::cast(g, inputs[i], DType::float64) : inputs[i];
      const Value last = ops::transpose(g, input, order);
      factors[i] =
          ops::reshape(g, last, i == 0 ? Shape{samples, rows, 1, size} : Shape{samples, 1, rows, size});
      if (normalize) factors[i] = of_length_one(g, factors[i], {3}, 1e-7);
    }
    const Value sums = ops::reduce(g, ops::ReduceKind::sum, ops::multiply(g, factors[0], factors[1]), {3});
    return {ops::reshape(g, sums, output_shapes(shapes)[0])};
  }

  Axes axes = -1;
  bool normalize = false;

 private:
  std::int64_t along(const Shape& x, std::size_t input) const {
    const auto rank = static_cast<std::int64_t>(x.rank());
    if (axes.size() != (axes.is_list ? 2U : 1U))
      fail_rule(fmt::format("axes must be one axis, or two. Received: ({})", fmt::join(axes, ", ")));
    const std::int64_t given = axes.values[axes.is_list ? input : 0];
    const std::int64_t axis = given < 0 ? given + rank : given;
    if (axis < 1 || axis >= rank) {
      fail_rule(fmt::format("axes must be behind the batch's, within the input. Received: {} for shape {}",
                            given, x.str()));
    }
    return axis;
  }
};

}  // namespace

std::shared_ptr<LayerImpl> make_Dot() { return std::make_shared<DotLayer>(); }

Dot::Dot(const Axes& axes, const DotOptions& options) {
  auto impl = make_impl<DotLayer>(options);
  impl->axes = axes;
  impl->normalize = options.normalize;
  impl_ = impl;
}

}  // namespace fovea
