#include <gtest/gtest.h>

#include "core/json_fields.h"
#include "fovea/applications.h"
#include "fovea/error.h"
#include "support/errors.h"

namespace fovea::applications {
namespace {

std::vector<std::int64_t> parameters_by_layer(const Model& model) {
  std::vector<std::int64_t> counts;
  for (const Layer& layer : model.layers()) {
    std::int64_t count = 0;
    for (const Variable& weight : layer.weights()) count += weight.spec().shape.elements();
    if (count > 0) counts.push_back(count);
  }
  return counts;
}

std::string activation_of_output(const Model& model) {
  return write_config(*model.layers().back().impl())["activation"].get<std::string>();
}

TEST(Convnet, IsTheNetOfTheStudyNotes) {
  const Sequential model = convnet();
  EXPECT_EQ(model.inputs()[0].shape().str(), "(None, 150, 150, 3)");
  EXPECT_EQ(model.outputs()[0].shape().str(), "(None, 1)");
  EXPECT_EQ(parameters_by_layer(model), (std::vector<std::int64_t>{896, 18496, 73856, 147584, 3211776, 513}));
  EXPECT_EQ(model.count_params(), 3453121);
  EXPECT_EQ(activation_of_output(model), "sigmoid");
  EXPECT_EQ(model.layers()[1].impl()->class_name(), "Rescaling");
  const std::string summary = model.summary();
  for (const char* part : {"\"convnet\"", " 896 ", " 18,496 ", "Total params: 3,453,121 (13.17 MB)"}) {
    EXPECT_NE(summary.find(part), std::string::npos) << part << "\n" << summary;
  }
}

TEST(Convnet, TakesOtherImagesOutputsRatesAndNames) {
  const Sequential model =
      convnet({.input_shape = {64, 48, 1}, .outputs = 5, .dropout = 0.25, .name = "small"});
  EXPECT_EQ(model.inputs()[0].shape().str(), "(None, 64, 48, 1)");
  EXPECT_EQ(model.outputs()[0].shape().str(), "(None, 5)");
  EXPECT_EQ(activation_of_output(model), "softmax");
  EXPECT_EQ(model.name(), "small");
  EXPECT_EQ(write_config(*model.get_layer("dropout").impl())["rate"].get<double>(), 0.25);
}

TEST(Convnet, NeedsImagesOfWhichSomethingIsLeft) {
  const Sequential smallest = convnet({.input_shape = {46, 46, 3}});
  EXPECT_EQ(smallest.get_layer("flatten").output().shape().str(), "(None, 128)");
  EXPECT_NE(error_of([] {
              convnet({.input_shape = {46, 45, 3}});
            }).find("at least 46x46"),
            std::string::npos);
  EXPECT_NE(error_of([] { convnet({.input_shape = {150, 150}}); }).find("(150, 150)"), std::string::npos);
  EXPECT_NE(error_of([] { convnet({.outputs = -1}); }).find("outputs"), std::string::npos);
}

TEST(Lenet, IsForDigitsUnlessToldOtherwise) {
  const Sequential model = lenet();
  EXPECT_EQ(model.inputs()[0].shape().str(), "(None, 28, 28, 1)");
  EXPECT_EQ(model.outputs()[0].shape().str(), "(None, 10)");
  // 5*5*1*32 + 32, 5*5*32*64 + 64, (7*7*64 + 1)*256, 257*10
  EXPECT_EQ(parameters_by_layer(model), (std::vector<std::int64_t>{832, 51264, 803072, 2570}));
  EXPECT_EQ(model.layers()[1].impl()->class_name(), "Rescaling");
  EXPECT_EQ(lenet({.input_shape = {32, 32, 3}, .outputs = 1}).outputs()[0].shape().str(), "(None, 1)");
  EXPECT_NE(error_of([] { lenet({.input_shape = {3, 3, 1}}); }).find("at least 4x4"), std::string::npos);
}

TEST(Applications, AreMadeByName) {
  EXPECT_EQ(names(), (std::vector<std::string>{"convnet", "lenet"}));
  for (const std::string& name : names()) EXPECT_EQ(make(name).name(), name);
  EXPECT_EQ(make("lenet", {.outputs = 3}).outputs()[0].shape().str(), "(None, 3)");
  const std::string error = error_of([] { make("vgg99"); });
  EXPECT_NE(error.find("'vgg99'"), std::string::npos);
  EXPECT_NE(error.find("convnet, lenet"), std::string::npos);
}

}  // namespace
}  // namespace fovea::applications
