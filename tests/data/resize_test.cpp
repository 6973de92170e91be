#include "data/resize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hwy/highway.h>

#include "data/files.h"
#include "data/resize_formula.h"

namespace fovea::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<float> resized(const Image& image, ImageOptions options) {
  if (image.channels == 1) options.color_mode = "grayscale";
  const ResizePlan plan = plan_resize(options);
  std::vector<float> out(static_cast<std::size_t>(plan.elements()));
  resize(image, plan, out);
  return out;
}

TEST(Resize, SameSizeIsExact) {
  const Image image{2, 2, 1, {1, 2, 3, 255}};
  EXPECT_THAT(resized(image, {.image_size = {2, 2}}), ElementsAre(1, 2, 3, 255));
}

// Output pixel i looks at (i + 0.5) * in / out - 0.5.
TEST(Resize, BilinearUp) {
  // 2 -> 4: at -0.25, 0.25, 0.75, 1.25; edges repeat.
  const Image image{1, 2, 1, {0, 100}};
  EXPECT_THAT(resized(image, {.image_size = {1, 4}}), ElementsAre(0, 25, 75, 100));
  EXPECT_THAT(resized({2, 1, 1, {0, 100}}, {.image_size = {4, 1}}), ElementsAre(0, 25, 75, 100));
}

TEST(Resize, BilinearDownDoesNotAverage) {
  // 8 -> 2: at 1.5 and 5.5, between two neighbours only; antialiasing would use all eight.
  const Image image{1, 8, 1, {255, 10, 20, 255, 255, 40, 60, 255}};
  EXPECT_THAT(resized(image, {.image_size = {1, 2}}), ElementsAre(15, 50));
}

TEST(Resize, BilinearBothWaysKeepsFractions) {
  // 2x2 -> 1x1: the centre of all four: (1 + 2 + 4 + 8) / 4.
  EXPECT_THAT(resized({2, 2, 1, {1, 2, 4, 8}}, {.image_size = {1, 1}}), ElementsAre(3.75f));
}

TEST(Resize, ChannelsStayApart) {
  const Image image{1, 2, 3, {0, 10, 20, 100, 50, 60}};
  EXPECT_THAT(resized(image, {.image_size = {1, 1}}), ElementsAre(50, 30, 40));
}

TEST(Resize, Nearest) {
  // 5 -> 2 looks at 1.25 and 3.75: pixels 1 and 3.
  EXPECT_THAT(resized({1, 5, 1, {0, 1, 2, 3, 4}}, {.image_size = {1, 2}, .interpolation = "nearest"}),
              ElementsAre(1, 3));
}

TEST(Resize, CropToAspectRatio) {
  // 2x6 -> 1x1: the centred 2x2 window holds columns 2 and 3.
  const Image image{2, 6, 1, {9, 9, 1, 2, 9, 9, 9, 9, 4, 8, 9, 9}};
  EXPECT_THAT(resized(image, {.image_size = {1, 1}, .crop_to_aspect_ratio = true}), ElementsAre(3.75f));
  const Image tall{5, 2, 1, {9, 9, 1, 2, 3, 4, 9, 9, 9, 9}};
  EXPECT_THAT(resized(tall, {.image_size = {2, 2}, .crop_to_aspect_ratio = true}), ElementsAre(1, 2, 3, 4));
}

TEST(Resize, PadToAspectRatio) {
  // 1x3 -> 3x3: one black row above and one below.
  const Image image{1, 3, 1, {10, 20, 30}};
  EXPECT_THAT(resized(image, {.image_size = {3, 3}, .pad_to_aspect_ratio = true}),
              ElementsAre(0, 0, 0, 10, 20, 30, 0, 0, 0));
  EXPECT_THAT(resized({2, 1, 1, {10, 20}}, {.image_size = {2, 2}, .pad_to_aspect_ratio = true}),
              ElementsAre(10, 0, 20, 0));
  // Borders take part in the interpolation: 1x4 becomes 4x4 and shrinks to 2x2, each the mean of four.
  EXPECT_THAT(resized({1, 4, 1, {8, 16, 24, 40}}, {.image_size = {2, 2}, .pad_to_aspect_ratio = true}),
              ElementsAre(6, 16, 0, 0));
}

