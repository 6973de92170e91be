#include <gtest/gtest.h>

#include <numeric>

#include "core/json_fields.h"
#include "fovea/applications.h"
#include "fovea/error.h"

namespace fovea::applications {
namespace {

using Names = std::vector<std::string>;

Names names_of(const std::vector<Layer>& layers) {
  Names names;
  for (const Layer& layer : layers) names.push_back(layer.name());
  return names;
}

Tensor some_images(const Shape& shape) {
  Tensor images(shape);
  std::iota(images.data<float>(), images.data<float>() + images.size(), 0.0f);
  return images;
}

TEST(ReplaceHead, CutsARowOfLayersBehindItsFlatten) {
  const Sequential base = convnet({.input_shape = {48, 48, 3}});
  base.info() = {{"cats", "dogs"}, ImageOptions{.image_size = {48, 48}}};
  const NewHead head = replace_head(base, {.outputs = 3, .dropout = 0.4});
  EXPECT_EQ(head.features.name(), "flatten");
  EXPECT_EQ(head.feature_count, 128);
  EXPECT_EQ(head.removed, (Names{"dropout", "dense", "dense_1"}));
  EXPECT_EQ(names_of(head.base), (Names{"conv2d", "conv2d_1", "conv2d_2", "conv2d_3"}));
  EXPECT_EQ(head.model.impl()->class_name(), "Sequential");
  EXPECT_EQ(head.model.outputs()[0].shape().str(), "(None, 3)");
  EXPECT_EQ(head.model.info().preprocessing->image_size[0], 48);
  EXPECT_TRUE(head.model.info().class_names.empty());
  const std::vector<Layer> layers = head.model.layers();
  EXPECT_EQ(write_config(*layers[layers.size() - 2].impl())["rate"].get<double>(), 0.4);
  EXPECT_EQ(write_config(*layers.back().impl())["activation"].get<std::string>(), "softmax");
  // Only the new output trains: (128 + 1) * 3.
  ASSERT_EQ(head.model.trainable_weights().size(), 2u);
  EXPECT_EQ(head.model.trainable_weights()[0].spec().shape, (Shape{128, 3}));
}

TEST(ReplaceHead, SharesTheWeightsThatItKeeps) {
  const Sequential base = convnet({.input_shape = {48, 48, 3}});
  const Model features(base.inputs(), {base.get_layer("flatten").output()});
  const Tensor images = some_images({2, 48, 48, 3});
  const Tensor before = features.predict(images);
  const NewHead head = replace_head(base, {.outputs = 1});
  EXPECT_EQ(head.model.weights()[0], base.weights()[0]);
  EXPECT_EQ(head.model.outputs()[0].shape().str(), "(None, 1)");
  const Tensor after = features.predict(images);
  EXPECT_TRUE(std::equal(before.values<float>().begin(), before.values<float>().end(),
                         after.values<float>().begin()));
}

TEST(ReplaceHead, WithoutDropoutHasNone) {
  const NewHead head = replace_head(convnet({.input_shape = {48, 48, 3}}), {.outputs = 2, .dropout = 0});
  const std::vector<Layer> layers = head.model.layers();
  EXPECT_EQ(layers[layers.size() - 2].name(), "flatten");
}

/// A MobileNetV3 in small: squeeze and excitation inside, a convolution as classifier, a Flatten at the end.
Model with_convolution_as_classifier() {
  const Input image({16, 16, 3}, {.name = "image"});
  const SymbolicTensor x = Conv2D(8, 3, {.name = "stem"})(image);
  const SymbolicTensor squeezed = GlobalAveragePooling2D({.keepdims = true, .name = "squeeze"})(x);
  const SymbolicTensor gates = Conv2D(8, 1, {.activation = "sigmoid", .name = "gates"})(squeezed);
  const SymbolicTensor gated = Multiply({.name = "gated"})({x, gates});
  const SymbolicTensor pooled = GlobalAveragePooling2D({.keepdims = true, .name = "pool"})(gated);
  const SymbolicTensor logits = Conv2D(10, 1, {.name = "logits"})(pooled);
  const SymbolicTensor flat = Flatten({.name = "flat"})(logits);
  return Model({image}, {Softmax({.name = "softmax"})(flat)});
}

TEST(ReplaceHead, TakesTheLastPoolingThatWeightsFollowAndAllPathsCross) {
  const NewHead head = replace_head(with_convolution_as_classifier(), {.outputs = 4});
  EXPECT_EQ(head.features.name(),
            "pool");  // neither "squeeze", a side path, nor "flat", behind the classifier
  EXPECT_EQ(head.feature_count, 8);
  EXPECT_EQ(head.removed, (Names{"logits", "flat", "softmax"}));
  EXPECT_EQ(names_of(head.base), (Names{"stem", "gates"}));
  EXPECT_EQ(head.model.outputs()[0].shape().str(), "(None, 4)");  // (None, 1, 1, 8) was flattened
}

TEST(ReplaceHead, WithoutFlattenOrPoolingCutsBeforeTheLastDense) {
  const Sequential base({Input({6}), Dense(5, {.name = "hidden"}), Dense(2, {.name = "output"})});
  const NewHead head = replace_head(base, {.outputs = 3});
  EXPECT_EQ(head.features.name(), "hidden");
  EXPECT_EQ(head.removed, Names{"output"});
}

/// As Keras' guide to transfer learning builds it: a model inside a model.
Sequential with_nested_base() {
  const Sequential inner({Input({16, 16, 3}), Conv2D(4, 3, {.name = "a"}),
                          BatchNormalization({.name = "norm"}), Conv2D(4, 3, {.name = "b"})},
                         {"inner"});
  return Sequential({Input({16, 16, 3}), Rescaling(1.0 / 255), inner, GlobalAveragePooling2D(),
                     Dense(7, {.name = "output"})});
}

TEST(ReplaceHead, OpensNestedModels) {
  const NewHead head = replace_head(with_nested_base(), {.outputs = 3});
  EXPECT_EQ(names_of(head.base), (Names{"a", "norm", "b"}));
  EXPECT_EQ(head.model.trainable_weights().size(), 2u);
}

/// As a mini-Xception ends: the classes are the filters of the last convolution.
Sequential with_pooled_convolution(const Layer& pooling) {
  return Sequential({Input({16, 16, 3}), Conv2D(6, 3, {.name = "features"}),
                     Conv2D(7, 3, {.name = "classes"}), pooling,
                     Activation("softmax", {.name = "predictions"})});
}

TEST(ReplaceHead, CutsBeforeAConvolutionThatIsPooledAndTheOutput) {
  const NewHead averaged = replace_head(with_pooled_convolution(GlobalAveragePooling2D({.name = "pool"})));
  EXPECT_EQ(averaged.features.name(), "features");
  EXPECT_EQ(averaged.pooling, "GlobalAveragePooling2D");
  EXPECT_EQ(averaged.feature_count, 6);
  EXPECT_EQ(averaged.removed, (Names{"classes", "pool", "predictions"}));
  EXPECT_EQ(names_of(averaged.base), Names{"features"});
  EXPECT_EQ(averaged.model.trainable_weights()[0].spec().shape, (Shape{6, 1}));
  const NewHead largest = replace_head(with_pooled_convolution(GlobalMaxPooling2D()));
  EXPECT_EQ(largest.pooling, "GlobalMaxPooling2D");
  EXPECT_EQ(largest.model.layers()[2].impl()->class_name(), "GlobalMaxPooling2D");
}

TEST(ReplaceHead, KeepsABaseWithoutATopWhole) {
  const auto base = [](const std::vector<Layer>& end) {
    std::vector<Layer> layers = {Input({16, 16, 3}), Conv2D(6, 3, {.name = "features"})};
    layers.insert(layers.end(), end.begin(), end.end());
    return replace_head(Sequential(layers), {.outputs = 3, .dropout = 0});
  };
  const NewHead pooled = base({GlobalMaxPooling2D({.name = "end"})});
  EXPECT_EQ(pooled.features.name(), "end");
  EXPECT_EQ(pooled.pooling, "");
  EXPECT_EQ(pooled.feature_count, 6);
  const NewHead flat = base({Flatten({.name = "end"})});
  EXPECT_EQ(flat.features.name(), "end");
  EXPECT_EQ(flat.feature_count, 14 * 14 * 6);
  const NewHead maps = base({});
  EXPECT_EQ(maps.features.name(), "features");
  EXPECT_EQ(maps.pooling, "GlobalAveragePooling2D");
  EXPECT_EQ(maps.feature_count, 6);
  for (const NewHead* head : {&pooled, &flat, &maps}) {
    EXPECT_TRUE(head->removed.empty());
    EXPECT_EQ(names_of(head->base), Names{"features"});
    EXPECT_EQ(head->model.outputs()[0].shape().str(), "(None, 3)");
  }
}

TEST(ReplaceHead, RefusesWhatItCannotCut) {
  const Sequential only_rows({Input({8, 3}), Conv1D(4, 3)});
  EXPECT_THROW(replace_head(only_rows), Error);
  const Input x({4}, {.name = "x"}), y({4}, {.name = "y"});
  const SymbolicTensor sum = Add()({x, y});
  EXPECT_THROW(replace_head(Model({x, y}, {Dense(1)(sum)})), Error);
  EXPECT_THROW(replace_head(convnet(), {.outputs = 0}), Error);
}

TEST(UnfreezeTop, ThawsTheLastLayersButNoBatchNormalization) {
  const NewHead head = replace_head(with_nested_base(), {.outputs = 3});
  EXPECT_EQ(names_of(tunable_layers(head)), (Names{"a", "b"}));
  EXPECT_EQ(unfreeze_top(head, 1), Names{"b"});
  EXPECT_EQ(head.model.trainable_weights().size(), 4u);  // kernel and bias of "b" and of the output
  EXPECT_FALSE(head.base[0].trainable());
  EXPECT_TRUE(head.base[2].trainable());
  EXPECT_EQ(unfreeze_top(head, 2), (Names{"a", "b"}));
  EXPECT_EQ(head.model.trainable_weights().size(), 6u);
  EXPECT_FALSE(head.base[1].trainable());
  EXPECT_THROW(unfreeze_top(head, 3), Error);
  EXPECT_TRUE(unfreeze_top(head, 0).empty());
}

}  // namespace
}  // namespace fovea::applications
