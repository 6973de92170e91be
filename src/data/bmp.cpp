#include <algorithm>
#include <array>

#include "core/format.h"
#include "data/image.h"

// Windows bitmaps with 8-bit palettes, 24 and 32 bits, uncompressed, rows from the bottom or the top.
namespace fovea {
namespace {

std::uint32_t u32(Bytes bytes, std::size_t at) {
  if (at + 4 > bytes.size()) fail("broken BMP: the header ends early");
  return static_cast<std::uint32_t>(bytes[at]) | static_cast<std::uint32_t>(bytes[at + 1]) << 8 |
         static_cast<std::uint32_t>(bytes[at + 2]) << 16 | static_cast<std::uint32_t>(bytes[at + 3]) << 24;
}

std::uint32_t u16(Bytes bytes, std::size_t at) { return u32(bytes, at) & 0xffff; }

struct Header {
  std::size_t pixels_at = 0;
  std::size_t palette_at = 0;
  std::size_t palette_colors = 0;
  std::int64_t width = 0, height = 0;
  bool from_top = false;
  std::uint32_t bits = 0;
  bool alpha = false;
};

/// BITMAPINFOHEADER and its successors; a 32-bit image may name its masks if they are the usual ones.
Header read_header(Bytes bytes) {
  Header header;
  const std::uint32_t info_bytes = u32(bytes, 14);
  if (info_bytes < 40 || info_bytes > 124) fail("BMP: a header of {} bytes is not supported", info_bytes);
  header.pixels_at = u32(bytes, 10);
  header.width = static_cast<std::int32_t>(u32(bytes, 18));
  const std::int64_t height = static_cast<std::int32_t>(u32(bytes, 22));
  header.from_top = height < 0;
  header.height = height < 0 ? -height : height;
  header.bits = u16(bytes, 28);
  const std::uint32_t compression = u32(bytes, 30);
  constexpr std::uint32_t uncompressed = 0, bitfields = 3;
  if (header.bits != 8 && header.bits != 24 && header.bits != 32) {
    fail("BMP: 8, 24 and 32 bits per pixel are supported. Received: {}", header.bits);
  }
  if (compression != uncompressed && !(compression == bitfields && header.bits == 32)) {
    fail("BMP: compressed images are not supported. Received: compression {}", compression);
  }
  if (compression == bitfields) {
    if (u32(bytes, 54) != 0xff0000 || u32(bytes, 58) != 0xff00 || u32(bytes, 62) != 0xff) {
      fail("BMP: only blue, green, red byte order is supported");
    }
    header.alpha = info_bytes >= 56 && u32(bytes, 66) == 0xff000000;
  }
  if (header.bits == 8) {
    const std::uint32_t colors = u32(bytes, 46);
    header.palette_at = 14 + std::size_t{info_bytes};
    header.palette_colors = colors == 0 ? 256 : colors;
    if (header.palette_colors > 256) fail("broken BMP: a palette of {} colours", header.palette_colors);
    if (header.palette_at + 4 * header.palette_colors > bytes.size())
      fail("broken BMP: the palette ends early");
  }
  return header;
}

}  // namespace

Image decode_bmp(Bytes bytes, std::int64_t channels) {
  const Header header = read_header(bytes);
  const std::size_t pixel_bytes = header.bits / 8;
  if (header.width < 1 || header.height < 1) {
    fail("broken BMP: a size of {}x{} pixels", header.height, header.width);
  }
  // Rows end at multiples of 4 bytes. Both factors are below 2^34, so nothing here overflows 64 bits.
  const std::size_t stride = (static_cast<std::size_t>(header.width) * pixel_bytes + 3) / 4 * 4;
  const auto rows = static_cast<std::size_t>(header.height);
  if (header.pixels_at > bytes.size() || (bytes.size() - header.pixels_at) / stride < rows) {
    // Some writers leave out the padding of the last row.
    const std::size_t needed = stride * (rows - 1) + static_cast<std::size_t>(header.width) * pixel_bytes;
    if (header.pixels_at > bytes.size() || bytes.size() - header.pixels_at < needed) {
      fail("broken BMP: the pixels end early");
    }
  }
  Image image = make_image(header.height, header.width, channels);
  std::uint8_t* out = image.pixels.data();
  for (std::size_t y = 0; y < rows; ++y) {
    const std::size_t row = header.from_top ? y : rows - 1 - y;
    for (std::size_t x = 0; x < static_cast<std::size_t>(header.width); ++x, out += channels) {
      std::size_t at = header.pixels_at + row * stride + x * pixel_bytes;
      if (header.bits == 8) {
        if (bytes[at] >= header.palette_colors)
          fail("broken BMP: colour {} is not in the palette", bytes[at]);
        at = header.palette_at + 4 * std::size_t{bytes[at]};
      }
      put_pixel(out, channels, bytes[at + 2], bytes[at + 1], bytes[at], header.alpha ? bytes[at + 3] : 255);
    }
  }
  return image;
}

}  // namespace fovea