Image noise(std::int64_t height, std::int64_t width, std::int64_t channels) {
  Image image = make_image(height, width, channels);
  std::uint32_t state = 7;
  for (std::uint8_t& byte : image.pixels)
    byte = static_cast<std::uint8_t>((state = state * 1664525U + 1013904223U) >> 24);
  return image;
}

// Sizes up and down, cut vectors, rows of one pixel; every kind of window.
TEST(Resize, HasTheBitsOfTheFormulaOnEveryInstructionSet) {
  const std::array<std::int64_t, 2> images[] = {{1, 1}, {2, 1}, {1, 3}, {7, 5}, {37, 50}, {64, 33}};
  const std::array<std::int64_t, 2> targets[] = {{1, 1}, {3, 2}, {16, 16}, {21, 50}, {37, 70}};
  for (const std::int64_t hwy_target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(hwy_target);
    for (const std::int64_t channels : {1, 3, 4}) {
      for (const auto& [height, width] : images) {
        const Image image = noise(height, width, channels);
        for (const auto& target : targets) {
          for (const char* interpolation : {"bilinear", "nearest"}) {
            for (int kind = 0; kind < 3; ++kind) {
              const ResizePlan plan = plan_resize({.image_size = target,
                                                   .color_mode = channels == 1   ? "grayscale"
                                                                 : channels == 3 ? "rgb"
                                                                                 : "rgba",
                                                   .interpolation = interpolation,
                                                   .crop_to_aspect_ratio = kind == 1,
                                                   .pad_to_aspect_ratio = kind == 2});
              std::vector<float> out(static_cast<std::size_t>(plan.elements()) + 1, -1.0F),
                  wanted(out.size(), -1.0F);
              resize(image, plan, {out.data(), out.size() - 1});
              resize_by_formula(image, plan, {wanted.data(), wanted.size() - 1});
              ASSERT_EQ(out, wanted) << hwy::TargetName(hwy_target) << " " << height << "x" << width << "x"
                                     << channels << " to " << target[0] << "x" << target[1] << " "
                                     << interpolation << kind;
            }
          }
        }
      }
    }
    hwy::SetSupportedTargetsForTest(0);
  }
}

TEST(Resize, RefusesOptions) {
  EXPECT_THAT(error_of([] { plan_resize({.image_size = {0, 5}}); }), HasSubstr("Received: (0, 5)"));
  EXPECT_THAT(error_of([] { plan_resize({.color_mode = "bgr"}); }), HasSubstr("color_mode"));
  EXPECT_THAT(error_of([] { plan_resize({.interpolation = "bicubic"}); }), HasSubstr("bicubic"));
  EXPECT_THAT(error_of([] { plan_resize({.crop_to_aspect_ratio = true, .pad_to_aspect_ratio = true}); }),
              HasSubstr("only one"));
}

TEST(LoadImage, DecodesScaledWhenAskedTo) {
  const TemporaryFolder folder;
  // Stripes of one pixel: sampled they stay black or white, averaged they are grey.
  const std::string path = folder.write(
      "stripes.jpg",
      to_jpeg(rgb_image(64, 64, [](std::int64_t, std::int64_t x) { return x % 2 == 0 ? 0U : 0xFFFFFFU; }),
              100));
  const ImageOptions sampled{.image_size = {32, 32}, .interpolation = "nearest"};
  ImageOptions averaged = sampled;
  averaged.scaled_decoding = true;
  EXPECT_GT(std::abs(load_image(path, sampled).data<float>()[0] - 127.5F), 100);
  EXPECT_LT(std::abs(load_image(path, averaged).data<float>()[0] - 127.5F), 10);
  // The part that is cut out is not below the target either.
  averaged.crop_to_aspect_ratio = true;
  averaged.image_size = {33, 10};
  EXPECT_GT(std::abs(load_image(path, averaged).data<float>()[0] - 127.5F), 100);
}

TEST(LoadImage, GivesFloats) {
  const TemporaryFolder folder;
  const std::string path = folder.write("a.png", to_png(plain_image(4, 4, 0x010203)));
  const Tensor tensor = load_image(path, {.image_size = {2, 3}});
  EXPECT_EQ(tensor.spec().str(), "float32 (2, 3, 3)");
  EXPECT_EQ(tensor.data<float>()[1], 2);
  EXPECT_EQ(load_image(path).shape(), (Shape{256, 256, 3}));
}

}  // namespace
}  // namespace fovea::test
