#include "layers/rows.h"

namespace fovea {

void one_number_field(FieldVisitor& visitor, std::string_view name, std::int64_t& value) {
  std::optional<Axes> given = Axes{value};
  visitor.field(name, given);
  value = given && given->size() == 1 ? given->values[0] : 0;  // which no layer takes
}

std::vector<Shape> RowLayer::as_images(std::span<const Shape> rows) const {
  std::vector<Shape> images;
  for (const Shape& x : rows) {
    if (x.rank() != 3) fail_rule(fmt::format("expected rows (N, L, C). Received: shape {}", x.str()));
    const bool first = data_format_ == "channels_first";
    images.push_back({x[0], 1, first ? x[2] : x[1], first ? x[1] : x[2]});
  }
  return images;
}

std::vector<Shape> RowLayer::output_shapes(std::span<const Shape> inputs) const {
  std::vector<Shape> result = image_shapes(as_images(inputs));
  for (Shape& y : result) {
    if (y.rank() != 4) continue;
    y = data_format_ == "channels_first" ? Shape{y[0], y[3], y[2]} : Shape{y[0], y[2], y[3]};
  }
  return result;
}

std::vector<ParameterSpec> RowLayer::parameters(std::span<const Shape> inputs) const {
  return image_parameters(as_images(inputs));
}

std::vector<Value> RowLayer::lower(const LoweringContext& context, std::span<const Value> inputs) const {
  GraphBuilder& g = context.graph;
  const bool turn = data_format_ == "channels_first";
  std::vector<Value> images;
  for (const Value input : inputs) {
    const Value rows = turn ? axis_to_last(g, input, 1) : input;
    const Shape x = g.spec(rows).shape;
    images.push_back(ops::reshape(g, rows, {x[0], 1, x[1], x[2]}));
  }
  std::vector<Value> results = lower_images(context, images);
  for (Value& result : results) {
    const Shape y = g.spec(result).shape;
    if (y.rank() != 4) continue;
    result = ops::reshape(g, result, {y[0], y[2], y[3]});
    if (turn) result = axis_from_last(g, result, 1);
  }
  return results;
}

std::string RowLayer::explain_shape(std::span<const Shape> inputs) const {
  return explain_image_shape(as_images(inputs));
}

std::string RowLayer::explain_parameters(std::span<const Shape> inputs) const {
  return explain_image_parameters(as_images(inputs));
}

}  // namespace fovea
