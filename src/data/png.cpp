#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstring>

#include "core/format.h"
#include "data/image.h"

namespace fovea {
namespace {

struct Reader {
  png_structp png = nullptr;
  png_infop info = nullptr;
  Bytes rest;
  std::jmp_buf back;
  char message[200] = "";

  explicit Reader(Bytes bytes) : rest(bytes) {
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, give_up, [](png_structp, png_const_charp) {});
    if (png != nullptr) info = png_create_info_struct(png);
    if (info == nullptr) {
      png_destroy_read_struct(&png, &info, nullptr);
      fail("PNG: out of memory");
    }
    png_set_read_fn(png, this, read);
  }
  ~Reader() { png_destroy_read_struct(&png, &info, nullptr); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  static void give_up(png_structp png, png_const_charp message) {
    auto* reader = static_cast<Reader*>(png_get_error_ptr(png));
    std::strncpy(reader->message, message, sizeof reader->message - 1);
    std::longjmp(reader->back, 1);
  }

  static void read(png_structp png, png_bytep to, std::size_t count) {
    auto* reader = static_cast<Reader*>(png_get_io_ptr(png));
    if (count > reader->rest.size()) png_error(png, "the file ends early");
    std::memcpy(to, reader->rest.data(), count);
    reader->rest = reader->rest.subspan(count);
  }

  /// Runs C calls that leave by longjmp; nothing with a destructor may live in `step`.
  template <class Step>
  void run(Step&& step) {
    if (setjmp(back) == 0) {
      step();
      return;
    }
    fail("broken PNG: {}", static_cast<const char*>(message));
  }
};

/// Asks libpng for 8-bit RGB, or RGBA when alpha is wanted, whatever the file holds.
void set_transforms(png_structp png, png_infop info, bool alpha) {
  png_set_strip_16(png);
  png_set_palette_to_rgb(png);
  png_set_expand_gray_1_2_4_to_8(png);
  png_set_gray_to_rgb(png);
  if (alpha) {
    if (png_get_valid(png, info, PNG_INFO_tRNS) != 0) png_set_tRNS_to_alpha(png);
    png_set_add_alpha(png, 255, PNG_FILLER_AFTER);
  } else {
    png_set_strip_alpha(png);
  }
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
}

}  // namespace

Image decode_png(Bytes bytes, std::int64_t channels) {
  Reader reader(bytes);
  const std::int64_t decoded = channels == 4 ? 4 : 3;
  reader.run([&] { png_read_info(reader.png, reader.info); });
  Image image = make_image(png_get_image_height(reader.png, reader.info),
                           png_get_image_width(reader.png, reader.info), decoded);
  reader.run([&] { set_transforms(reader.png, reader.info, decoded == 4); });
  const auto stride = static_cast<std::size_t>(image.width * decoded);
  if (png_get_rowbytes(reader.png, reader.info) != stride) fail("PNG: unexpected pixel layout");
  std::vector<png_bytep> rows(static_cast<std::size_t>(image.height));
  for (std::size_t y = 0; y < rows.size(); ++y) rows[y] = image.pixels.data() + y * stride;
  reader.run([&] {
    png_read_image(reader.png, rows.data());
    png_read_end(reader.png, nullptr);
  });
  if (channels != 1) return image;
  Image luma = make_image(image.height, image.width, 1);
  for (std::size_t i = 0; i < luma.pixels.size(); ++i) {
    const std::uint8_t* rgb = image.pixels.data() + 3 * i;
    put_pixel(luma.pixels.data() + i, 1, rgb[0], rgb[1], rgb[2]);
  }
  return luma;
}

}  // namespace fovea
