#include <gtest/gtest.h>

#include "saving/configs.h"
#include "saving/files.h"
#include "saving/json_access.h"
#include "saving/keras_options.h"
#include "saving/layer_json.h"
#include "saving/model_json.h"
#include "support/golden.h"
#include "support/names.h"

// What Keras 3.15 wrote is read and written again as it was.

namespace fovea::testing {
namespace {

/// Classes that layers.inc lists.
std::vector<std::string> all_classes() {
  return {
#define FOVEA_LAYER(Name, Registered) Registered,
#include "layers/layers.inc"
#undef FOVEA_LAYER
  };
}

bool is_known(const std::string& class_name) {
  const std::vector<std::string> all = all_classes();
  return std::find(all.begin(), all.end(), class_name) != all.end();
}

TEST(KerasConfigs, ClassesOfKerasAreKnown) {
  EXPECT_TRUE(is_keras_layer("Conv2D"));
  EXPECT_FALSE(is_keras_layer("fovea>MinPooling2D"));
  EXPECT_FALSE(is_keras_layer("Lambda"));
}

/// [2, 7, 5, 3], or a list of such.
std::vector<Shape> built_on(const Json& object) {
  const Json& shape = object["build_config"]["input_shape"];
  if (!shape[0].is_array()) return {shape_from_json(shape, "build_config")};
  std::vector<Shape> shapes;
  for (const Json& each : shape) shapes.push_back(shape_from_json(each, "build_config"));
  return shapes;
}

std::vector<std::string> layer_cases() {
  std::vector<std::string> result;
  for (const std::string& name : golden_cases("layers")) {
    if (is_known(golden("layers", name)["layer"]["class_name"])) result.push_back(name);
  }
  return result;
}

TEST(KerasConfigs, ValuesThatLayersDoNotTakeAreNamed) {
  Json object = golden("layers", "flatten")["layer"];
  object["config"]["data_format"] = "channels_middle";
  const std::string error = error_of([&] { layer_from_json(object); });
  EXPECT_TRUE(contains(error, object["config"]["name"].get<std::string>()));
  EXPECT_TRUE(contains(error, "data_format must be channels_last or channels_first"));
}

class LayersOfKeras : public ::testing::TestWithParam<std::string> {};

TEST_P(LayersOfKeras, AreWrittenAsTheyWereRead) {
  const Json object = golden("layers", GetParam())["layer"];
  const std::shared_ptr<LayerImpl> layer = layer_from_json(object);
  EXPECT_EQ(layer->name, object["config"]["name"]);
  EXPECT_EQ(layer->trainable, object["config"].value("trainable", true));
  // Of a layer that Keras does not build, shapes are not written.
  const std::vector<Shape> shapes =
      object.contains("build_config") ? built_on(object) : std::vector{Shape{1}};
  if (object.contains("build_config")) layer->build(shapes);
  EXPECT_EQ(comparable(layer_to_json(*layer, shapes)).dump(1), comparable(object).dump(1));
}

INSTANTIATE_TEST_SUITE_P(Golden, LayersOfKeras, ::testing::ValuesIn(layer_cases()), CaseName());

std::vector<std::string> model_cases() {
  std::vector<std::string> result;
  for (const std::string& name : golden_cases("trajectories")) result.push_back("trajectories/" + name);
  for (const std::string& name : golden_cases("losses")) {
    if (name.rfind("logit_bypass", 0) == 0) result.push_back("losses/" + name);
  }
  return result;
}

class ModelsOfKeras : public ::testing::TestWithParam<std::string> {
 protected:
  static Json file() {
    const std::size_t slash = GetParam().find('/');
    return golden(GetParam().substr(0, slash), GetParam().substr(slash + 1));
  }
};

TEST_P(ModelsOfKeras, AreWrittenAsTheyWereRead) {
  Json object = file()["model"];
  if (file().contains("compile")) object["compile_config"] = file()["compile"];
  const Model model = model_from_json(object.dump());
  EXPECT_TRUE(model.compiled());
  EXPECT_EQ(comparable(parse_json(model_to_json(model))).dump(1), comparable(object).dump(1));
}

INSTANTIATE_TEST_SUITE_P(Golden, ModelsOfKeras, ::testing::ValuesIn(model_cases()), CaseName());

TEST(KerasConfigs, TwoNestedModelsThatShareALayerStillDo) {
  const Model model = load_model(made_file("shared_by_models.keras"));
  const auto layers_in = [&](const char* name) {
    return static_cast<const ModelImpl&>(*model.get_layer(name).impl()).layers();
  };
  EXPECT_EQ(layers_in("one")[1], layers_in("two")[2]);
  EXPECT_EQ(layers_in("one")[1]->name, "shared");
  EXPECT_EQ(model.weights().size(), 6u);
}

}  // namespace
}  // namespace fovea::testing
