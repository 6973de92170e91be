#include "data/files.h"

#include <gif_lib.h>
#include <jpeglib.h>
#include <png.h>
#include <unistd.h>
#include <webp/encode.h>
#include <zlib.h>

#include <atomic>
#include <cstdlib>
#include <fstream>

#include "fovea/error.h"

namespace fovea::test {
namespace fs = std::filesystem;

TemporaryFolder::TemporaryFolder() {
  static std::atomic<int> next{0};
  path_ =
      fs::temp_directory_path() / ("fovea-data-" + std::to_string(getpid()) + "-" + std::to_string(next++));
  fs::create_directories(path_);
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::string TemporaryFolder::write(const std::string& name, const ByteVector& bytes) const {
  const fs::path path = path_ / name;
  fs::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  return path.string();
}

std::string TemporaryFolder::make_folder(const std::string& name) const {
  fs::create_directories(path_ / name);
  return (path_ / name).string();
}

Image rgb_image(std::int64_t height, std::int64_t width,
                const std::function<std::uint32_t(std::int64_t, std::int64_t)>& color) {
  Image image = make_image(height, width, 3);
  std::uint8_t* out = image.pixels.data();
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x, out += 3) {
      const std::uint32_t rgb = color(y, x);
      put_pixel(out, 3, static_cast<std::uint8_t>(rgb >> 16), static_cast<std::uint8_t>(rgb >> 8),
                static_cast<std::uint8_t>(rgb));
    }
  }
  return image;
}

Image plain_image(std::int64_t height, std::int64_t width, std::uint32_t color) {
  return rgb_image(height, width, [=](std::int64_t, std::int64_t) { return color; });
}

namespace {

struct JpegInput {
  const ByteVector& pixels;
  int height, width, channels;
  J_COLOR_SPACE space;
};

ByteVector compress(const JpegInput& input, int quality, bool progressive, bool adobe) {
  jpeg_compress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* memory = nullptr;
  unsigned long bytes = 0;
  jpeg_mem_dest(&info, &memory, &bytes);
  info.image_height = static_cast<JDIMENSION>(input.height);
  info.image_width = static_cast<JDIMENSION>(input.width);
  info.input_components = input.channels;
  info.in_color_space = input.space;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, quality, TRUE);
  if (progressive) jpeg_simple_progression(&info);
  info.write_Adobe_marker = adobe ? TRUE : FALSE;
  jpeg_start_compress(&info, TRUE);
  while (info.next_scanline < info.image_height) {
    auto* row = const_cast<JSAMPLE*>(
        input.pixels.data() + info.next_scanline * static_cast<std::size_t>(input.width * input.channels));
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  ByteVector result(memory, memory + bytes);
  std::free(memory);
  return result;
}

}  // namespace

ByteVector to_jpeg(const Image& rgb, int quality, bool progressive) {
  return compress({rgb.pixels, static_cast<int>(rgb.height), static_cast<int>(rgb.width), 3, JCS_RGB},
                  quality, progressive, false);
}

ByteVector to_grayscale_jpeg(const Image& luma) {
  return compress(
      {luma.pixels, static_cast<int>(luma.height), static_cast<int>(luma.width), 1, JCS_GRAYSCALE}, 100,
      false, false);
}

ByteVector to_cmyk_jpeg(const ByteVector& cmyk, int height, int width, bool adobe) {
  return compress({cmyk, height, width, 4, JCS_CMYK}, 100, false, adobe);
}

ByteVector to_png(int height, int width, int color_type, int depth, const ByteVector& rows,
                  const std::vector<std::uint32_t>& palette, const ByteVector& palette_alpha,
                  bool interlaced) {
  ByteVector result;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &result,
      [](png_structp writer, png_bytep data, std::size_t size) {
        auto* to = static_cast<ByteVector*>(png_get_io_ptr(writer));
        to->insert(to->end(), data, data + size);
      },
      nullptr);
  png_set_IHDR(png, info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height), depth,
               color_type, interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  std::vector<png_color> colors;
  for (const std::uint32_t rgb : palette) {
    colors.push_back(
        {static_cast<png_byte>(rgb >> 16), static_cast<png_byte>(rgb >> 8), static_cast<png_byte>(rgb)});
  }
  if (!colors.empty()) png_set_PLTE(png, info, colors.data(), static_cast<int>(colors.size()));
  if (!palette_alpha.empty()) {
    png_set_tRNS(png, info, palette_alpha.data(), static_cast<int>(palette_alpha.size()), nullptr);
  }
  png_write_info(png, info);
  const std::size_t stride = rows.size() / static_cast<std::size_t>(height);
  std::vector<png_bytep> pointers;
  for (int y = 0; y < height; ++y) {
    pointers.push_back(const_cast<png_bytep>(rows.data() + static_cast<std::size_t>(y) * stride));
  }
  png_write_image(png, pointers.data());
  png_write_end(png, nullptr);
  png_destroy_write_struct(&png, &info);
  return result;
}

