#include "data/image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <png.h>

#include <cstdlib>

#include "data/files.h"
#include "fovea/error.h"

namespace fovea::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Every pixel another colour.
Image sample(std::int64_t height, std::int64_t width) {
  return rgb_image(height, width, [](std::int64_t y, std::int64_t x) {
    return static_cast<std::uint32_t>((10 + 20 * y) << 16 | (5 + 30 * x) << 8 | (y * 7 + x * 3));
  });
}

Image smooth(std::int64_t height, std::int64_t width) {
  return rgb_image(height, width, [](std::int64_t y, std::int64_t x) {
    return static_cast<std::uint32_t>((60 + y) << 16 | (60 + x) << 8 | 100);
  });
}

int largest_difference(const Image& a, const Image& b) {
  EXPECT_EQ(a.pixels.size(), b.pixels.size());
  int largest = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i)
    largest = std::max(largest, std::abs(a.pixels[i] - b.pixels[i]));
  return largest;
}

TEST(Decode, LosslessFormatsReturnTheSamePixels) {
  const Image image = sample(5, 7);
  for (const ByteVector& bytes :
       {to_png(image), to_webp(image), to_bmp(image, 24, false), to_bmp(image, 24, true),
        to_bmp(image, 32, false), to_bmp(image, 32, true)}) {
    const Image decoded = decode_image(bytes, 3);
    EXPECT_EQ(decoded.height, 5);
    EXPECT_EQ(decoded.width, 7);
    EXPECT_EQ(decoded.channels, 3);
    EXPECT_EQ(decoded.pixels, image.pixels);
  }
}

TEST(Decode, JpegIsCloseAndProgressiveIsTheSame) {
  const Image image = smooth(37, 50);
  const Image baseline = decode_image(to_jpeg(image), 3);
  EXPECT_LE(largest_difference(baseline, image), 4);
  EXPECT_EQ(decode_image(to_jpeg(image, 95, true), 3).pixels, baseline.pixels);
}

/// A slope of grey from left to right.
Image slope(std::int64_t height, std::int64_t width) {
  return rgb_image(height, width, [&](std::int64_t, std::int64_t x) {
    return static_cast<std::uint32_t>(x * 255 / width) * 0x010101U;
  });
}

TEST(DecodeScaled, TakesTheSmallestSizeThatIsNotBelowWhatIsAskedFor) {
  const ByteVector bytes = to_jpeg(slope(100, 161));
  const auto size = [&](const ByteVector& file, AtLeast at_least) {
    const Image image = decode_image(file, 3, at_least);
    EXPECT_EQ(image.pixels.size(), static_cast<std::size_t>(3 * image.height * image.width));
    return std::pair(image.height, image.width);
  };
  using Size = std::pair<std::int64_t, std::int64_t>;
  EXPECT_EQ(size(bytes, {}), Size(100, 161));
  EXPECT_EQ(size(bytes, {51, 10}), Size(100, 161));
  EXPECT_EQ(size(bytes, {50, 10}), Size(50, 81));
  EXPECT_EQ(size(bytes, {10, 81}), Size(50, 81));
  EXPECT_EQ(size(bytes, {10, 82}), Size(100, 161));
  EXPECT_EQ(size(bytes, {25, 41}), Size(25, 41));
  EXPECT_EQ(size(bytes, {13, 21}), Size(13, 21));
  EXPECT_EQ(size(bytes, {1, 1}), Size(13, 21));
  EXPECT_EQ(size(bytes, {200, 200}), Size(100, 161));
  EXPECT_EQ(size(to_png(slope(100, 161)), {10, 10}), Size(100, 161));
  EXPECT_EQ(size(to_grayscale_jpeg({16, 16, 1, ByteVector(256, 9)}), {2, 2}), Size(2, 2));
  EXPECT_EQ(size(to_cmyk_jpeg(ByteVector(4 * 16 * 16, 9), 16, 16, true), {2, 2}), Size(2, 2));
}

TEST(DecodeScaled, AveragesBlocks) {
  const Image image = slope(64, 128);
  const ByteVector bytes = to_jpeg(image, 100);
  for (const std::int64_t channels : {1, 3, 4}) {
    for (const std::int64_t factor : {2, 4, 8}) {
      const Image scaled = decode_image(bytes, channels, {64 / factor, 128 / factor});
      ASSERT_EQ(scaled.width, 128 / factor);
      for (std::int64_t x = 0; x < scaled.width; ++x) {
        int sum = 0;
        for (std::int64_t i = 0; i < factor; ++i)
          sum += image.pixels[static_cast<std::size_t>(3 * (x * factor + i))];
        const double mean = static_cast<double>(sum) / static_cast<double>(factor);
        EXPECT_NEAR(scaled.pixels[static_cast<std::size_t>(channels * x)], mean, 3) << factor << " at " << x;
      }
    }
  }
}

TEST(DecodeScaled, DamagedFilesAreErrorsToo) {
  const ByteVector bytes = to_jpeg(slope(64, 64));
  const ByteVector cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(bytes.size() / 2));
  EXPECT_THAT(error_of([&] { decode_image(cut, 3, {8, 8}); }), HasSubstr("broken JPEG"));
}

