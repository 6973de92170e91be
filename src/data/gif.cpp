#include <gif_lib.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "core/format.h"
#include "data/image.h"

// The first frame, on a black screen as TensorFlow has it; transparent colours are taken as they are.
namespace fovea {
namespace {

int read(GifFileType* gif, GifByteType* to, int count) {
  auto& rest = *static_cast<Bytes*>(gif->UserData);
  const std::size_t taken = std::min(rest.size(), static_cast<std::size_t>(count));
  std::copy_n(rest.begin(), taken, to);
  rest = rest.subspan(taken);
  return static_cast<int>(taken);
}

[[noreturn]] void broken(int code) {
  const char* reason = GifErrorString(code);
  fail("broken GIF: {}", reason != nullptr ? reason : "unknown error");
}

struct Close {
  void operator()(GifFileType* gif) const { DGifCloseFile(gif, nullptr); }
};

void skip_extension(GifFileType* gif) {
  int code = 0;
  GifByteType* block = nullptr;
  if (DGifGetExtension(gif, &code, &block) == GIF_ERROR) broken(gif->Error);
  while (block != nullptr) {
    if (DGifGetExtensionNext(gif, &block) == GIF_ERROR) broken(gif->Error);
  }
}

void find_first_frame(GifFileType* gif) {
  for (;;) {
    GifRecordType record = UNDEFINED_RECORD_TYPE;
    if (DGifGetRecordType(gif, &record) == GIF_ERROR) broken(gif->Error);
    if (record == TERMINATE_RECORD_TYPE) fail("broken GIF: there is no frame");
    if (record == EXTENSION_RECORD_TYPE) skip_extension(gif);
    if (record == IMAGE_DESC_RECORD_TYPE) break;
  }
  if (DGifGetImageDesc(gif) == GIF_ERROR) broken(gif->Error);
}

}  // namespace

Image decode_gif(Bytes bytes, std::int64_t channels) {
  int code = 0;
  Bytes rest = bytes;
  const std::unique_ptr<GifFileType, Close> gif(DGifOpen(&rest, read, &code));
  if (!gif) broken(code);
  find_first_frame(gif.get());
  const GifImageDesc& frame = gif->Image;
  const ColorMapObject* colors = frame.ColorMap != nullptr ? frame.ColorMap : gif->SColorMap;
  if (colors == nullptr) fail("broken GIF: there is no palette");
  // Some files declare a screen smaller than their frame; the frame counts then.
  Image image = make_image(std::max(gif->SHeight, frame.Top + frame.Height),
                           std::max(gif->SWidth, frame.Left + frame.Width), channels);
  for (std::int64_t i = 0; i < image.height * image.width; ++i) {
    put_pixel(image.pixels.data() + i * channels, channels, 0, 0, 0);
  }
  std::vector<GifPixelType> line(static_cast<std::size_t>(frame.Width));
  const auto read_line = [&](std::int64_t y) {
    if (DGifGetLine(gif.get(), line.data(), frame.Width) == GIF_ERROR) broken(gif->Error);
    std::uint8_t* out = image.pixels.data() + ((frame.Top + y) * image.width + frame.Left) * channels;
    for (const GifPixelType pixel : line) {
      if (pixel >= colors->ColorCount) fail("broken GIF: colour {} is not in the palette", pixel);
      const GifColorType& color = colors->Colors[pixel];
      put_pixel(out, channels, color.Red, color.Green, color.Blue);
      out += channels;
    }
  };
  struct Pass {
    int first, step;
  };
  constexpr Pass whole[] = {{0, 1}};
  constexpr Pass interlaced[] = {{0, 8}, {4, 8}, {2, 4}, {1, 2}};
  for (const Pass& pass :
       frame.Interlace ? std::span<const Pass>(interlaced) : std::span<const Pass>(whole)) {
    for (std::int64_t y = pass.first; y < frame.Height; y += pass.step) read_line(y);
  }
  return image;
}

}  // namespace fovea
