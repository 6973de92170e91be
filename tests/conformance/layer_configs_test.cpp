#include <gtest/gtest.h>

#include "conformance/layer_cases.h"
#include "support/golden.h"
#include "support/names.h"

// What a layer says of itself, against Keras' own words: its options, its shape rule, its weights.

namespace fovea::testing {
namespace {

/// Read and written with the layer, not with its options.
const std::set<std::string> kOfEveryLayer = {"name", "trainable", "dtype"};
/// Keras has these options since later than 3.0. They are not written, so that an older Keras reads our files
/// too.
const std::set<std::string> kNewInKeras = {"quantization_config", "renorm",     "renorm_clipping",
                                           "renorm_momentum",     "ragged",     "optional",
                                           "input_axes",          "output_axes"};

/// A config of Keras without its new options.
Json without_new_options(const Json& config) {
  if (!config.is_object()) return config;
  Json result = Json::object();
  for (const auto& [key, value] : config.items()) {
    if (kNewInKeras.count(key) == 0) result[key] = without_new_options(value);
  }
  return result;
}

/// Options in which Keras' numbers and ours may differ by type: 2 and 2.0 are equal.
bool same_value(const Json& a, const Json& b) {
  if (a.is_number() && b.is_number()) return a.get<double>() == b.get<double>();
  if (a.is_array() && b.is_array()) {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), same_value);
  }
  if (!a.is_object() || !b.is_object()) return a == b;
  if (a.size() != b.size()) return false;
  for (const auto& [key, value] : a.items()) {
    if (!b.contains(key) || !same_value(value, b.at(key))) return false;
  }
  return true;
}

class LayerConfigs : public ::testing::TestWithParam<std::string> {
 protected:
  const LayerCase golden_ = layer_case(GetParam());
  const std::shared_ptr<LayerImpl> layer_ = layer_from(golden_.class_name(), golden_.config());
};

TEST_P(LayerConfigs, AreWrittenAsKerasWritesThem) {
  const Json written = write_config(*layer_);
  const Json expected = without_new_options(golden_.config());
  for (const auto& [key, value] : expected.items()) {
    if (kOfEveryLayer.count(key) != 0) continue;
    ASSERT_TRUE(written.contains(key)) << "the option '" << key << "' is not visited";
    EXPECT_TRUE(same_value(written.at(key), value))
        << key << ": Keras has " << value << ", ours is " << written.at(key);
  }
  for (const auto& [key, value] : written.items()) {
    EXPECT_TRUE(golden_.config().contains(key)) << "Keras has no option '" << key << "'";
  }
}

TEST_P(LayerConfigs, AreReadBack) {
  const auto again = layer_from(golden_.class_name(), write_config(*layer_));
  EXPECT_TRUE(same_options(*again, *layer_)) << describe(*again) << " read from " << describe(*layer_);
}

/// How the options of a weight begin: "kernel_initializer", but "depthwise_initializer" of "depthwise_kernel"
/// and of a DepthwiseConv2D's "kernel".
std::string option_stem(const LayerImpl& layer, const std::string& parameter) {
  if (parameter == "depthwise_kernel") return "depthwise";
  if (parameter == "pointwise_kernel") return "pointwise";
  const bool depthwise = layer.class_name().starts_with("DepthwiseConv");
  return depthwise && parameter == "kernel" ? "depthwise" : parameter;
}

/// Classes that say themselves how their weights start.
const std::set<std::string> kStartsAreFixed = {"LayerScale", "Normalization"};

