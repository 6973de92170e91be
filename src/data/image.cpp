#include "data/image.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>

#include "core/format.h"

namespace fovea {
namespace {

constexpr std::int64_t max_pixels = std::int64_t{1} << 28;
constexpr std::uintmax_t max_file_bytes = std::uintmax_t{1} << 30;

bool has_at(Bytes bytes, std::size_t offset, std::string_view text) {
  return bytes.size() >= offset + text.size() &&
         std::equal(text.begin(), text.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset),
                    [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; });
}

}  // namespace

void require_size(std::int64_t height, std::int64_t width) {
  if (height < 1 || width < 1) fail("an image needs at least 1x1 pixels. Received: {}x{}", height, width);
  if (height > max_pixels / width) {
    fail("an image of {}x{} pixels is refused: the limit is {} pixels", height, width, max_pixels);
  }
}

Image make_image(std::int64_t height, std::int64_t width, std::int64_t channels) {
  require_size(height, width);
  Image image{height, width, channels, {}};
  image.pixels.resize(static_cast<std::size_t>(height * width * channels));
  return image;
}

void put_pixel(std::uint8_t* to, std::int64_t channels, std::uint8_t red, std::uint8_t green,
               std::uint8_t blue, std::uint8_t alpha) {
  if (channels == 1) {
    // 0.299 R + 0.587 G + 0.114 B in 16-bit fixed point, rounded, as libjpeg and Pillow do.
    to[0] = static_cast<std::uint8_t>((19595 * red + 38470 * green + 7471 * blue + 32768) >> 16);
    return;
  }
  to[0] = red;
  to[1] = green;
  to[2] = blue;
  if (channels == 4) to[3] = alpha;
}

Image decode_image(Bytes bytes, std::int64_t channels, AtLeast at_least) {
  if (channels != 1 && channels != 3 && channels != 4) {
    fail("images are decoded to 1, 3 or 4 channels. Received: {}", channels);
  }
  if (bytes.empty()) fail("the file is empty");
  if (has_at(bytes, 0, "\xff\xd8\xff")) return decode_jpeg(bytes, channels, at_least);
  if (has_at(bytes, 0, "\x89PNG\r\n\x1a\n")) return decode_png(bytes, channels);
  if (has_at(bytes, 0, "GIF87a") || has_at(bytes, 0, "GIF89a")) return decode_gif(bytes, channels);
  if (has_at(bytes, 0, "RIFF") && has_at(bytes, 8, "WEBP")) return decode_webp(bytes, channels);
  if (has_at(bytes, 0, "BM")) return decode_bmp(bytes, channels);
  fail("the content is none of BMP, GIF, JPEG, PNG and WebP");
}

std::vector<std::uint8_t> read_file(const std::string& path) {
  std::error_code status;
  const std::uintmax_t size = std::filesystem::file_size(path, status);
  if (status) fail("the file cannot be read: {}", status.message());
  if (size > max_file_bytes)
    fail("a file of {} bytes is refused: the limit is {} bytes", size, max_file_bytes);
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size));
  std::ifstream file(path, std::ios::binary);
  if (!file) fail("the file cannot be opened: {}", std::generic_category().message(errno));
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
  if (file.gcount() != static_cast<std::streamsize>(size)) fail("the file changed while it was read");
  return bytes;
}

std::vector<std::uint8_t> read_named_file(const std::string& path) {
  try {
    return read_file(path);
  } catch (const Error& error) {
    fail("{}: {}", path, error.what());
  }
}

Image read_image(const std::string& path, std::int64_t channels, AtLeast at_least) {
  try {
    return decode_image(read_file(path), channels, at_least);
  } catch (const Error& error) {
    fail("{}: {}", path, error.what());
  }
}

}  // namespace fovea
