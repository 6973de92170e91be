#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "data/files.h"
#include "fovea/data.h"
#include "fovea/error.h"

namespace fovea::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const ImageFolderOptions small = {.image_size = {4, 4}};

ByteVector png(std::uint32_t color, std::int64_t height = 4, std::int64_t width = 4) {
  return to_png(plain_image(height, width, color));
}

/// cats: 3 images of red 0, 1, 2; dogs: 3 of red 100, 101, 102.
void write_pets(const TemporaryFolder& folder, const std::string& below = "") {
  for (std::uint32_t i = 0; i < 3; ++i) {
    folder.write(below + "dogs/" + std::to_string(i) + ".png", png((100 + i) << 16));
    folder.write(below + "cats/" + std::to_string(i) + ".PNG", png(i << 16));
  }
}

Batch all_of(const DatasetPtr& data) {
  Batch batch = data->make_batch(data->size());
  std::vector<std::int64_t> positions;
  for (std::int64_t i = 0; i < data->size(); ++i) positions.push_back(i);
  data->fill(positions, batch);
  return batch;
}

std::vector<float> reds(const DatasetPtr& data) {
  Batch batch = all_of(data);
  std::vector<float> values;
  for (std::int64_t row = 0; row < batch.count; ++row)
    values.push_back(row_of<float>(batch.inputs[0], row)[0]);
  return values;
}

TEST(ImageFolder, SortsClassesAndFilesAndSkipsHiddenOnes) {
  const TemporaryFolder folder;
  write_pets(folder);
  folder.write(".thumbnails/x.png", png(1));
  folder.write("cats/.hidden.png", png(1));
  folder.write("cats/notes.txt", {'x'});
  folder.write("cats/more/9.png", png(9 << 16));
  const ImageFolder data = image_folder(folder.path(), small);
  EXPECT_THAT(data.class_names, ElementsAre("cats", "dogs"));
  EXPECT_THAT(data.train->class_names(), ElementsAre("cats", "dogs"));
  EXPECT_THAT(reds(data.train), ElementsAre(0, 1, 2, 9, 100, 101, 102));
  EXPECT_THAT(all_of(data.train).targets[0].values<std::int32_t>(), ElementsAre(0, 0, 0, 0, 1, 1, 1));
  EXPECT_EQ(data.train->inputs()[0].str(), "float32 (4, 4, 3)");
  EXPECT_EQ(data.train->targets()[0].str(), "int32 ()");
  EXPECT_EQ(data.validation, nullptr);
  EXPECT_THAT(data.train_files[3], HasSubstr("cats/more/9.png"));
  EXPECT_TRUE(data.broken.empty());
  EXPECT_EQ(image_folder(folder.path()).train->inputs()[0].shape, (Shape{256, 256, 3}));
}

TEST(ImageFolder, ReadsEveryFormat) {
  const TemporaryFolder folder;
  const Image image = plain_image(4, 4, 0x406080);
  folder.write("a/1.bmp", to_bmp(image, 24, false));
  folder.write("a/2.gif", to_gif(4, 4, ByteVector(16), {0x406080, 0}));
  folder.write("a/3.jpeg", to_jpeg(image));
  folder.write("b/4.jpg", to_jpeg(image));
  folder.write("b/5.png", to_png(image));
  folder.write("b/6.webp", to_webp(image));
  const ImageFolder data = image_folder(folder.path(), small);
  EXPECT_EQ(data.train->size(), 6);
  for (const float red : reds(data.train)) EXPECT_NEAR(red, 0x40, 2);
}

