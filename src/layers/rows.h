#pragma once

#include <string_view>

#include "layers/image_layer.h"

namespace fovea {

/// A layer that reads rows (N, L, C), or (N, C, L) with channels first. What derives from it sees them as
/// images (N, 1, L, C), as an ImageLayer does.
class RowLayer : public LayerImpl {
 public:
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const final;
  std::vector<ParameterSpec> parameters(std::span<const Shape> inputs) const final;
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const final;
  std::string explain_shape(std::span<const Shape> inputs) const final;
  std::string explain_parameters(std::span<const Shape> inputs) const final;

 protected:
  /// LayerImpl's functions, for images (N, 1, L, C). Results of rank 4 lose their height.
  virtual std::vector<Shape> image_shapes(std::span<const Shape> inputs) const = 0;
  virtual std::vector<ParameterSpec> image_parameters(std::span<const Shape>) const { return {}; }
  virtual std::vector<Value> lower_images(const LoweringContext& context,
                                          std::span<const Value> inputs) const = 0;
  virtual std::string explain_image_shape(std::span<const Shape>) const { return {}; }
  virtual std::string explain_image_parameters(std::span<const Shape>) const { return {}; }

  void data_format_field(FieldVisitor& visitor) { visit_data_format(visitor, *this, data_format_); }
  const std::string& data_format() const { return data_format_; }

 private:
  std::vector<Shape> as_images(std::span<const Shape> rows) const;

  std::string data_format_ = "channels_last";
};

/// A number that Keras writes as a list of one.
void one_number_field(FieldVisitor& visitor, std::string_view name, std::int64_t& value);

}  // namespace fovea
