// clang-format off
#include <cstdio>  // jpeglib.h needs FILE and size_t
#include <jpeglib.h>
#include <jerror.h>
// clang-format on

#include <csetjmp>

#include "core/format.h"
#include "data/image.h"

// libjpeg-turbo with its defaults, which are exact: the integer "slow" DCT and smooth chroma upsampling.
namespace fovea {
namespace {

constexpr int max_scans =
    500;  // a progressive file can repeat scans to waste hours; real ones have about ten

struct Guard {
  jpeg_error_mgr manager;
  std::jmp_buf back;
  char message[JMSG_LENGTH_MAX];
};

[[noreturn]] void give_up(j_common_ptr info) {
  auto* guard = reinterpret_cast<Guard*>(info->err);
  info->err->format_message(info, guard->message);
  std::longjmp(guard->back, 1);
}

bool means_damage(int code) {
  return code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE ||
         code == JWRN_MUST_RESYNC || code == JWRN_NOT_SEQUENTIAL;
}

/// libjpeg replaces what is missing by grey and warns; here a damaged image is an error. Cameras' harmless
/// oddities (bytes between segments, unknown markers) pass.
void hear(j_common_ptr info, int level) {
  if (level < 0 && means_damage(info->err->msg_code)) give_up(info);
}

void watch_scans(j_common_ptr info) {
  if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number <= max_scans) return;
  auto* guard = reinterpret_cast<Guard*>(info->err);
  std::snprintf(guard->message, sizeof guard->message, "more than %d scans", max_scans);
  std::longjmp(guard->back, 1);
}

struct Decompressor {
  jpeg_decompress_struct info{};
  jpeg_progress_mgr progress{};
  Guard guard{};

  Decompressor() {
    info.err = jpeg_std_error(&guard.manager);
    guard.manager.error_exit = give_up;
    guard.manager.emit_message = hear;
    guard.manager.output_message = [](j_common_ptr) {};
    progress.progress_monitor = watch_scans;
  }
  ~Decompressor() { jpeg_destroy_decompress(&info); }
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  /// Runs C calls that leave by longjmp; nothing with a destructor may live in `step`.
  template <class Step>
  void run(Step&& step) {
    if (setjmp(guard.back) == 0) {
      step();
      return;
    }
    fail("broken JPEG: {}", static_cast<const char*>(guard.message));
  }
};

/// Adobe writes CMYK inverted: 255 is no ink.
void from_cmyk(const std::uint8_t* row, bool inverted, std::int64_t width, std::int64_t channels,
               std::uint8_t* out) {
  for (std::int64_t x = 0; x < width; ++x) {
    int light[4];
    for (int c = 0; c < 4; ++c) light[c] = inverted ? row[4 * x + c] : 255 - row[4 * x + c];
    const auto mixed = [&](int c) { return static_cast<std::uint8_t>(light[c] * light[3] / 255); };
    put_pixel(out + x * channels, channels, mixed(0), mixed(1), mixed(2));
  }
}

void with_alpha(const std::uint8_t* row, std::int64_t width, std::uint8_t* out) {
  for (std::int64_t x = 0; x < width; ++x)
    put_pixel(out + 4 * x, 4, row[3 * x], row[3 * x + 1], row[3 * x + 2]);
}

/// 8, 4, 2 or 1: the largest fraction of the size that still has so many pixels. libjpeg makes them of an
/// inverse DCT of fewer coefficients, for which it has fast code.
unsigned int scale_for(const jpeg_decompress_struct& info, AtLeast at_least) {
  if (at_least.height < 1 || at_least.width < 1) return 1;
  for (const unsigned int denominator : {8U, 4U, 2U}) {
    const auto scaled = [&](JDIMENSION side) { return (std::int64_t{side} + denominator - 1) / denominator; };
    if (scaled(info.image_height) >= at_least.height && scaled(info.image_width) >= at_least.width)
      return denominator;
  }
  return 1;
}

}  // namespace

Image decode_jpeg(Bytes bytes, std::int64_t channels, AtLeast at_least) {
  Decompressor jpeg;
  jpeg_decompress_struct& info = jpeg.info;
  jpeg.run([&] {
    jpeg_create_decompress(&info);
    info.progress = &jpeg.progress;
    jpeg_mem_src(&info, bytes.data(), static_cast<unsigned long>(bytes.size()));
    jpeg_read_header(&info, TRUE);
  });
  const bool cmyk = info.jpeg_color_space == JCS_CMYK || info.jpeg_color_space == JCS_YCCK;
  info.out_color_space = cmyk ? JCS_CMYK : channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  require_size(info.image_height, info.image_width);
  info.scale_num = 1;
  info.scale_denom = scale_for(info, at_least);
  jpeg.run([&] { jpeg_calc_output_dimensions(&info); });
  Image image = make_image(info.output_height, info.output_width, channels);
  std::vector<std::uint8_t> line(static_cast<std::size_t>(image.width) * 4);
  const bool direct = !cmyk && channels != 4;
  jpeg.run([&] {
    jpeg_start_decompress(&info);
    while (info.output_scanline < info.output_height) {
      std::uint8_t* out = image.pixels.data() + info.output_scanline * image.width * channels;
      JSAMPROW row = direct ? out : line.data();
      jpeg_read_scanlines(&info, &row, 1);
      if (cmyk) from_cmyk(row, info.saw_Adobe_marker != 0, image.width, channels, out);
      if (!cmyk && !direct) with_alpha(row, image.width, out);
    }
    jpeg_finish_decompress(&info);
  });
  return image;
}

}  // namespace fovea