TEST_P(LayerConfigs, GiveTheWeightsThatKerasHas) {
  const std::vector<Shape> inputs = shapes_of(golden_.arrays("inputs"));
  const std::vector<ParameterSpec> ours = layer_->parameters(inputs);
  const Json& theirs = golden_.file.at("weights");
  ASSERT_EQ(ours.size(), theirs.size());
  std::int64_t count = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    EXPECT_EQ(ours[i].name, theirs[i].at("name").get<std::string>());
    EXPECT_EQ(ours[i].shape.str(), tensor_from(theirs[i].at("array")).shape().str()) << ours[i].name;
    EXPECT_EQ(ours[i].trainable || !layer_->trainable,
              theirs[i].at("trainable").get<bool>() || !layer_->trainable)
        << ours[i].name;
    count += ours[i].shape.elements();
    // Initializer and penalty of "kernel" are the options "kernel_initializer" and "kernel_regularizer".
    const Json written = write_config(*layer_);
    if (kStartsAreFixed.count(golden_.class_name()) != 0) continue;
    const std::string initializer = option_stem(*layer_, ours[i].name) + "_initializer";
    ASSERT_TRUE(written.contains(initializer));
    EXPECT_EQ(write_object(*ours[i].initializer.get(), "keras.initializers"), written.at(initializer));
  }
  const std::string explained = layer_->explain_parameters(inputs);
  if (count != 0) {
    EXPECT_NE(explained.find(fmt::format("= {}:", count)), std::string::npos)
        << "explained as '" << explained << "', but there are " << count;
  }
}

/// Does `claim`, in which sizes may be open, allow `actual`?
bool allows(const Shape& claim, const Shape& actual) {
  return claim.rank() == actual.rank() &&
         std::equal(claim.begin(), claim.end(), actual.begin(),
                    [](std::int64_t a, std::int64_t b) { return a == Shape::unknown || a == b; });
}

TEST_P(LayerConfigs, RuleTheShapesOfKnownAndOpenInputs) {
  const std::vector<Shape> inputs = shapes_of(golden_.arrays("inputs"));
  const Shape actual = golden_.arrays("outputs")[0].shape();
  ASSERT_EQ(layer_->output_shapes(inputs).size(), 1U);
  EXPECT_EQ(layer_->output_shapes(inputs)[0].str(), actual.str());

  std::vector<Shape> open = inputs;
  for (Shape& shape : open) shape.set(0, Shape::unknown);
  Shape expected = actual;
  expected.set(0, Shape::unknown);
  EXPECT_EQ(layer_->output_shapes(open)[0].str(), expected.str()) << "with the batch's size open";
  // What is said of images of open size must hold for these.
  for (Shape& shape : open) {
    for (std::size_t axis = 1; axis + 1 < shape.rank(); ++axis)
      shape.set(static_cast<std::ptrdiff_t>(axis), -1);
  }
  try {
    const Shape claim = layer_->output_shapes(open)[0];
    EXPECT_TRUE(allows(claim, actual)) << claim.str() << " said of " << actual.str();
  } catch (const Error& error) {  // a layer with weights along one of these axes
    EXPECT_NE(std::string(error.what()).find("known size"), std::string::npos) << error.what();
    EXPECT_FALSE(layer_->parameters(inputs).empty());
  }
}

INSTANTIATE_TEST_SUITE_P(Layers, LayerConfigs, ::testing::ValuesIn(layer_case_names()), CaseName());