TEST(Decode, FourChannelsAreOpaqueWithoutAlpha) {
  const Image image = plain_image(2, 2, 0x102030);
  const std::vector<std::uint32_t> palette = {0x102030, 0};
  for (const ByteVector& bytes : {to_png(image), to_webp(image), to_bmp(image, 24, false),
                                  to_bmp(image, 32, false), to_gif(2, 2, {0, 0, 0, 0}, palette)}) {
    const Image decoded = decode_image(bytes, 4);
    ASSERT_EQ(decoded.pixels.size(), 16u);
    for (std::size_t i = 0; i < 16; i += 4) {
      EXPECT_THAT(std::vector<int>(decoded.pixels.begin() + static_cast<long>(i),
                                   decoded.pixels.begin() + static_cast<long>(i) + 4),
                  ElementsAre(0x10, 0x20, 0x30, 255));
    }
  }
  const Image jpeg = decode_image(to_jpeg(image), 4);
  EXPECT_NEAR(jpeg.pixels[0], 0x10, 2);
  EXPECT_EQ(jpeg.pixels[3], 255);
}

TEST(Decode, OneChannelIsLuma) {
  // 0.299 * 200 + 0.587 * 100 + 0.114 * 50 = 124.2
  const Image image = plain_image(2, 3, 0xC86432);
  for (const ByteVector& bytes : {to_png(image), to_webp(image), to_bmp(image, 24, false),
                                  to_gif(2, 3, ByteVector(6), {0xC86432, 0})}) {
    const Image decoded = decode_image(bytes, 1);
    EXPECT_EQ(decoded.channels, 1);
    EXPECT_EQ(decoded.pixels, ByteVector(6, 124));
  }
  EXPECT_NEAR(decode_image(to_jpeg(image), 1).pixels[0], 124, 2);
}

TEST(Decode, GrayscaleJpegAndPng) {
  const Image luma{1, 2, 1, {40, 40}};
  EXPECT_EQ(decode_image(to_png(luma), 3).pixels, ByteVector(6, 40));
  EXPECT_EQ(decode_image(to_grayscale_jpeg(luma), 3).pixels, ByteVector(6, 40));
  EXPECT_EQ(decode_image(to_grayscale_jpeg(luma), 1).pixels, ByteVector(2, 40));
}

TEST(Decode, CmykJpeg) {
  // No black, no cyan, half magenta, full yellow: red 255, green 128, blue 0. Adobe stores 255 - ink.
  ByteVector inks, inverted;
  for (int i = 0; i < 64; ++i) {
    inks.insert(inks.end(), {0, 127, 255, 0});
    inverted.insert(inverted.end(), {255, 128, 0, 255});
  }
  for (const ByteVector& bytes : {to_cmyk_jpeg(inks, 8, 8, false), to_cmyk_jpeg(inverted, 8, 8, true)}) {
    const Image decoded = decode_image(bytes, 3);
    EXPECT_NEAR(decoded.pixels[0], 255, 1);
    EXPECT_NEAR(decoded.pixels[1], 128, 1);
    EXPECT_NEAR(decoded.pixels[2], 0, 1);
  }
}

TEST(Decode, PngPaletteAlphaDepthAndInterlace) {
  // Two pixels a row at 4 bits: indices 1, 0.
  const ByteVector palette =
      to_png(1, 2, PNG_COLOR_TYPE_PALETTE, 4, {0x10}, {0x0A0B0C, 0xF0E0D0}, {128, 255});
  EXPECT_THAT(decode_image(palette, 3).pixels, ElementsAre(0xF0, 0xE0, 0xD0, 0x0A, 0x0B, 0x0C));
  EXPECT_THAT(decode_image(palette, 4).pixels, ElementsAre(0xF0, 0xE0, 0xD0, 255, 0x0A, 0x0B, 0x0C, 128));
  // Alpha is dropped, not blended.
  const ByteVector alpha = to_png(1, 1, PNG_COLOR_TYPE_RGB_ALPHA, 8, {9, 8, 7, 3});
  EXPECT_THAT(decode_image(alpha, 3).pixels, ElementsAre(9, 8, 7));
  EXPECT_THAT(decode_image(alpha, 4).pixels, ElementsAre(9, 8, 7, 3));
  EXPECT_THAT(decode_image(to_png(1, 1, PNG_COLOR_TYPE_GRAY_ALPHA, 8, {99, 3}), 1).pixels, ElementsAre(99));
  EXPECT_THAT(decode_image(to_png(1, 1, PNG_COLOR_TYPE_RGB, 16, {9, 255, 8, 0, 7, 0}), 3).pixels,
              ElementsAre(9, 8, 7));
  EXPECT_THAT(decode_image(to_png(1, 8, PNG_COLOR_TYPE_GRAY, 1, {0xA0}), 1).pixels,
              ElementsAre(255, 0, 255, 0, 0, 0, 0, 0));
  const Image image = sample(9, 5);
  EXPECT_EQ(decode_image(to_png(9, 5, PNG_COLOR_TYPE_RGB, 8, image.pixels, {}, {}, true), 3).pixels,
            image.pixels);
}

