#pragma once

#include <string_view>

#include "layers/image_layer.h"

namespace fovea {

/// A layer that reads rows (N, L, C), or (N, C, L) with channels first. What derives from it sees them as
/// images (N, 1, L, C); images that it makes lose their height.
class RowLayer : public ImageLayer {
 protected:
  Shape to_images(const Shape& rows) const override;
  Shape from_images(const Shape& images) const override;
  Value to_images(GraphBuilder& g, Value rows) const override;
  Value from_images(GraphBuilder& g, Value images) const override;
};

/// A number that Keras writes as a list of one.
void one_number_field(FieldVisitor& visitor, std::string_view name, std::int64_t& value);

}  // namespace fovea