/// Configs beside those that Keras recorded, for the options that none of them has off its default.
std::vector<Json> further_configs(const std::string& class_name) {
  const Json normal = {{"module", "keras.initializers"},
                       {"class_name", "RandomNormal"},
                       {"config", {{"mean", 0.5}, {"stddev", 0.25}, {"seed", 3}}},
                       {"registered_name", nullptr}};
  const Json penalty = {{"module", "keras.regularizers"},
                        {"class_name", "L1L2"},
                        {"config", {{"l1", 0.125}, {"l2", 0.25}}},
                        {"registered_name", nullptr}};
  const Json constraint = {{"module", "keras.constraints"},
                           {"class_name", "MaxNorm"},
                           {"config", {{"max_value", 1.5}, {"axis", {0, 1}}}},
                           {"registered_name", nullptr}};
  const Json weights = {{"kernel_initializer", normal},    {"bias_initializer", normal},
                        {"kernel_regularizer", penalty},   {"bias_regularizer", penalty},
                        {"kernel_constraint", constraint}, {"bias_constraint", constraint}};
  if (class_name == "Conv2DTranspose") {
    Json transposed = weights;
    transposed["output_padding"] = {0, 0};
    transposed["dilation_rate"] = {2, 1};
    return {transposed};
  }
  if (class_name == "Conv1DTranspose") {
    Json transposed = weights;
    transposed["dilation_rate"] = {2};
    return {transposed};
  }
  if (class_name == "Conv2D" || class_name == "Conv1D" || class_name == "Dense") return {weights};
  if (class_name == "RandomRotation" || class_name == "RandomTranslation") return {{{"seed", 5}}};
  const Json depthwise = {{"depthwise_initializer", normal},    {"bias_initializer", normal},
                          {"depthwise_regularizer", penalty},   {"bias_regularizer", penalty},
                          {"depthwise_constraint", constraint}, {"bias_constraint", constraint}};
  if (class_name == "DepthwiseConv2D" || class_name == "DepthwiseConv1D") return {depthwise};
  if (class_name == "SeparableConv2D" || class_name == "SeparableConv1D") {
    Json separable = depthwise;
    separable["pointwise_initializer"] = normal;
    separable["pointwise_regularizer"] = penalty;
    separable["pointwise_constraint"] = constraint;
    return {separable};
  }
  if (class_name == "BatchNormalization") {
    return {{{"beta_initializer", normal},
             {"gamma_initializer", normal},
             {"moving_mean_initializer", normal},
             {"moving_variance_initializer", normal},
             {"beta_regularizer", penalty},
             {"gamma_regularizer", penalty},
             {"beta_constraint", constraint},
             {"gamma_constraint", constraint},
             {"axis", 3}}};
  }
  const Json of_layers = {{"beta_initializer", normal},    {"gamma_initializer", normal},
                          {"beta_regularizer", penalty},   {"gamma_regularizer", penalty},
                          {"beta_constraint", constraint}, {"gamma_constraint", constraint}};
  if (class_name == "LayerNormalization") return {of_layers};
  if (class_name == "GroupNormalization") {
    Json of_groups = of_layers;
    of_groups["groups"] = 1;
    return {of_groups};
  }
  if (class_name == "PReLU") {
    return {
        {{"alpha_initializer", normal}, {"alpha_regularizer", penalty}, {"alpha_constraint", constraint}}};
  }
  if (class_name == "Dropout" || class_name == "AlphaDropout")
    return {{{"rate", 0.25}, {"seed", 5}, {"noise_shape", {nullptr, 1}}}};
  if (class_name == "SpatialDropout2D" || class_name == "SpatialDropout1D" || class_name == "GaussianDropout")
    return {{{"rate", 0.25}, {"seed", 5}}};
  if (class_name == "GaussianNoise") return {{{"stddev", 0.25}, {"seed", 5}}};
  if (class_name == "InputLayer") return {{{"batch_shape", {nullptr, 150, 140, 3}}}};
  if (class_name == "fovea>MinPooling2D")
    return {{{"pool_size", {3, 2}}, {"strides", {2, 1}}, {"padding", "same"}}};
  return {};
}

/// Options of which there is only one value.
const std::set<std::string> kFixed = {"fill_mode", "rms_scaling", "synchronized", "sparse"};

/// Options that every class has in one of the same ways.
std::vector<Json> common_configs(const Json& defaults) {
  std::vector<Json> configs;
  if (defaults.contains("data_format")) configs.push_back({{"data_format", "channels_first"}});
  if (defaults.contains("activity_regularizer")) {
    configs.push_back({{"activity_regularizer",
                        {{"module", "keras.regularizers"},
                         {"class_name", "L2"},
                         {"config", {{"l2", 0.25}}},
                         {"registered_name", nullptr}}}});
  }
  return configs;
}

