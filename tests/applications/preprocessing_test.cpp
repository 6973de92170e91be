#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "fovea/applications.h"
#include "fovea/error.h"

namespace fovea::applications {
namespace {

constexpr std::int64_t kSide = 4;

/// Values from 0 to 235; red, green and blue differ.
Tensor some_pixels(std::int64_t channels = 3) {
  Tensor pixels(Shape{1, kSide, kSide, channels});
  for (std::int64_t i = 0; i < pixels.size(); ++i) pixels.data<float>()[i] = static_cast<float>(i * 5 % 256);
  return pixels;
}

/// Gives back its image, in a layer that has a name.
Model echo(std::int64_t channels = 3) {
  const SymbolicTensor image = Input({kSide, kSide, channels}, {.name = "image"});
  return Model({image}, {Activation("linear", {.name = "same"})(image)}, {"echo"});
}

/// What the mode makes of pixel (r, g, b).
std::array<double, 3> expected(std::string_view mode, const float* pixel) {
  const double r = pixel[0], g = pixel[1], b = pixel[2];
  if (mode == "tf") return {r / 127.5 - 1, g / 127.5 - 1, b / 127.5 - 1};
  if (mode == "unit") return {r / 255, g / 255, b / 255};
  if (mode == "caffe") return {b - 103.939, g - 116.779, r - 123.68};
  return {(r / 255 - 0.485) / 0.229, (g / 255 - 0.456) / 0.224, (b / 255 - 0.406) / 0.225};
}

std::string error_of(const Model& model, const char* mode) {
  try {
    with_preprocessing(model, mode);
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was refused";
}

TEST(WithPreprocessing, EachModeComputesItsFormula) {
  const Tensor pixels = some_pixels();
  for (const std::string& mode : preprocessing_modes()) {
    SCOPED_TRACE(mode);
    const Model model = with_preprocessing(echo(), mode);
    const Tensor got = model.predict(pixels);
    for (std::int64_t i = 0; i < got.size(); i += 3) {
      const std::array<double, 3> wanted = expected(mode, pixels.data<float>() + i);
      for (std::int64_t c = 0; c < 3; ++c)
        ASSERT_NEAR(got.data<float>()[i + c], wanted[static_cast<std::size_t>(c)], 2e-5) << i << " " << c;
    }
  }
}

TEST(WithPreprocessing, KeepsNamesWeightsAndInfo) {
  const Sequential net = convnet({.input_shape = {48, 48, 3}, .name = "net"});
  net.info().class_names = {"cats", "dogs"};
  const Model model = with_preprocessing(net, "tf");
  EXPECT_EQ(model.name(), "net");
  EXPECT_EQ(model.info().class_names, (std::vector<std::string>{"cats", "dogs"}));
  EXPECT_EQ(model.inputs()[0].call()->layer->name, net.inputs()[0].call()->layer->name);
  EXPECT_EQ(model.weights(), net.weights());
  EXPECT_EQ(model.layers().size(), net.layers().size() + 1);
  EXPECT_FALSE(model.compiled());
}

TEST(WithPreprocessing, KeepsBranchesCallsAndTheirArguments) {
  const SymbolicTensor image = Input({kSide, kSide, 3});
  const Conv2D shared(3, 3, {.padding = "same"});
  const SymbolicTensor once = shared(image), twice = shared(once);
  const SymbolicTensor dropped = Dropout(0.5)(twice, {.training = true});
  const Model net({image}, {Add()({once, twice}), dropped});
  const Model model = with_preprocessing(net, "unit");
  Tensor pixels = some_pixels(), scaled = pixels.clone();
  for (std::int64_t i = 0; i < scaled.size(); ++i) scaled.data<float>()[i] /= 255;
  const std::vector<Tensor> wanted = net.predict_all({scaled}), got = model.predict_all({pixels});
  ASSERT_EQ(got.size(), 2u);
  for (std::int64_t i = 0; i < wanted[0].size(); ++i)
    ASSERT_NEAR(got[0].data<float>()[i], wanted[0].data<float>()[i], 1e-5);
  const auto zeros = std::count(got[1].values<float>().begin(), got[1].values<float>().end(), 0.0f);
  EXPECT_GT(zeros, 0) << "training=true of the call is lost";
}

TEST(WithPreprocessing, GoesOnTrainingWhereTheModelWas) {
  const SymbolicTensor image = Input({kSide, kSide, 3});
  const Model net({image}, {Dense(1)(Flatten()(image))});
  net.compile({.optimizer = Adam(), .loss = "mse", .metrics = {"mae"}});
  const Tensor target = Tensor::of<float>({1, 1}, {3});
  net.fit(some_pixels(), target, {.epochs = 2});
  const Model model = with_preprocessing(net, "tf");
  ASSERT_TRUE(model.compiled());
  EXPECT_EQ(model.optimizer().iterations(), 2);
  EXPECT_TRUE(model.evaluate(some_pixels(), target).contains("mae"));
  model.fit(some_pixels(), target, {.epochs = 1});
  EXPECT_EQ(model.optimizer().iterations(), 3);
}

TEST(WithPreprocessing, RefusesWhatItIsNotFor) {
  EXPECT_NE(error_of(echo(), "vgg").find("no mode 'vgg'; there are tf, torch, caffe, unit"),
            std::string::npos);
  for (const char* mode : {"torch", "caffe"}) {
    const std::string error = error_of(echo(1), mode);
    EXPECT_NE(error.find("of three channels. Received: an input of shape (None, 4, 4, 1)"), std::string::npos)
        << error;
  }
  for (const char* mode : {"tf", "unit"}) EXPECT_EQ(error_of(echo(1), mode), "nothing was refused");
  const SymbolicTensor row = Input({3}), other = Input({3});
  EXPECT_NE(error_of(Model({row}, {Dense(1)(row)}), "tf").find("is for images. Received"), std::string::npos);
  EXPECT_NE(error_of(Model({row, other}, {Add()({row, other})}), "tf").find("one input. Received: 2"),
            std::string::npos);
}

}  // namespace
}  // namespace fovea::applications
