#include "data/resize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/files.h"

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

TEST(Resize, RefusesOptions) {
  EXPECT_THAT(error_of([] { plan_resize({.image_size = {0, 5}}); }), HasSubstr("Received: (0, 5)"));
  EXPECT_THAT(error_of([] { plan_resize({.color_mode = "bgr"}); }), HasSubstr("color_mode"));
  EXPECT_THAT(error_of([] { plan_resize({.interpolation = "bicubic"}); }), HasSubstr("bicubic"));
  EXPECT_THAT(error_of([] { plan_resize({.crop_to_aspect_ratio = true, .pad_to_aspect_ratio = true}); }),
              HasSubstr("only one"));
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