TEST(LayerOptions, StandOffTheirDefaultsInSomeCase) {
  for (const std::string& class_name : registered_layers()) {
    SCOPED_TRACE(class_name);
    const auto standard = make_layer(class_name);
    EXPECT_EQ(standard->class_name(), class_name);
    const Json defaults = write_config(*standard);
    std::vector<Json> configs = further_configs(class_name);
    for (const Json& config : common_configs(defaults)) configs.push_back(config);
    for (const std::string& name : layer_case_names()) {
      const LayerCase c = layer_case(name);
      if (c.class_name() == class_name) configs.push_back(without_new_options(c.config()));
    }
    std::set<std::string> unchanged;
    for (const auto& [key, value] : defaults.items()) unchanged.insert(key);
    for (const Json& config : configs) {
      const auto layer = layer_from(class_name, config);
      const Json written = write_config(*layer);
      for (const auto& [key, value] : written.items()) {
        if (!same_value(value, defaults.at(key))) unchanged.erase(key);
        EXPECT_TRUE(same_value(value, config.contains(key) ? config.at(key) : value))
            << key << " read as " << value;
      }
      const auto again = layer_from(class_name, written);
      EXPECT_TRUE(same_options(*again, *layer)) << describe(*again) << " read from " << describe(*layer);
    }
    for (const std::string& key : unchanged) {
      EXPECT_EQ(kFixed.count(key), 1U) << "no case has the option '" << key << "' off its default";
    }
  }
}

TEST(LayerOptions, OfWeightsReachTheWeights) {
  for (const char* class_name : {"Conv2D", "Conv1D", "DepthwiseConv2D", "DepthwiseConv1D", "SeparableConv2D",
                                 "SeparableConv1D", "Dense", "Conv2DTranspose", "Conv1DTranspose",
                                 "BatchNormalization", "LayerNormalization", "GroupNormalization", "PReLU"}) {
    SCOPED_TRACE(class_name);
    const auto layer = layer_from(class_name, further_configs(class_name)[0]);
    Shape input{2, 3, 3, 5};
    if (class_name == std::string("Dense")) input = {2, 5};
    if (std::string_view(class_name).find("Conv1D") != std::string_view::npos) input = {2, 3, 5};
    const Json written = write_config(*layer);
    for (const ParameterSpec& parameter : layer->parameters({&input, 1})) {
      EXPECT_EQ(write_object(*parameter.initializer.get(), "keras.initializers"),
                written.at(option_stem(*layer, parameter.name) + "_initializer"));
      const bool penalised = written.contains(option_stem(*layer, parameter.name) + "_regularizer");
      EXPECT_EQ(parameter.regularizer.l1, penalised ? 0.125 : 0) << parameter.name;
      EXPECT_EQ(parameter.regularizer.l2, penalised ? 0.25 : 0) << parameter.name;
      const std::string constraint = option_stem(*layer, parameter.name) + "_constraint";
      ASSERT_EQ(static_cast<bool>(parameter.constraint), written.contains(constraint)) << parameter.name;
      if (parameter.constraint) {
        EXPECT_EQ(write_object(*parameter.constraint.get(), "keras.constraints"), written.at(constraint));
      }
    }
  }
}

TEST(LayerOptions, ThatFoveaLacksAreRefused) {
  const std::pair<const char*, Json> cases[] = {
      {"Conv2D", {{"data_format", "channels_middle"}}},
      {"Conv2D", {{"kernel_constraint", "no_norm"}}},
      {"Conv2D", {{"activity_regularizer", "l3"}}},
      {"Flatten", {{"data_format", "channels_middle"}}},
      {"Dropout", {{"noise_shape", "all"}}},
      {"BatchNormalization", {{"synchronized", true}}},
      {"LayerNormalization", {{"rms_scaling", true}}},
      {"Normalization", {{"mean", "none"}}},
      {"Resizing", {{"fill_mode", "reflect"}}},
      {"InputLayer", {{"sparse", true}}},
  };
  for (const auto& [class_name, config] : cases) {
    SCOPED_TRACE(config.dump());
    try {
      layer_from(class_name, config);
      ADD_FAILURE() << "nothing was refused";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(config.begin().key()), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace fovea::testing
