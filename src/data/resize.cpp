#include "data/resize.h"

#include <algorithm>
#include <cmath>

#include "core/format.h"
#include "data/resize_rows.h"

namespace fovea {
namespace {

/// The part of the image that is resized; when padding it reaches beyond the image, where all is black.
struct Window {
  std::int64_t top = 0, left = 0, height = 0, width = 0;
};

/// Keras' smart_resize, with its truncations.
Window window_of(const Image& image, const ResizePlan& plan) {
  const std::int64_t fitting_height = image.width * plan.height / plan.width;
  const std::int64_t fitting_width = image.height * plan.width / plan.height;
  switch (plan.aspect_ratio) {
    case AspectRatio::distort:
      break;
    case AspectRatio::crop: {
      const std::int64_t height = std::max<std::int64_t>(std::min(image.height, fitting_height), 1);
      const std::int64_t width = std::max<std::int64_t>(std::min(image.width, fitting_width), 1);
      return {(image.height - height) / 2, (image.width - width) / 2, height, width};
    }
    case AspectRatio::pad: {
      const std::int64_t height = std::max(image.height, fitting_height);
      const std::int64_t width = std::max(image.width, fitting_width);
      return {-((height - image.height) / 2), -((width - image.width) / 2), height, width};
    }
  }
  return {0, 0, image.height, image.width};
}

std::vector<Tap> taps(std::int64_t out_size, std::int64_t start, std::int64_t window, std::int64_t image,
                      Interpolation interpolation) {
  const float scale = static_cast<float>(window) / static_cast<float>(out_size);
  const auto place = [&](std::int64_t i) {
    const std::int64_t at = std::clamp<std::int64_t>(i, 0, window - 1) + start;
    return at >= 0 && at < image ? at : -1;
  };
  std::vector<Tap> result(static_cast<std::size_t>(out_size));
  for (std::int64_t i = 0; i < out_size; ++i) {
    const float centre = (static_cast<float>(i) + 0.5f) * scale;
    Tap& tap = result[static_cast<std::size_t>(i)];
    if (interpolation == Interpolation::nearest) {
      tap.low = tap.high = place(static_cast<std::int64_t>(std::floor(centre)));
      tap.weight = 0;
      continue;
    }
    const float at = centre - 0.5f;
    const float floor = std::floor(at);
    tap.low = place(static_cast<std::int64_t>(floor));
    tap.high = place(static_cast<std::int64_t>(std::ceil(at)));
    tap.weight = at - floor;
  }
  return result;
}

std::int64_t channels_of(const std::string& color_mode) {
  if (color_mode == "rgb") return 3;
  if (color_mode == "grayscale") return 1;
  if (color_mode == "rgba") return 4;
  fail("color_mode must be \"rgb\", \"grayscale\" or \"rgba\". Received: \"{}\"", color_mode);
}

Interpolation interpolation_of(const std::string& name) {
  if (name == "bilinear") return Interpolation::bilinear;
  if (name == "nearest") return Interpolation::nearest;
  fail("interpolation must be \"bilinear\" or \"nearest\". Received: \"{}\"", name);
}

/// A row of the image at the width of the result; the next result's row often needs it again.
struct StretchedRow {
  explicit StretchedRow(std::size_t floats) : values(floats + kStretchSlack) {}

  /// Row `y`, -1 for the border.
  void read(const Image& image, std::int64_t y, std::span<const Tap> columns) {
    if (y == source) return;
    source = y;
    if (y < 0) return std::fill(values.begin(), values.end(), 0.0f);
    stretch_row(image.pixels.data() + y * image.width * image.channels, image.width, image.channels, columns,
                values.data());
  }

  std::int64_t source = -2;  ///< the row that `values` hold; -2: none yet
  std::vector<float> values;
};

}  // namespace

ResizePlan plan_resize(const ImageOptions& options) {
  constexpr std::int64_t max_side = 16384;
  for (const std::int64_t side : options.image_size) {
    if (side < 1 || side > max_side) {
      fail("image_size is (height, width) from 1 to {}. Received: ({}, {})", max_side, options.image_size[0],
           options.image_size[1]);
    }
  }
  if (options.crop_to_aspect_ratio && options.pad_to_aspect_ratio) {
    fail("only one of crop_to_aspect_ratio and pad_to_aspect_ratio can be set. Received: both");
  }
  ResizePlan plan;
  plan.height = options.image_size[0];
  plan.width = options.image_size[1];
  plan.channels = channels_of(options.color_mode);
  plan.interpolation = interpolation_of(options.interpolation);
  plan.scaled_decoding = options.scaled_decoding;
  if (options.crop_to_aspect_ratio) plan.aspect_ratio = AspectRatio::crop;
  if (options.pad_to_aspect_ratio) plan.aspect_ratio = AspectRatio::pad;
  return plan;
}

void resize(const Image& image, const ResizePlan& plan, std::span<float> out) {
  const Window window = window_of(image, plan);
  const auto rows = taps(plan.height, window.top, window.height, image.height, plan.interpolation);
  const auto columns = taps(plan.width, window.left, window.width, image.width, plan.interpolation);
  const auto row_floats = static_cast<std::size_t>(plan.width * plan.channels);
  StretchedRow upper(row_floats), lower(row_floats);
  float* to = out.data();
  for (const Tap& row : rows) {
    if (upper.source != row.low && lower.source == row.low) std::swap(upper, lower);
    upper.read(image, row.low, columns);
    lower.read(image, row.high, columns);
    blend_rows({upper.values.data(), row_floats}, {lower.values.data(), row_floats}, row.weight, to);
    to += row_floats;
  }
}

Tensor load_image(const std::string& path, const ImageOptions& options) {
  const ResizePlan plan = plan_resize(options);
  const Image image = read_image(path, plan.channels, plan.decoded_size());
  Tensor tensor(Shape{plan.height, plan.width, plan.channels});
  resize(image, plan, {tensor.data<float>(), static_cast<std::size_t>(tensor.size())});
  return tensor;
}

}  // namespace fovea
