#include "callbacks/monitor.h"

#include <gtest/gtest.h>

#include "callbacks/support.h"
#include "models/model_impl.h"

namespace fovea::test {
namespace {

/// Two outputs, "age" with the metric mae, "face" with acc, and a weighted mse.
Model model_with_two_outputs() {
  const SymbolicTensor x = Input({2});
  const Model model({x}, {Dense(1, {.name = "age"})(x), Dense(1, {.name = "face"})(x)});
  auto compiled = std::make_shared<Compiled>();
  compiled->names = {"age", "face"};
  compiled->losses = {Loss("mse"), Loss("bce")};
  compiled->metrics = {{"mae"}, {"acc"}};
  compiled->weighted_metrics = {{}, {"mse", "accuracy"}};
  static_cast<ModelImpl&>(*model.impl()).compiled = compiled;
  return model;
}

bool larger_is_better(const Model& model, const std::string& figure) {
  Monitor monitor("Test", figure, "auto", 0);
  monitor.find_direction(model);
  return monitor.improves(2, 1.0);
}

TEST(Monitor, AutoTakesTheMetricsDirection) {
  const Model model = model_with_two_outputs();
  for (const char* figure : {"loss", "val_loss", "mae", "age_mae", "val_age_mae", "age_loss", "val_face_loss",
                             "face_weighted_mse", "weighted_mse"}) {
    EXPECT_FALSE(larger_is_better(model, figure)) << figure;
  }
  for (const char* figure : {"acc", "face_acc", "val_face_acc", "face_accuracy", "weighted_accuracy"}) {
    EXPECT_TRUE(larger_is_better(model, figure)) << figure;
  }
}

TEST(Monitor, AutoRefusesWhatItDoesNotKnow) {
  const Model model = model_with_two_outputs();
  for (const char* figure :
       {"iou", "val_face_mae", "learning_rate", "val_", "", "weighted_mae", "other_loss"}) {
    const std::string error = error_of([&] { larger_is_better(model, figure); });
    EXPECT_NE(error.find(figure), std::string::npos) << error;
    EXPECT_NE(error.find("Test"), std::string::npos) << error;
  }
  EXPECT_NE(error_of([&] { larger_is_better(tiny_model(), "dense_loss"); }), "");
}

TEST(Monitor, AutoNeedsNoCompiledModelForTheLoss) {
  const Sequential model({Input({1}), Dense(1)});
  EXPECT_FALSE(larger_is_better(model, "val_loss"));
  EXPECT_NE(error_of([&] { larger_is_better(model, "acc"); }), "");
}

TEST(Monitor, ModeGoesBeforeTheMetric) {
  const Model model = tiny_model();
  Monitor smaller("Test", "val_acc", "min", 0), larger("Test", "unheard", "max", 0);
  smaller.find_direction(model);
  larger.find_direction(model);
  EXPECT_TRUE(smaller.improves(1, 2.0));
  EXPECT_TRUE(larger.improves(2, 1.0));
}

TEST(Monitor, UnknownModeWarnsAndIsAuto) {
  LogCapture log;
  Monitor monitor("Test", "acc", "best", 0);
  EXPECT_EQ(log.take(), std::vector<std::string>{"Test mode 'best' is unknown, fallback to auto mode."});
  monitor.find_direction(tiny_model());
  EXPECT_TRUE(monitor.improves(2, 1.0));
}

TEST(Monitor, ComparesAsFloat32) {
  Monitor monitor("Test", "loss", "min", 0);
  EXPECT_FALSE(monitor.improves(0.69999999999, 0.7));
  EXPECT_TRUE(monitor.improves(0.6999999, 0.7));
  Monitor with_delta("Test", "loss", "min", -0.1);  // its sign does not count
  EXPECT_FALSE(with_delta.improves(0.95, 1.0));
  EXPECT_TRUE(with_delta.improves(0.89, 1.0));
  Monitor larger("Test", "acc", "max", 0.1);
  EXPECT_FALSE(larger.improves(1.05, 1.0));
  EXPECT_TRUE(larger.improves(1.11, 1.0));
}

}  // namespace
}  // namespace fovea::test
