#pragma once

#include <algorithm>
#include <cmath>
#include <span>

#include "data/resize.h"

namespace fovea {

/// The formula of resize(), pixel by pixel in float32: what its vectors are judged and measured by.
inline void resize_by_formula(const Image& image, const ResizePlan& plan, std::span<float> out) {
  std::int64_t top = 0, left = 0, height = image.height, width = image.width;
  const std::int64_t fitting_height = image.width * plan.height / plan.width,
                     fitting_width = image.height * plan.width / plan.height;
  if (plan.aspect_ratio == AspectRatio::crop) {
    height = std::max<std::int64_t>(1, std::min(height, fitting_height));
    width = std::max<std::int64_t>(1, std::min(width, fitting_width));
    top = (image.height - height) / 2;
    left = (image.width - width) / 2;
  } else if (plan.aspect_ratio == AspectRatio::pad) {
    height = std::max(height, fitting_height);
    width = std::max(width, fitting_width);
    top = -((height - image.height) / 2);
    left = -((width - image.width) / 2);
  }
  const auto pixel = [&](float y, float x, std::int64_t c) {
    const std::int64_t row = std::clamp(static_cast<std::int64_t>(y), std::int64_t{0}, height - 1) + top;
    const std::int64_t column = std::clamp(static_cast<std::int64_t>(x), std::int64_t{0}, width - 1) + left;
    const bool inside = row >= 0 && row < image.height && column >= 0 && column < image.width;
    return inside ? static_cast<float>(image.pixels[static_cast<std::size_t>(
                        (row * image.width + column) * image.channels + c)])
                  : 0.0F;
  };
  const auto between = [](float a, float b, float share) { return a + (b - a) * share; };
  const float scale_y = static_cast<float>(height) / static_cast<float>(plan.height),
              scale_x = static_cast<float>(width) / static_cast<float>(plan.width);
  float* to = out.data();
  for (std::int64_t i = 0; i < plan.height; ++i) {
    for (std::int64_t j = 0; j < plan.width; ++j) {
      const float y = (static_cast<float>(i) + 0.5F) * scale_y, x = (static_cast<float>(j) + 0.5F) * scale_x;
      for (std::int64_t c = 0; c < plan.channels; ++c) {
        if (plan.interpolation == Interpolation::nearest) {
          *to++ = pixel(std::floor(y), std::floor(x), c);
          continue;
        }
        const float above = std::floor(y - 0.5F), below = std::ceil(y - 0.5F);
        const float before = std::floor(x - 0.5F), after = std::ceil(x - 0.5F);
        const float share_x = x - 0.5F - before;
        *to++ = between(between(pixel(above, before, c), pixel(above, after, c), share_x),
                        between(pixel(below, before, c), pixel(below, after, c), share_x), y - 0.5F - above);
      }
    }
  }
}

}  // namespace fovea
