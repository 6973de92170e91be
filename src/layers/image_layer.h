#pragma once

#include <string>

#include "layers/layer_support.h"
#include "layers/spatial.h"

namespace fovea {

/// A layer that reads images and may say in which order their axes are. What derives from it works with (N,
/// H, W, C) alone: with data_format "channels_first", (N, C, H, W) is turned on the way in, and images are
/// turned back on the way out. Other ways in and out (rows) are up to those who override them.
class ImageLayer : public LayerImpl {
 public:
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const final;
  std::vector<ParameterSpec> parameters(std::span<const Shape> inputs) const final;
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const final;
  std::string explain_shape(std::span<const Shape> inputs) const final;
  std::string explain_parameters(std::span<const Shape> inputs) const final;

 protected:
  /// LayerImpl's functions, for images (N, H, W, C).
  virtual std::vector<Shape> image_shapes(std::span<const Shape> inputs) const = 0;
  virtual std::vector<ParameterSpec> image_parameters(std::span<const Shape> inputs) const;
  virtual std::vector<Value> lower_images(const LoweringContext& context,
                                          std::span<const Value> inputs) const = 0;
  virtual std::string explain_image_shape(std::span<const Shape> inputs) const;
  virtual std::string explain_image_parameters(std::span<const Shape> inputs) const;

  /// What the layer is given as images, and what it makes of images; only results of rank 4 are images.
  virtual Shape to_images(const Shape& given) const;
  virtual Shape from_images(const Shape& images) const;
  virtual Value to_images(GraphBuilder& g, Value given) const;
  virtual Value from_images(GraphBuilder& g, Value images) const;

  /// Visits the option; derived classes do so at its place in Keras' config.
  void data_format_field(FieldVisitor& visitor);
  const std::string& data_format() const { return data_format_; }
  bool channels_are_first() const { return data_format_ == "channels_first"; }

 private:
  std::vector<Shape> all_to_images(std::span<const Shape> shapes) const;

  std::string data_format_ = "channels_last";
};

/// The option data_format, "channels_last" or "channels_first"; Error for any other.
void visit_data_format(FieldVisitor& visitor, const LayerImpl& layer, std::string& data_format);

}  // namespace fovea