TEST(ImageFolder, LabelModes) {
  const TemporaryFolder folder;
  write_pets(folder);
  ImageFolderOptions options = small;
  options.label_mode = "binary";
  DatasetPtr data = image_folder(folder.path(), options).train;
  EXPECT_EQ(data->targets()[0].str(), "float32 (1,)");
  EXPECT_THAT(all_of(data).targets[0].values<float>(), ElementsAre(0, 0, 0, 1, 1, 1));
  options.label_mode = "categorical";
  data = image_folder(folder.path(), options).train;
  EXPECT_EQ(data->targets()[0].str(), "float32 (2,)");
  EXPECT_THAT(all_of(data).targets[0].values<float>(), ElementsAre(1, 0, 1, 0, 1, 0, 0, 1, 0, 1, 0, 1));
  options.label_mode = "one-hot";
  EXPECT_THAT(error_of([&] { image_folder(folder.path(), options); }), HasSubstr("one-hot"));
  folder.write("birds/1.png", png(0));
  options.label_mode = "binary";
  EXPECT_THAT(error_of([&] { image_folder(folder.path(), options); }),
              HasSubstr("exactly 2 classes. Received: 3"));
}

TEST(ImageFolder, ColorModesAndResizingOptionsReachThePixels) {
  const TemporaryFolder folder;
  // A row of 0, 100, 200, 240 in every channel.
  const Image wide = rgb_image(1, 4, [](std::int64_t, std::int64_t x) {
    return 0x010101u * std::array<std::uint32_t, 4>{0, 100, 200, 240}[static_cast<std::size_t>(x)];
  });
  folder.write("a/1.png", to_png(wide));
  folder.write("b/1.png", to_png(wide));
  const auto first = [&](const ImageFolderOptions& options) {
    Batch batch = all_of(image_folder(folder.path(), options).train);
    const std::span<float> row = row_of<float>(batch.inputs[0], 0);
    return std::vector<float>(row.begin(), row.end());
  };
  ImageFolderOptions options = {.image_size = {1, 2}, .color_mode = "grayscale"};
  EXPECT_THAT(first(options), ElementsAre(50, 220));
  options.interpolation = "nearest";
  EXPECT_THAT(first(options), ElementsAre(100, 240));
  options.interpolation = "bilinear";
  options.crop_to_aspect_ratio = true;
  EXPECT_THAT(first(options), ElementsAre(100, 200));
  options.crop_to_aspect_ratio = false;
  options.pad_to_aspect_ratio = true;  // 2x4: the row, then black below it
  EXPECT_THAT(first(options), ElementsAre(25, 110));
  options = {.image_size = {1, 1}, .color_mode = "rgba"};
  EXPECT_THAT(first(options), ElementsAre(150, 150, 150, 255));
}

TEST(ImageFolder, ValidationSplitShufflesOnceWithItsSeed) {
  const TemporaryFolder folder;
  for (std::uint32_t i = 0; i < 20; ++i) {
    folder.write((i < 10 ? "a/" : "b/") + std::to_string(i) + ".png", png(i << 16));
  }
  ImageFolderOptions options = small;
  options.validation_split = 0.27;  // int(5.4) validate
  options.seed = 1;
  const ImageFolder data = image_folder(folder.path(), options);
  ASSERT_EQ(data.train->size(), 15);
  ASSERT_EQ(data.validation->size(), 5);
  std::vector<float> both = reds(data.train);
  const std::vector<float> validation = reds(data.validation);
  EXPECT_EQ(reds(image_folder(folder.path(), options).validation), validation);
  EXPECT_NE(validation, (std::vector<float>{15, 16, 17, 18, 19}));
  both.insert(both.end(), validation.begin(), validation.end());
  std::sort(both.begin(), both.end());
  for (std::size_t i = 0; i < 20; ++i) EXPECT_EQ(both[i], static_cast<float>(i));
  const std::int64_t id = data.validation->sample_id(0);
  EXPECT_THAT(data.validation_files[static_cast<std::size_t>(id)],
              HasSubstr("/" + std::to_string(static_cast<int>(validation[0])) + ".png"));
  options.seed = 2;
  EXPECT_NE(reds(image_folder(folder.path(), options).validation), validation);
  options.validation_split = 0.01;
  EXPECT_THAT(error_of([&] { image_folder(folder.path(), options); }), HasSubstr("0 for validation"));
  options.validation_split = 1;
  EXPECT_THAT(error_of([&] { image_folder(folder.path(), options); }), HasSubstr("validation_split"));
}

