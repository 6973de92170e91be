#include "layers/rows.h"

namespace fovea {

void one_number_field(FieldVisitor& visitor, std::string_view name, std::int64_t& value) {
  std::optional<Axes> given = Axes{value};
  visitor.field(name, given);
  if (visitor.reads()) value = given && given->size() == 1 ? given->values[0] : 0;  // which no layer takes
}

Shape RowLayer::to_images(const Shape& rows) const {
  if (rows.rank() != 3) fail_rule(fmt::format("expected rows (N, L, C). Received: shape {}", rows.str()));
  return channels_are_first() ? Shape{rows[0], 1, rows[2], rows[1]} : Shape{rows[0], 1, rows[1], rows[2]};
}

Shape RowLayer::from_images(const Shape& y) const {
  return channels_are_first() ? Shape{y[0], y[3], y[2]} : Shape{y[0], y[2], y[3]};
}

Value RowLayer::to_images(GraphBuilder& g, Value rows) const {
  const Value ordered = channels_are_first() ? axis_to_last(g, rows, 1) : rows;
  const Shape x = g.spec(ordered).shape;
  return ops::reshape(g, ordered, {x[0], 1, x[1], x[2]});
}

Value RowLayer::from_images(GraphBuilder& g, Value images) const {
  const Shape y = g.spec(images).shape;
  const Value rows = ops::reshape(g, images, {y[0], y[2], y[3]});
  return channels_are_first() ? axis_from_last(g, rows, 1) : rows;
}

}  // namespace fovea
