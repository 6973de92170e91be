#include "layers/image_layer.h"

namespace fovea {

void visit_data_format(FieldVisitor& visitor, const LayerImpl& layer, std::string& data_format) {
  std::string given = data_format;
  visitor.field("data_format", given);
  if (given != "channels_last" && given != "channels_first") {
    layer.fail_rule(
        fmt::format("data_format must be channels_last or channels_first. Received: data_format={}", given));
  }
  if (visitor.reads()) data_format = given;
}

void ImageLayer::data_format_field(FieldVisitor& visitor) { visit_data_format(visitor, *this, data_format_); }

Shape ImageLayer::to_images(const Shape& given) const {
  if (!channels_are_first() || given.rank() != 4) return given;
  return {given[0], given[2], given[3], given[1]};
}

Shape ImageLayer::from_images(const Shape& images) const {
  return channels_are_first() ? Shape{images[0], images[3], images[1], images[2]} : images;
}

Value ImageLayer::to_images(GraphBuilder& g, Value given) const {
  return channels_are_first() ? axis_to_last(g, given, 1) : given;
}

Value ImageLayer::from_images(GraphBuilder& g, Value images) const {
  return channels_are_first() ? axis_from_last(g, images, 1) : images;
}

std::vector<Shape> ImageLayer::all_to_images(std::span<const Shape> shapes) const {
  std::vector<Shape> result;
  for (const Shape& shape : shapes) result.push_back(to_images(shape));
  return result;
}

std::vector<Shape> ImageLayer::output_shapes(std::span<const Shape> inputs) const {
  std::vector<Shape> result = image_shapes(all_to_images(inputs));
  for (Shape& shape : result) {
    if (shape.rank() == 4) shape = from_images(shape);
  }
  return result;
}

std::vector<ParameterSpec> ImageLayer::parameters(std::span<const Shape> inputs) const {
  return image_parameters(all_to_images(inputs));
}

std::vector<Value> ImageLayer::lower(const LoweringContext& context, std::span<const Value> inputs) const {
  std::vector<Value> images;
  for (const Value input : inputs) images.push_back(to_images(context.graph, input));
  std::vector<Value> results = lower_images(context, images);
  for (Value& result : results) {
    if (context.graph.spec(result).shape.rank() == 4) result = from_images(context.graph, result);
  }
  return results;
}

std::string ImageLayer::explain_shape(std::span<const Shape> inputs) const {
  return explain_image_shape(all_to_images(inputs));
}

std::string ImageLayer::explain_parameters(std::span<const Shape> inputs) const {
  return explain_image_parameters(all_to_images(inputs));
}

std::vector<ParameterSpec> ImageLayer::image_parameters(std::span<const Shape>) const { return {}; }
std::string ImageLayer::explain_image_shape(std::span<const Shape>) const { return {}; }
std::string ImageLayer::explain_image_parameters(std::span<const Shape>) const { return {}; }

}  // namespace fovea
