#include "layers/spatial.h"

#include <algorithm>

#include "core/format.h"
#include "fovea/layer.h"

namespace fovea {
namespace {

/// `image` and `pixels` in words, for messages.
struct Words {
  const char *image, *axis, *pixels;
};

std::int64_t output_size(const LayerImpl& layer, const Words& words, bool same, std::int64_t n,
                         std::int64_t k, std::int64_t s, std::int64_t d) {
  if (n == Shape::unknown) return n;
  if (same) return (n + s - 1) / s;
  const std::int64_t reach = (k - 1) * d + 1;
  if (reach > n) {
    layer.fail_rule(
        fmt::format("the window is larger than the {0}: along the {1} it reaches over {2} {3} and the "
                    "{0} has {4}. Use a smaller window, padding 'same' or larger {0}s",
                    words.image, words.axis, reach, words.pixels, n));
  }
  return (n - reach) / s + 1;
}

std::pair<std::int64_t, std::int64_t> same_padding(std::int64_t n, std::int64_t k, std::int64_t s,
                                                   std::int64_t d) {
  const std::int64_t out = (n + s - 1) / s;
  const std::int64_t total = std::max<std::int64_t>(0, (out - 1) * s + (k - 1) * d + 1 - n);
  return {total / 2, total - total / 2};
}

/// "(150 - 3) / 1 + 1 = 148"
std::string derivation(bool same, std::int64_t n, std::int64_t k, std::int64_t s, std::int64_t d) {
  if (n == Shape::unknown) return "open, as the input's size is";
  if (same) return fmt::format("ceil({} / {}) = {}", n, s, (n + s - 1) / s);
  const std::int64_t reach = (k - 1) * d + 1;
  const std::string division = (n - reach) % s == 0 ? "" : ", rounded down,";
  return fmt::format("({} - {}) / {}{} + 1 = {}", n, reach, s, division, (n - reach) / s + 1);
}

}  // namespace

Shape Window2D::output(const LayerImpl& layer, const Shape& images, std::int64_t channels) const {
  const bool same = padding == "same";
  return {images[0],
          output_size(layer, {"image", "height", "pixels"}, same, images[1], size.height, strides.height,
                      dilation.height),
          output_size(layer, of_rows ? Words{"row", "length", "steps"} : Words{"image", "width", "pixels"},
                      same, images[2], size.width, strides.width, dilation.width),
          channels};
}

Padding2 Window2D::amounts(const Shape& images) const {
  if (padding != "same") return 0;
  const auto [top, bottom] = same_padding(images[1], size.height, strides.height, dilation.height);
  const auto [left, right] = same_padding(images[2], size.width, strides.width, dilation.width);
  return {top, bottom, left, right};
}

std::string Window2D::explain(const Shape& images) const {
  const bool same = padding == "same";
  const std::string along_width = derivation(same, images[2], size.width, strides.width, dilation.width);
  if (of_rows) return "length " + along_width;
  return fmt::format("height {}; width {}",
                     derivation(same, images[1], size.height, strides.height, dilation.height), along_width);
}

void require_padding(const LayerImpl& layer, const std::string& padding) {
  if (padding != "valid" && padding != "same") {
    layer.fail_rule(fmt::format("padding must be 'valid' or 'same'. Received: padding='{}'", padding));
  }
}

void require_at_least_one(const LayerImpl& layer, std::string_view option, Size2 size) {
  if (size.height < 1 || size.width < 1) {
    layer.fail_rule(
        fmt::format("{} must be at least 1. Received: {}=({}, {})", option, option, size.height, size.width));
  }
}

void require_at_least_one(const LayerImpl& layer, std::string_view option, std::int64_t count) {
  if (count < 1)
    layer.fail_rule(fmt::format("{} must be at least 1. Received: {}={}", option, option, count));
}

void require_channels(const LayerImpl& layer, const Shape& images) {
  if (images[3] == Shape::unknown) {
    layer.fail_rule(fmt::format(
        "its weights need channels of a known size. Give the input's last axis a size. Received: shape {}",
        images.str()));
  }
}

const Shape& require_images(const LayerImpl& layer, std::span<const Shape> inputs) {
  if (inputs.size() != 1) layer.fail_rule(fmt::format("takes one input. Received: {}", inputs.size()));
  if (inputs[0].rank() != 4) {
    layer.fail_rule(fmt::format("expected images (N, H, W, C). Received: shape {}", inputs[0].str()));
  }
  return inputs[0];
}

}  // namespace fovea
