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

const std::set<std::string> kDiffersInTraining = {"BatchNormalization", "Dropout"};

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
  // A frozen Dropout still drops; everything else that is frozen infers.
  if (golden_.class_name() != "Dropout") {
    EXPECT_TRUE(same_bits(frozen.outputs[0], inference.outputs[0]));
  }
  if (kDiffersInTraining.count(golden_.class_name()) != 0) return;
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