TEST(ImageFolder, TrainAndValidationFolders) {
  for (const std::string& name : {std::string("validation"), std::string("val"), std::string("test")}) {
    const TemporaryFolder folder;
    write_pets(folder, "train/");
    folder.write(name + "/cats/7.png", png(7 << 16));
    folder.write(name + "/dogs/8.png", png(8 << 16));
    const ImageFolder data = image_folder(folder.path(), small);
    EXPECT_EQ(data.train->size(), 6);
    EXPECT_THAT(reds(data.validation), ElementsAre(7, 8));
    EXPECT_EQ(data.validation_files.size(), 2u);
    ImageFolderOptions options = small;
    options.validation_split = 0.5;
    EXPECT_THAT(error_of([&] { image_folder(folder.path(), options); }), HasSubstr("must be 0"));
    folder.write(name + "/birds/8.png", png(0));
    EXPECT_THAT(error_of([&] { image_folder(folder.path(), small); }), HasSubstr("[birds, cats, dogs]"));
  }
}

TEST(ImageFolder, BrokenImagesAreLeftOutOrRefused) {
  const TemporaryFolder folder;
  write_pets(folder);
  ByteVector cut = png(0);
  cut.resize(cut.size() / 2);
  const std::string broken = folder.write("dogs/1b.png", cut);
  const ImageFolder data = image_folder(folder.path(), small);
  ASSERT_EQ(data.broken.size(), 1u);
  EXPECT_EQ(data.broken[0].file, broken);
  EXPECT_THAT(data.broken[0].reason, HasSubstr("broken PNG"));
  EXPECT_THAT(reds(data.train), ElementsAre(0, 1, 2, 100, 101, 102));
  EXPECT_EQ(data.train_files.size(), 6u);
  ImageFolderOptions options = small;
  options.strict = true;
  EXPECT_THAT(error_of([&] { image_folder(folder.path(), options); }), HasSubstr(broken + ": broken PNG"));
  folder.write("mice/1.png", cut);
  EXPECT_THAT(error_of([&] { image_folder(folder.path(), small); }),
              HasSubstr("every image of class \"mice\""));
}

TEST(ImageFolder, CacheChangesNothingButTheReading) {
  const TemporaryFolder folder;
  const auto ramp = [](std::int64_t y, std::int64_t x) { return static_cast<std::uint32_t>(y * 40 + x * 3); };
  for (const char* name : {"a/1.png", "a/2.png", "b/1.png"})
    folder.write(name, to_png(rgb_image(5, 7, ramp)));
  folder.write("b/2.png", to_png(rgb_image(4, 4, ramp)));
  ImageFolderOptions options = small;
  std::vector<float> reference;
  // Room for all floats (4 * 192 bytes), for files and final pixels only, for nothing.
  for (const std::int64_t bytes : {768, 767, 0}) {
    options.cache_bytes = bytes;
    const DatasetPtr data = image_folder(folder.path(), options).train;
    Batch batch = all_of(data);
    const std::span<const float> values = batch.inputs[0].values<float>();
    if (reference.empty()) reference.assign(values.begin(), values.end());
    EXPECT_TRUE(std::equal(values.begin(), values.end(), reference.begin())) << bytes;
  }
  // What is cached survives its file; what is not names it.
  options.cache_bytes = 768;
  const DatasetPtr cached = image_folder(folder.path(), options).train;
  options.cache_bytes = 0;
  const DatasetPtr uncached = image_folder(folder.path(), options).train;
  std::filesystem::remove_all(folder.path() + "/a");
  EXPECT_EQ(error_of([&] { all_of(cached); }), "");
  EXPECT_THAT(error_of([&] { all_of(uncached); }), HasSubstr("a/1.png"));
  options.cache_bytes = -1;
  EXPECT_THAT(error_of([&] { image_folder(folder.path(), options); }), HasSubstr("cache_bytes"));
}

