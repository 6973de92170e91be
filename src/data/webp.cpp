#include <webp/decode.h>

#include "core/format.h"
#include "data/image.h"

namespace fovea {

Image decode_webp(Bytes bytes, std::int64_t channels) {
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(bytes.data(), bytes.size(), &features) != VP8_STATUS_OK) {
    fail("broken WebP: the header cannot be read");
  }
  if (features.has_animation != 0) fail("WebP: animations are not supported; save one frame as an image");
  const std::int64_t decoded = channels == 4 ? 4 : 3;
  Image image = make_image(features.height, features.width, decoded);
  const auto stride = static_cast<int>(image.width * decoded);
  const auto decode = decoded == 4 ? WebPDecodeRGBAInto : WebPDecodeRGBInto;
  if (decode(bytes.data(), bytes.size(), image.pixels.data(), image.pixels.size(), stride) == nullptr) {
    fail("broken WebP: the pixels are damaged or end early");
  }
  if (channels != 1) return image;
  Image luma = make_image(image.height, image.width, 1);
  for (std::size_t i = 0; i < luma.pixels.size(); ++i) {
    const std::uint8_t* rgb = image.pixels.data() + 3 * i;
    put_pixel(luma.pixels.data() + i, 1, rgb[0], rgb[1], rgb[2]);
  }
  return luma;
}

}  // namespace fovea
