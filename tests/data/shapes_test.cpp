#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "core/philox.h"
#include "data/files.h"
#include "data/loader.h"
#include "fovea/data.h"
#include "fovea/error.h"

namespace fovea::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<float> image(const DatasetPtr& data, std::int64_t position) {
  Batch batch = data->make_batch(1);
  data->fill({&position, 1}, batch);
  const std::span<const float> values = batch.inputs[0].values<float>();
  return {values.begin(), values.end()};
}

TEST(SyntheticShapes, BytesArePinned) {
  // FNV-1a over the pixels of the first eight images, so every compiler and machine draws the same.
  const DatasetPtr data = synthetic_shapes(8);
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (std::int64_t i = 0; i < 8; ++i) {
    for (const float value : image(data, i))
      hash = (hash ^ static_cast<std::uint64_t>(value)) * 0x100000001b3ULL;
  }
  EXPECT_EQ(hash, 4281318524913067699ULL);
}

TEST(SyntheticShapes, SpecsLabelsAndNames) {
  const DatasetPtr data = synthetic_shapes(10, {.image_size = 32, .classes = 3});
  EXPECT_EQ(synthetic_shapes(1)->inputs()[0].str(), "float32 (150, 150, 3)");
  EXPECT_EQ(data->inputs()[0].str(), "float32 (32, 32, 3)");
  EXPECT_THAT(data->class_names(), ElementsAre("circle", "square", "triangle"));
  Batch batch = data->make_batch(5);
  const std::int64_t positions[] = {0, 1, 2, 3, 9};
  data->fill(positions, batch);
  EXPECT_THAT(batch.targets[0].values<std::int32_t>(), ElementsAre(0, 1, 2, 0, 0));
}

TEST(SyntheticShapes, SampleDependsOnSeedAndPositionOnly) {
  const DatasetPtr data = synthetic_shapes(12, {.seed = 3});
  EXPECT_EQ(image(data, 7), image(synthetic_shapes(9000, {.seed = 3, .cache_bytes = 0}), 7));
  EXPECT_EQ(image(data, 7), image(data, 7));
  EXPECT_NE(image(data, 7), image(data, 11));
  EXPECT_NE(image(data, 7), image(synthetic_shapes(12, {.seed = 4}), 7));
}

TEST(SyntheticShapes, RefusesOptions) {
  EXPECT_THAT(error_of([] { synthetic_shapes(0); }), HasSubstr("Received: 0"));
  EXPECT_THAT(error_of([] { synthetic_shapes(1, {.image_size = 8}); }), HasSubstr("image_size"));
  EXPECT_THAT(error_of([] { synthetic_shapes(1, {.classes = 5}); }), HasSubstr("2 to 4"));
}

/// Softmax regression on mean-pooled pixels, by plain SGD: what can be told without looking at shapes.
class LinearSoftmax {
 public:
  static constexpr std::size_t side = 30, features = side * side * 3 + 1, classes = 4;

  static std::vector<float> pooled(std::span<const float> pixels) {
    std::vector<float> out(features, 0.0f);
    for (std::size_t y = 0; y < 150; ++y) {
      for (std::size_t x = 0; x < 150; ++x) {
        for (std::size_t c = 0; c < 3; ++c)
          out[(y / 5 * side + x / 5) * 3 + c] += pixels[(y * 150 + x) * 3 + c];
      }
    }
    for (float& value : out) value = value / (25 * 255) - 0.5f;
    out.back() = 1;
    return out;
  }

  std::array<float, classes> probabilities(const std::vector<float>& x) const {
    std::array<float, classes> p{};
    float sum = 0;
    for (std::size_t k = 0; k < classes; ++k) {
      p[k] = std::exp(std::inner_product(x.begin(), x.end(), weights_[k].begin(), 0.0f));
      sum += p[k];
    }
    for (float& value : p) value /= sum;
    return p;
  }

  void step(const std::vector<float>& x, std::size_t label, float rate) {
    const auto p = probabilities(x);
    for (std::size_t k = 0; k < classes; ++k) {
      const float slope = rate * (p[k] - (k == label ? 1.0f : 0.0f));
      for (std::size_t i = 0; i < features; ++i) weights_[k][i] -= slope * x[i];
    }
  }

  double accuracy(const std::vector<std::vector<float>>& xs, std::size_t first) const {
    std::size_t right = 0;
    for (std::size_t i = first; i < xs.size(); ++i) {
      const auto p = probabilities(xs[i]);
      right +=
          static_cast<std::size_t>(std::max_element(p.begin(), p.end()) - p.begin()) == i % classes ? 1 : 0;
    }
    return static_cast<double>(right) / static_cast<double>(xs.size() - first);
  }

 private:
  std::vector<std::vector<float>> weights_ =
      std::vector<std::vector<float>>(classes, std::vector<float>(features));
};

TEST(SyntheticShapes, PixelsAloneDoNotTellTheClass) {
  constexpr std::size_t train = 2000, total = 2800;
  Loader loader(synthetic_shapes(total, {.cache_bytes = 0}), {.threads = 2});
  std::vector<std::vector<float>> xs;
  loader.start(0);
  while (const Batch* batch = loader.next()) {
    Batch filled = batch->filled();
    for (std::int64_t row = 0; row < filled.count; ++row)
      xs.push_back(LinearSoftmax::pooled(row_of<float>(filled.inputs[0], row)));
  }
  ASSERT_EQ(xs.size(), total);
  LinearSoftmax model;
  double best = 0;
  for (std::uint32_t epoch = 0; epoch < 30; ++epoch) {
    std::vector<std::int64_t> order(train);
    std::iota(order.begin(), order.end(), 0);
    shuffle(order, 0, epoch);
    for (const std::int64_t i : order)
      model.step(xs[static_cast<std::size_t>(i)], static_cast<std::size_t>(i) % 4, 0.002f);
    best = std::max(best, model.accuracy(xs, train));
  }
  RecordProperty("best_test_accuracy", std::to_string(best));
  EXPECT_LT(best, 0.375) << "chance is 0.25";
}

}  // namespace
}  // namespace fovea::test