ByteVector to_png(const Image& image) {
  const int type = image.channels == 1   ? PNG_COLOR_TYPE_GRAY
                   : image.channels == 3 ? PNG_COLOR_TYPE_RGB
                                         : PNG_COLOR_TYPE_RGB_ALPHA;
  return to_png(static_cast<int>(image.height), static_cast<int>(image.width), type, 8, image.pixels);
}

ByteVector to_webp(const Image& rgb) {
  std::uint8_t* memory = nullptr;
  const std::size_t bytes =
      WebPEncodeLosslessRGB(rgb.pixels.data(), static_cast<int>(rgb.width), static_cast<int>(rgb.height),
                            static_cast<int>(3 * rgb.width), &memory);
  ByteVector result(memory, memory + bytes);
  WebPFree(memory);
  return result;
}

ByteVector to_gif(int height, int width, const ByteVector& indices, const std::vector<std::uint32_t>& palette,
                  bool interlaced, int frames) {
  ByteVector result;
  int code = 0;
  GifFileType* gif = EGifOpen(
      &result,
      [](GifFileType* file, const GifByteType* data, int size) {
        auto* to = static_cast<ByteVector*>(file->UserData);
        to->insert(to->end(), data, data + size);
        return size;
      },
      &code);
  std::vector<GifColorType> colors;
  for (const std::uint32_t rgb : palette) {
    colors.push_back({static_cast<GifByteType>(rgb >> 16), static_cast<GifByteType>(rgb >> 8),
                      static_cast<GifByteType>(rgb)});
  }
  ColorMapObject* map = GifMakeMapObject(static_cast<int>(colors.size()), colors.data());
  EGifPutScreenDesc(gif, width, height, 8, 0, map);
  for (int frame = 0; frame < frames; ++frame) {
    EGifPutImageDesc(gif, 0, 0, width, height, interlaced, nullptr);
    for (int line = 0; line < height; ++line) {
      // An interlaced file holds every 8th row, then the rows between.
      int y = line;
      if (interlaced) {
        int left = line;
        for (const auto& [first, step] : {std::pair{0, 8}, {4, 8}, {2, 4}, {1, 2}}) {
          const int rows = (height - first + step - 1) / step;
          if (left < rows) {
            y = first + left * step;
            break;
          }
          left -= rows > 0 ? rows : 0;
        }
      }
      ByteVector row(indices.begin() + y * width, indices.begin() + (y + 1) * width);
      if (frame > 0) std::fill(row.begin(), row.end(), std::uint8_t{0});
      EGifPutLine(gif, row.data(), width);
    }
  }
  EGifCloseFile(gif, &code);
  GifFreeMapObject(map);
  return result;
}

ByteVector to_bmp(const Image& rgb, int bits, bool from_top) {
  ByteVector out = {'B', 'M'};
  const auto u16 = [&](std::int64_t v) {
    for (int i = 0; i < 2; ++i) out.push_back(static_cast<std::uint8_t>(v >> (8 * i)));
  };
  const auto u32 = [&](std::int64_t v) {
    for (int i = 0; i < 4; ++i) out.push_back(static_cast<std::uint8_t>(v >> (8 * i)));
  };
  const std::int64_t palette = bits == 8 ? 256 : 0;
  const std::int64_t stride = (rgb.width * bits / 8 + 3) / 4 * 4;
  u32(54 + 4 * palette + stride * rgb.height);
  u32(0);
  u32(54 + 4 * palette);
  u32(40);
  u32(rgb.width);
  u32(from_top ? -rgb.height : rgb.height);
  u16(1);
  u16(bits);
  for (int i = 0; i < 6; ++i) u32(0);
  // The palette of 8-bit files: index i is red i, green 255 - i, blue 7.
  for (std::int64_t i = 0; i < palette; ++i) u32(i << 16 | (255 - i) << 8 | 7);
  for (std::int64_t line = 0; line < rgb.height; ++line) {
    const std::int64_t y = from_top ? line : rgb.height - 1 - line;
    const std::size_t begin = out.size();
    for (std::int64_t x = 0; x < rgb.width; ++x) {
      const std::uint8_t* pixel = rgb.pixels.data() + (y * rgb.width + x) * 3;
      if (bits == 8) out.push_back(pixel[0]);
      if (bits != 8) out.insert(out.end(), {pixel[2], pixel[1], pixel[0]});
      if (bits == 32) out.push_back(0);
    }
    out.resize(begin + static_cast<std::size_t>(stride));
  }
  return out;
}

ByteVector to_gzip(const ByteVector& bytes) {
  z_stream stream{};
  deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  ByteVector out(bytes.size() + 1024);
  stream.next_in = const_cast<std::uint8_t*>(bytes.data());
  stream.avail_in = static_cast<unsigned>(bytes.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<unsigned>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace fovea::test
