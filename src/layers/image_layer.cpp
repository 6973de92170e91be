#include "layers/image_layer.h"

namespace fovea {

void visit_data_format(FieldVisitor& visitor, const LayerImpl& layer, std::string& data_format) {
  std::string given = data_format;
  visitor.field("data_format", given);
  if (given != "channels_last" && given != "channels_first") {
    layer.fail_rule(
        fmt::format("data_format must be channels_last or channels_first. Received: data_format={}", given));
  }
  data_format = given;
}

void ImageLayer::data_format_field(FieldVisitor& visitor) { visit_data_format(visitor, *this, data_format_); }

std::vector<Shape> ImageLayer::turned(std::span<const Shape> shapes) const {
  std::vector<Shape> result(shapes.begin(), shapes.end());
  if (data_format_ == "channels_last") return result;
  for (Shape& shape : result) {
    if (shape.rank() == 4) shape = {shape[0], shape[2], shape[3], shape[1]};
  }
  return result;
}

std::vector<Shape> ImageLayer::output_shapes(std::span<const Shape> inputs) const {
  std::vector<Shape> result = image_shapes(turned(inputs));
  if (data_format_ == "channels_last") return result;
  for (Shape& shape : result) {
    if (shape.rank() == 4) shape = {shape[0], shape[3], shape[1], shape[2]};
  }
  return result;
}

std::vector<ParameterSpec> ImageLayer::parameters(std::span<const Shape> inputs) const {
  return image_parameters(turned(inputs));
}

std::vector<Value> ImageLayer::lower(const LoweringContext& context, std::span<const Value> inputs) const {
  if (data_format_ == "channels_last") return lower_images(context, inputs);
  std::vector<Value> images;
  for (const Value input : inputs) images.push_back(axis_to_last(context.graph, input, 1));
  std::vector<Value> results = lower_images(context, images);
  for (Value& result : results) {
    if (context.graph.spec(result).shape.rank() == 4) result = axis_from_last(context.graph, result, 1);
  }
  return results;
}

std::string ImageLayer::explain_shape(std::span<const Shape> inputs) const {
  return explain_image_shape(turned(inputs));
}

std::string ImageLayer::explain_parameters(std::span<const Shape> inputs) const {
  return explain_image_parameters(turned(inputs));
}

std::vector<ParameterSpec> ImageLayer::image_parameters(std::span<const Shape>) const { return {}; }
std::string ImageLayer::explain_image_shape(std::span<const Shape>) const { return {}; }
std::string ImageLayer::explain_image_parameters(std::span<const Shape>) const { return {}; }

}  // namespace fovea
