#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace fovea {

/// Pixels as bytes, (height, width, channels), row-major from the top; channels are 1 (luma), 3 (RGB) or 4
/// (RGBA, not premultiplied).
struct Image {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t channels = 0;
  std::vector<std::uint8_t> pixels;
};

using Bytes = std::span<const std::uint8_t>;

/// The smallest height and width that a JPEG may be decoded to instead of its own: it comes at a half, a
/// quarter or an eighth, the smallest of those that is not below either. {0, 0}: its own size.
struct AtLeast {
  std::int64_t height = 0, width = 0;
};

/// Decodes a JPEG, PNG, BMP, GIF or WebP image, told apart by its first bytes. Alpha is dropped unless 4
/// channels are asked for, and opaque where there is none; luma is BT.601. Throws Error with the reason
/// when the data is of no known format, damaged, cut short, or has more than 2^28 pixels.
Image decode_image(Bytes bytes, std::int64_t channels, AtLeast at_least = {});
/// The same for a file; errors begin with its path.
Image read_image(const std::string& path, std::int64_t channels, AtLeast at_least = {});

/// A whole file, at most 2^30 bytes. Throws Error without the path in it.
std::vector<std::uint8_t> read_file(const std::string& path);
/// The same, errors begin with `path`.
std::vector<std::uint8_t> read_named_file(const std::string& path);

// One small file each, for decode_image:
Image decode_jpeg(Bytes bytes, std::int64_t channels, AtLeast at_least);
Image decode_png(Bytes bytes, std::int64_t channels);
Image decode_bmp(Bytes bytes, std::int64_t channels);
Image decode_gif(Bytes bytes, std::int64_t channels);
Image decode_webp(Bytes bytes, std::int64_t channels);

/// Throws Error for a side below 1 or more than 2^28 pixels.
void require_size(std::int64_t height, std::int64_t width);
/// A black image of the given size. Throws Error for a side below 1 or more than 2^28 pixels.
Image make_image(std::int64_t height, std::int64_t width, std::int64_t channels);
/// Writes one pixel of `channels` channels.
void put_pixel(std::uint8_t* to, std::int64_t channels, std::uint8_t red, std::uint8_t green,
               std::uint8_t blue, std::uint8_t alpha = 255);

}  // namespace fovea