TEST(Decode, BmpPalette) {
  const Image image = plain_image(3, 5, 0x2A0000);
  for (const bool from_top : {false, true}) {
    const Image decoded = decode_image(to_bmp(image, 8, from_top), 3);
    EXPECT_EQ(decoded.pixels, plain_image(3, 5, 0x2AD507).pixels);
  }
}

TEST(Decode, GifFirstFrameAndInterlace) {
  ByteVector indices;
  for (int i = 0; i < 11 * 3; ++i) indices.push_back(static_cast<std::uint8_t>(i % 4));
  const std::vector<std::uint32_t> palette = {0x000001, 0x100000, 0x002000, 0x000030};
  const Image expected = rgb_image(11, 3, [&](std::int64_t y, std::int64_t x) {
    return palette[static_cast<std::size_t>((y * 3 + x) % 4)];
  });
  EXPECT_EQ(decode_image(to_gif(11, 3, indices, palette), 3).pixels, expected.pixels);
  EXPECT_EQ(decode_image(to_gif(11, 3, indices, palette, true), 3).pixels, expected.pixels);
  EXPECT_EQ(decode_image(to_gif(11, 3, indices, palette, false, 3), 3).pixels, expected.pixels);
}

TEST(Decode, EveryCutAndDamagedFileIsAnErrorOrAnImage) {
  const Image image = smooth(24, 24);
  ByteVector indices(24 * 24);
  for (std::size_t i = 0; i < indices.size(); ++i) indices[i] = static_cast<std::uint8_t>(i * 7 % 4);
  const std::vector<ByteVector> files = {
      to_jpeg(image), to_jpeg(image, 95, true), to_png(image),
      to_webp(image), to_bmp(image, 24, false), to_gif(24, 24, indices, {1, 2, 3, 4})};
  for (const ByteVector& whole : files) {
    ASSERT_EQ(error_of([&] { decode_image(whole, 3); }), "");
    // The last bytes of a file may hold nothing that matters (end markers, padding).
    for (std::size_t size = 0; size + 16 < whole.size(); ++size) {
      const ByteVector cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_NE(error_of([&] { decode_image(cut, 3); }), "") << size << " of " << whole.size() << " bytes";
    }
    for (std::size_t at = 0; at < whole.size(); ++at) {
      ByteVector damaged = whole;
      damaged[at] ^= 0x5a;
      try {
        decode_image(damaged, 3);
      } catch (const Error& error) {
        EXPECT_STRNE(error.what(), "");
      }
    }
  }
}

TEST(Decode, RefusesHugeImagesBeforeAllocating) {
  ByteVector bmp = to_bmp(plain_image(1, 1, 0), 24, false);
  ByteVector png = to_png(plain_image(1, 1, 0));
  const std::string limit = "the limit is 268435456 pixels";
  EXPECT_THAT(error_of([] { make_image(std::int64_t{1} << 40, std::int64_t{1} << 40, 3); }),
              HasSubstr(limit));
  ByteVector jpeg = to_jpeg(plain_image(8, 8, 0));
  for (std::size_t i = 0; i + 9 < jpeg.size(); ++i) {
    if (jpeg[i] == 0xFF && jpeg[i + 1] == 0xC0) std::fill_n(jpeg.begin() + static_cast<long>(i) + 5, 4, 0xF0);
  }
  EXPECT_THAT(error_of([&] { decode_image(jpeg, 3); }), HasSubstr(limit));
  EXPECT_THAT(error_of([&] { decode_image(jpeg, 3, {8, 8}); }), HasSubstr(limit));
  bmp[21] = bmp[25] = 0x7f;
  EXPECT_THAT(error_of([&] { decode_image(bmp, 3); }), HasSubstr("end early"));
}

TEST(Decode, NamesFileAndReason) {
  const TemporaryFolder folder;
  const std::string text = folder.write("notes.jpg", {'h', 'e', 'l', 'l', 'o'});
  EXPECT_EQ(error_of([&] { read_image(text, 3); }),
            text + ": the content is none of BMP, GIF, JPEG, PNG and WebP");
  EXPECT_THAT(error_of([&] { read_image(folder.write("a.png", {}), 3); }),
              HasSubstr("a.png: the file is empty"));
  EXPECT_THAT(error_of([&] { read_image(folder.path() + "/none.png", 3); }), HasSubstr("none.png: "));
  EXPECT_THAT(error_of([&] { decode_image(to_png(plain_image(1, 1, 0)), 2); }), HasSubstr("Received: 2"));
  // The content counts, not the ending.
  EXPECT_EQ(read_image(folder.write("really_png.jpg", to_png(plain_image(1, 1, 0x010203))), 3).pixels,
            (ByteVector{1, 2, 3}));
}

}  // namespace
}  // namespace fovea::test
