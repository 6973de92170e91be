#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "data/image.h"
#include "fovea/data.h"

namespace fovea {

enum class Interpolation : std::uint8_t { bilinear, nearest };
enum class AspectRatio : std::uint8_t { distort, crop, pad };

/// ImageOptions, checked and in the form that the inner loops want.
struct ResizePlan {
  std::int64_t height = 0, width = 0, channels = 0;
  Interpolation interpolation = Interpolation::bilinear;
  AspectRatio aspect_ratio = AspectRatio::distort;
  bool scaled_decoding = false;

  /// For decode_image.
  AtLeast decoded_size() const { return scaled_decoding ? AtLeast{height, width} : AtLeast{}; }
  std::int64_t elements() const { return height * width * channels; }
};

/// Throws Error, naming the option, for a value that is not supported.
ResizePlan plan_resize(const ImageOptions& options);

/// Resizes as Keras' datasets do (tf.image.resize): out pixel i looks at (i + 0.5) * in / out - 0.5, edges
/// repeat, nothing is averaged when shrinking. `out` is (plan.height, plan.width, plan.channels), 0 to 255.
/// The image has the plan's channels.
void resize(const Image& image, const ResizePlan& plan, std::span<float> out);

}  // namespace fovea
