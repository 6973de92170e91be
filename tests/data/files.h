#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "data/image.h"
#include "support/errors.h"

namespace fovea::test {

using ByteVector = std::vector<std::uint8_t>;

/// A fresh folder that is removed with everything in it.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string path() const { return path_.string(); }
  /// Writes a file, with its folders, and returns its path.
  std::string write(const std::string& name, const ByteVector& bytes) const;
  std::string make_folder(const std::string& name) const;

 private:
  std::filesystem::path path_;
};

/// An RGB image whose pixel (y, x) has the colour that `color` returns as 0xRRGGBB.
Image rgb_image(std::int64_t height, std::int64_t width,
                const std::function<std::uint32_t(std::int64_t y, std::int64_t x)>& color);
/// One colour everywhere.
Image plain_image(std::int64_t height, std::int64_t width, std::uint32_t color);

// Encoders of the formats' own libraries.
ByteVector to_jpeg(const Image& rgb, int quality = 95, bool progressive = false);
ByteVector to_grayscale_jpeg(const Image& luma);
/// `adobe`: with Adobe's marker, which means inverted values.
ByteVector to_cmyk_jpeg(const ByteVector& cmyk, int height, int width, bool adobe);
/// `color_type` and `depth` as PNG has them; `rows` are packed as they stand in the file.
ByteVector to_png(int height, int width, int color_type, int depth, const ByteVector& rows,
                  const std::vector<std::uint32_t>& palette = {}, const ByteVector& palette_alpha = {},
                  bool interlaced = false);
ByteVector to_png(const Image& image);
ByteVector to_webp(const Image& rgb);
ByteVector to_gif(int height, int width, const ByteVector& indices, const std::vector<std::uint32_t>& palette,
                  bool interlaced = false, int frames = 1);
ByteVector to_bmp(const Image& rgb, int bits, bool from_top);
ByteVector to_gzip(const ByteVector& bytes);

}  // namespace fovea::test
