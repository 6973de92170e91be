#include <gtest/gtest.h>

#include <cmath>

#include "conformance/layer_cases.h"
#include "support/compare.h"
#include "support/names.h"
#include "support/random.h"

// Training, inference and freezing; and the layers that Keras cannot judge: those with random numbers, and
// our own.

namespace fovea::testing {
namespace {

/// A frozen one still draws random numbers.
const std::set<std::string> kRandom = {"Dropout",          "AlphaDropout",    "SpatialDropout2D",
                                       "SpatialDropout1D", "GaussianDropout", "GaussianNoise",
                                       "StochasticDepth"};

class LayerModes : public ::testing::TestWithParam<std::tuple<const char*, std::string>> {
 protected:
  const Backend& backend() const { return backend_named(std::get<0>(GetParam())); }
  const LayerCase golden_ = layer_case(std::get<1>(GetParam()));

  LayerRun run_with(bool training, bool trainable) const {
    const auto layer = layer_from(golden_.class_name(), golden_.config());
    return run_layer(*layer, golden_.arrays("inputs"), golden_.arrays("weights"),
                     {.training = training, .trainable = trainable}, backend());
  }
};

TEST_P(LayerModes, DifferOnlyWhereTheyShould) {
  const LayerRun inference = run_with(false, true);
  const LayerRun frozen = run_with(true, false);
  for (std::size_t i = 0; i < inference.updated_weights.size(); ++i) {
    EXPECT_TRUE(same_bits(inference.updated_weights[i], golden_.arrays("weights")[i]))
        << "inference changed weight " << i;
    EXPECT_TRUE(same_bits(frozen.updated_weights[i], golden_.arrays("weights")[i]))
        << "frozen, weight changed " << i;
  }
  if (kRandom.count(golden_.class_name()) != 0 || golden_.class_name().rfind("Random", 0) == 0) return;
  EXPECT_TRUE(same_bits(frozen.outputs[0], inference.outputs[0]));
  if (golden_.class_name() == "BatchNormalization") return;
  EXPECT_TRUE(same_bits(run_with(true, true).outputs[0], inference.outputs[0]));
}

INSTANTIATE_TEST_SUITE_P(Layers, LayerModes,
                         ::testing::Combine(kBackends, ::testing::ValuesIn(layer_case_names())), CaseName());

class OwnLayers : public ::testing::TestWithParam<const char*> {
 protected:
  const Backend& backend() const { return backend_named(GetParam()); }
};

TEST_P(OwnLayers, MinPoolingIsMaxPoolingOfTheNegative) {
  const Tensor x = random_normal({2, 7, 5, 3}, "min_pooling"),
               dy = random_normal({2, 4, 5, 3}, "min_pooling/dy");
  Tensor negative_x = x.clone(), negative_dy = dy.clone();
  for (std::int64_t i = 0; i < x.size(); ++i) negative_x.data<float>()[i] *= -1;
  for (std::int64_t i = 0; i < dy.size(); ++i) negative_dy.data<float>()[i] *= -1;
  const Json config = {{"pool_size", {3, 2}}, {"strides", {2, 1}}, {"padding", "same"}};
  const auto smallest = layer_from("fovea>MinPooling2D", config),
             largest = layer_from("MaxPooling2D", config);
  const LayerRun min = run_layer(*smallest, {x}, {}, {.output_gradients = {dy}}, backend());
  LayerRun max = run_layer(*largest, {negative_x}, {}, {.output_gradients = {negative_dy}}, backend());
  for (Tensor* tensor : {&max.outputs[0], &max.input_gradients[0]}) {
    for (std::int64_t i = 0; i < tensor->size(); ++i) tensor->data<float>()[i] *= -1;
  }
  EXPECT_TRUE(near(min.outputs[0], max.outputs[0], {}));
  EXPECT_TRUE(near(min.input_gradients[0], max.input_gradients[0], {}));
}

// As in Keras: (N, 5, 7, 3) and (N, 3) meet as (N, 5, 7, 3) and (N, 1, 1, 3), whichever comes first.
TEST_P(OwnLayers, MergedInputsOfLowerRankAreWidenedBehindTheBatch) {
  const Tensor image = random_normal({2, 5, 7, 3}, "merged/image"), row = random_normal({2, 3}, "merged/row");
  const Tensor dy = random_normal({2, 5, 7, 3}, "merged/dy");
  for (const char* class_name : {"Add", "Multiply"}) {
    const auto layer = make_layer(class_name);
    const std::vector<Shape> open = {{-1, -1, -1, 3}, {-1, 3}};
    EXPECT_EQ(layer->output_shapes(open)[0].str(), "(None, None, None, 3)");
    const LayerUse use{.output_gradients = {dy}};
    const LayerRun expected = run_layer(*layer, {image, row.reshaped({2, 1, 1, 3})}, {}, use, backend());
    const LayerRun got = run_layer(*layer, {image, row}, {}, use, backend());
    const LayerRun swapped = run_layer(*layer, {row, image}, {}, use, backend());
    EXPECT_TRUE(same_bits(got.outputs[0], expected.outputs[0]));
    EXPECT_TRUE(same_bits(swapped.outputs[0], expected.outputs[0]));
    EXPECT_TRUE(same_bits(got.input_gradients[1], expected.input_gradients[1].reshaped({2, 3})));
    EXPECT_TRUE(near(swapped.input_gradients[0], got.input_gradients[1], {.of_element = 1e-6}));
  }
}

TEST_P(OwnLayers, DropoutDropsItsShareAndScalesTheRest) {
  const Tensor x = random_uniform({100, 101}, 1, 2, "dropout/x"),
               dy = random_uniform({100, 101}, 1, 2, "dropout/dy");
  for (const double rate : {0.1, 0.5, 0.75}) {
    SCOPED_TRACE(rate);
    const auto layer = layer_from("Dropout", {{"rate", rate}});
    const LayerUse use{.training = true, .output_gradients = {dy}, .seed = 3, .step = 2};
    const LayerRun got = run_layer(*layer, {x}, {}, use, backend());
    double dropped = 0;
    for (std::int64_t i = 0; i < x.size(); ++i) {
      const double y = element(got.outputs[0], i), dx = element(got.input_gradients[0], i);
      dropped += y == 0 ? 1 : 0;
      const double factor = y == 0 ? 0 : 1 / (1 - rate);
      ASSERT_NEAR(y, element(x, i) * factor, 1e-5) << i;
      ASSERT_NEAR(dx, element(dy, i) * factor, 1e-5) << "the gradient goes where the value went: " << i;
    }
    // The share of 10,100 draws lies within five standard deviations.
    const double share = dropped / static_cast<double>(x.size());
    EXPECT_NEAR(share, rate, 5 * std::sqrt(rate * (1 - rate) / static_cast<double>(x.size())));
  }
}

TEST_P(OwnLayers, DropoutsMaskDependsOnSeedStepStreamAndOption) {
  const Tensor x = random_uniform({64}, 1, 2, "dropout/mask");
  const auto outputs = [&](const Json& config, const LayerUse& use) {
    const auto layer = layer_from("Dropout", config);
    return run_layer(*layer, {x}, {}, use, backend()).outputs[0];
  };
  const Json config = {{"rate", 0.5}};
  const LayerUse use{.training = true, .seed = 1, .step = 1, .stream = 1};
  const Tensor base = outputs(config, use);
  EXPECT_TRUE(same_bits(outputs(config, use), base)) << "the same draw twice";
  EXPECT_FALSE(same_bits(outputs(config, {.training = true, .seed = 2, .step = 1, .stream = 1}), base));
  EXPECT_FALSE(same_bits(outputs(config, {.training = true, .seed = 1, .step = 2, .stream = 1}), base));
  EXPECT_FALSE(same_bits(outputs(config, {.training = true, .seed = 1, .step = 1, .stream = 2}), base));
  EXPECT_FALSE(same_bits(outputs({{"rate", 0.5}, {"seed", 7}}, use), base));
  // Frozen, it still drops; in inference it does not; a rate of 1 leaves nothing.
  EXPECT_TRUE(same_bits(
      outputs(config, {.training = true, .trainable = false, .seed = 1, .step = 1, .stream = 1}), base));
  EXPECT_TRUE(same_bits(outputs(config, {.training = false, .seed = 1, .step = 1, .stream = 1}), x));
  EXPECT_TRUE(near(outputs({{"rate", 1.0}}, use), Tensor(x.spec()), {}));
}

/// What a layer makes of x in training, with numbers of that step.
Tensor trained(const std::string& class_name, const Json& config, const Tensor& x, const Backend& backend,
               std::int64_t step = 1) {
  const auto layer = layer_from(class_name, config);
  return run_layer(*layer, {x}, {}, {.training = true, .seed = 3, .step = step, .stream = 7}, backend)
      .outputs[0];
}

struct Moments {
  double mean = 0, deviation = 0;
};
Moments moments_of(const Tensor& x) {
  Moments result;
  const auto count = static_cast<double>(x.size());
  for (std::int64_t i = 0; i < x.size(); ++i) result.mean += element(x, i) / count;
  for (std::int64_t i = 0; i < x.size(); ++i)
    result.deviation += std::pow(element(x, i) - result.mean, 2) / count;
  result.deviation = std::sqrt(result.deviation);
  return result;
}

TEST_P(OwnLayers, MasksOfSharedAxesDropWholeMapsAndSamples) {
  const Tensor images = random_uniform({40, 5, 3, 7}, 1, 2, "masks/x");
  struct Case {
    const char* class_name;
    Json config;
    std::int64_t rows;  ///< of x, that share their fate as a block of places or alone
    bool by_channel;
  };
  const Case cases[] = {{"SpatialDropout2D", {{"rate", 0.4}}, 40, true},
                        {"Dropout", {{"rate", 0.4}, {"noise_shape", {nullptr, 1, 1, nullptr}}}, 40, true},
                        {"Dropout", {{"rate", 0.4}, {"noise_shape", {nullptr, 1, 1, 1}}}, 40, false},
                        {"StochasticDepth", {{"drop_path_rate", 0.4}}, 40, false},
                        {"SpatialDropout1D", {{"rate", 0.4}}, 40, true}};
  for (const Case& c : cases) {
    SCOPED_TRACE(c.class_name + c.config.dump());
    const Tensor x =
        std::string_view(c.class_name) == "SpatialDropout1D" ? images.reshaped({40, 15, 7}) : images;
    const Tensor y = trained(c.class_name, c.config, x, backend());
    std::int64_t dropped = 0, blocks = 0;
    for (std::int64_t sample = 0; sample < c.rows; ++sample) {
      for (std::int64_t channel = 0; channel < 7; ++channel) {
        const std::int64_t first = sample * 5 * 3 * 7 + (c.by_channel ? channel : 0);
        const bool gone = element(y, first) == 0;
        for (std::int64_t place = 0; place < 15; ++place) {
          const std::int64_t at = sample * 105 + place * 7 + channel;
          ASSERT_NEAR(element(y, at), gone ? 0 : element(x, at) / 0.6, 1e-5) << at;
        }
        dropped += gone ? 1 : 0;
        ++blocks;
      }
    }
    const double draws = c.by_channel ? 280 : 40;
    EXPECT_NEAR(static_cast<double>(dropped) / static_cast<double>(blocks), 0.4, 4 * std::sqrt(0.24 / draws));
    EXPECT_FALSE(same_bits(trained(c.class_name, c.config, x, backend(), 2), y))
        << "another step, another mask";
  }
}

TEST_P(OwnLayers, GaussianLayersDrawWhatTheySay) {
  const Tensor ones = random_uniform({100, 101}, 1, 1.0000001, "gaussian/x");
  const Moments noise = moments_of(trained("GaussianNoise", {{"stddev", 0.3}}, ones, backend()));
  EXPECT_NEAR(noise.mean, 1, 5 * 0.3 / 100);
  EXPECT_NEAR(noise.deviation, 0.3, 0.3 * 0.05);
  const Moments factors = moments_of(trained("GaussianDropout", {{"rate", 0.2}}, ones, backend()));
  EXPECT_NEAR(factors.mean, 1, 5 * 0.5 / 100);
  EXPECT_NEAR(factors.deviation, 0.5, 0.5 * 0.05);  // sqrt(0.2 / 0.8)
  EXPECT_FALSE(same_bits(trained("GaussianNoise", {{"stddev", 0.3}, {"seed", 4}}, ones, backend()),
                         trained("GaussianNoise", {{"stddev", 0.3}}, ones, backend())));
}

TEST_P(OwnLayers, AlphaDropoutKeepsMeanAndVariance) {
  const Tensor x = random_normal({200, 101}, "alpha/x");
  const Tensor y = trained("AlphaDropout", {{"rate", 0.3}}, x, backend());
  const Moments before = moments_of(x), after = moments_of(y);
  EXPECT_NEAR(after.mean, before.mean, 0.05);
  EXPECT_NEAR(after.deviation, before.deviation, 0.05);
  // Dropped elements have one value, a * p + b; the others are a x + b.
  const double p = -1.7580993408473766, a = 1 / std::sqrt(0.7 * (1 + 0.3 * p * p)), b = -a * p * 0.3;
  std::int64_t dropped = 0;
  for (std::int64_t i = 0; i < x.size(); ++i) {
    const bool gone = std::abs(element(y, i) - (a * p + b)) < 1e-5;
    dropped += gone ? 1 : 0;
    ASSERT_NEAR(element(y, i), gone ? a * p + b : a * element(x, i) + b, 1e-5) << i;
  }
  EXPECT_NEAR(static_cast<double>(dropped) / static_cast<double>(x.size()), 0.3, 0.02);
}

TEST_P(OwnLayers, FlipsAreExactAndHappenToHalfOfTheImages) {
  const Tensor x = random_normal({60, 4, 5, 2}, "flip/x");
  for (const std::string mode : {"horizontal", "vertical", "horizontal_and_vertical"}) {
    SCOPED_TRACE(mode);
    const Tensor y = trained("RandomFlip", {{"mode", mode}}, x, backend());
    int flipped = 0;
    for (std::int64_t n = 0; n < 60; ++n) {
      const auto at = [&](std::int64_t row, std::int64_t column) { return ((n * 4 + row) * 5 + column) * 2; };
      const bool turned = element(y, at(0, 0)) != element(x, at(0, 0));
      flipped += turned ? 1 : 0;
      for (std::int64_t row = 0; row < 4; ++row) {
        for (std::int64_t column = 0; column < 5; ++column) {
          const std::int64_t from_row = turned && mode != "horizontal" ? 3 - row : row;
          const std::int64_t from_column = turned && mode != "vertical" ? 4 - column : column;
          ASSERT_EQ(element(y, at(row, column)), element(x, at(from_row, from_column)));
        }
      }
    }
    EXPECT_NEAR(flipped, 30, 16);
  }
}

TEST_P(OwnLayers, RandomCropsArePartsOfTheImages) {
  const Tensor x = random_normal({3, 9, 8, 2}, "crop/x");
  std::set<std::int64_t> places;
  for (std::int64_t step = 1; step < 30; ++step) {
    const Tensor y = trained("RandomCrop", {{"height", 4}, {"width", 5}}, x, backend(), step);
    ASSERT_EQ(y.shape().str(), "(3, 4, 5, 2)");
    const auto same_from = [&](std::int64_t top, std::int64_t left) {
      for (std::int64_t i = 0; i < y.size(); ++i) {
        const std::int64_t c = i % 2, column = i / 2 % 5, row = i / 10 % 4, n = i / 40;
        if (element(y, i) != element(x, ((n * 9 + row + top) * 8 + column + left) * 2 + c)) return false;
      }
      return true;
    };
    int found = 0;
    for (std::int64_t top = 0; top <= 5; ++top) {
      for (std::int64_t left = 0; left <= 3; ++left) {
        if (!same_from(top, left)) continue;
        ++found;
        places.insert(top * 4 + left);
      }
    }
    ASSERT_EQ(found, 1) << "step " << step;
  }
  EXPECT_GT(places.size(), 8U) << "of 24 places";
}

TEST_P(OwnLayers, RandomContrastKeepsMeansAndStaysInItsRange) {
  const Tensor x = random_uniform({50, 6, 5, 3}, 100, 150, "contrast/x");
  const Tensor y = trained("RandomContrast", {{"factor", {0.25, 0.5}}}, x, backend());
  double least = 9, most = 0;
  for (std::int64_t n = 0; n < 50; ++n) {
    double mean_x = 0, mean_y = 0;
    for (std::int64_t place = 0; place < 30; ++place) {
      mean_x += element(x, n * 90 + place * 3) / 30;
      mean_y += element(y, n * 90 + place * 3) / 30;
    }
    EXPECT_NEAR(mean_y, mean_x, 1e-3);
    const double contrast = (element(y, n * 90) - mean_y) / (element(x, n * 90) - mean_x);
    least = std::min(least, contrast);
    most = std::max(most, contrast);
  }
  EXPECT_GE(least, 0.75 - 1e-3);
  EXPECT_LE(most, 1.5 + 1e-3);
  EXPECT_LT(least, 0.85);
  EXPECT_GT(most, 1.4);
  const Tensor cut =
      trained("RandomContrast", {{"factor", {0.25, 0.5}}, {"value_range", {110.0, 140.0}}}, x, backend());
  for (std::int64_t i = 0; i < cut.size(); ++i) {
    ASSERT_GE(element(cut, i), 110);
    ASSERT_LE(element(cut, i), 140);
  }
}

TEST_P(OwnLayers, ImagesAreTurnedByDifferentAngles) {
  const Tensor one = random_normal({1, 7, 7, 1}, "turn/x");
  Tensor x(Shape{2, 7, 7, 1}, DType::float32);
  for (std::int64_t i = 0; i < 98; ++i) x.data<float>()[i] = one.data<float>()[i % 49];
  for (const char* class_name : {"RandomRotation", "RandomTranslation", "RandomZoom"}) {
    SCOPED_TRACE(class_name);
    const Tensor y = trained(class_name, Json::object(), x, backend());
    EXPECT_FALSE(same_bits(y.rows(0, 1), y.rows(1, 1)));
    EXPECT_FALSE(same_bits(trained(class_name, Json::object(), x, backend(), 2), y));
    EXPECT_FALSE(same_bits(trained(class_name, {{"seed", 9}}, x, backend()), y));
  }
}

// Keras computes x * a + b, whose error at such a mean is five times as large: no judge.
TEST_P(OwnLayers, GroupsAreNormalizedToARoundingOfTheirMean) {
  constexpr float kMean = 1000;  // deviations
  Tensor x = random_normal({2, 8, 8, 8}, "groups/x");
  for (std::int64_t i = 0; i < x.size(); ++i) x.data<float>()[i] += kMean;
  const Json config = {{"groups", 4}, {"scale", false}, {"center", false}};
  const auto normalized = [&](const Tensor& of, const Backend& by) {
    const auto layer = layer_from("GroupNormalization", config, of.dtype());
    return run_layer(*layer, {of}, {}, {}, by).outputs[0];
  };
  const Tensor got = normalized(x, backend()),
               exact = normalized(x.astype(DType::float64), backend_named("reference"));
  for (std::int64_t i = 0; i < got.size(); ++i)
    ASSERT_NEAR(got.data<float>()[i], exact.data<double>()[i], kMean * 0x1p-24) << i;
}

INSTANTIATE_TEST_SUITE_P(Backends, OwnLayers, kBackends,
                         [](const auto& test) { return std::string(test.param); });

TEST(InputLayer, IsFedNotComputed) {
  const auto layer = layer_from("InputLayer", {{"batch_shape", {nullptr, 5, 7, 3}}});
  EXPECT_EQ(layer->output_shapes({})[0].str(), "(None, 5, 7, 3)");
  Graph graph;
  EXPECT_THROW(layer->lower({.graph = graph, .training = false, .weights = {}}, {}), Error);
}

}  // namespace
}  // namespace fovea::testing
