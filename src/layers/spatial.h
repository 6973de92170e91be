#pragma once

#include <span>
#include <string>
#include <string_view>

#include "fovea/fields.h"

namespace fovea {

class LayerImpl;

/// Padding and output size of a sliding window along both axes of an image, by Keras' rule ("valid" or
/// "same").
struct Window2D {
  Size2 size, strides, dilation = 1;
  std::string padding;
  bool of_rows = false;  ///< the images are rows, one pixel high: for words

  /// floor((n - k_eff) / s) + 1, or with "same" ceil(n / s); an unknown size stays unknown. Fails on `layer`
  /// when nothing is left.
  Shape output(const LayerImpl& layer, const Shape& images, std::int64_t channels) const;
  /// Zeros to add: none, or with "same" max(0, (out - 1) s + k_eff - n), the odd row or column at the end.
  Padding2 amounts(const Shape& images) const;
  /// "height (150 - 3) / 1 + 1 = 148; width (150 - 3) / 1 + 1 = 148", or, of rows, "length ...".
  std::string explain(const Shape& images) const;
};

/// Fails unless the padding is "valid" or "same".
void require_padding(const LayerImpl& layer, const std::string& padding);
/// Fails unless both are at least 1; `option` is the option's name.
void require_at_least_one(const LayerImpl& layer, std::string_view option, Size2 size);
void require_at_least_one(const LayerImpl& layer, std::string_view option, std::int64_t count);
/// Fails unless the images' channels are known.
void require_channels(const LayerImpl& layer, const Shape& images);
/// Fails unless there is one input, of rank 4.
const Shape& require_images(const LayerImpl& layer, std::span<const Shape> inputs);

}  // namespace fovea