// Of 6 images of 4x4, 192 bytes each as floats: all files and as many floats as fit beside them.
// However an image is kept: as floats, as a file, not at all.
TEST(ImageFolder, DecodesScaledWhenAskedTo) {
  const TemporaryFolder folder;
  const ByteVector stripes = to_jpeg(
      rgb_image(64, 64, [](std::int64_t, std::int64_t x) { return x % 2 == 0 ? 0U : 0xFFFFFFU; }), 100);
  folder.write("a/1.jpg", stripes);
  folder.write("b/1.jpg", stripes);
  for (const bool scaled : {false, true}) {
    for (const std::int64_t bytes : {1 << 20, 2 * static_cast<int>(stripes.size()), 0}) {
      const DatasetPtr data = image_folder(folder.path(), {.image_size = {32, 32},
                                                           .interpolation = "nearest",
                                                           .scaled_decoding = scaled,
                                                           .cache_bytes = bytes})
                                  .train;
      Batch batch = all_of(data);
      const float off = std::abs(batch.inputs[0].values<float>()[0] - 127.5F);
      EXPECT_TRUE(scaled ? off < 10 : off > 100) << off << " with " << bytes;
    }
  }
}

TEST(ImageFolder, CacheKeepsFilesBeforeFloats) {
  const TemporaryFolder folder;
  std::int64_t file_bytes = 0;
  for (const char* name : {"a/0.png", "a/1.png", "a/2.png", "b/3.png", "b/4.png", "b/5.png"}) {
    const ByteVector file = to_png(rgb_image(5, 7, [&](std::int64_t y, std::int64_t x) {
      return static_cast<std::uint32_t>(y * 40 + x * 3 + name[2]);
    }));
    file_bytes += static_cast<std::int64_t>(file.size());
    folder.write(name, file);
  }
  ImageFolderOptions options = small;
  options.cache_bytes = 0;
  const Batch reference = all_of(image_folder(folder.path(), options).train);
  std::vector<DatasetPtr> cached;
  for (const std::int64_t bytes : {file_bytes, file_bytes + 2 * 192, std::int64_t{6 * 192}}) {
    options.cache_bytes = bytes;
    cached.push_back(image_folder(folder.path(), options).train);
  }
  std::filesystem::remove_all(folder.path());
  for (const DatasetPtr& data : cached) {
    const Batch batch = all_of(data);
    const std::span<const float> values = batch.inputs[0].values<float>(),
                                 wanted = reference.inputs[0].values<float>();
    EXPECT_TRUE(std::equal(values.begin(), values.end(), wanted.begin(), wanted.end()));
  }
}

TEST(ImageFolder, SaysWhatToDo) {
  const TemporaryFolder folder;
  EXPECT_THAT(error_of([&] { image_folder(folder.path() + "/none", small); }), HasSubstr("no such folder"));
  EXPECT_THAT(error_of([&] { image_folder(folder.path(), small); }), HasSubstr("at least two"));
  folder.write("cats/1.txt", {'x'});
  EXPECT_THAT(error_of([&] { image_folder(folder.path(), small); }), HasSubstr("Received: 1 folder;"));
  folder.make_folder("dogs");
  EXPECT_THAT(error_of([&] { image_folder(folder.path(), small); }),
              HasSubstr("no images found. Files must end in .bmp"));
  folder.write("cats/1.png", png(0));
  EXPECT_THAT(error_of([&] { image_folder(folder.path(), small); }),
              HasSubstr("no images in the class folder \"dogs\""));
  ImageFolderOptions options = small;
  options.threads = -1;
  EXPECT_THAT(error_of([&] { image_folder(folder.path(), options); }), HasSubstr("threads"));
}

}  // namespace
}  // namespace fovea::test
