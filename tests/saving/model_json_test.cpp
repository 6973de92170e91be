#include "saving/model_json.h"

#include <gtest/gtest.h>

#include "saving/files.h"
#include "saving/gallery.h"
#include "saving/json_access.h"

namespace fovea::testing {
namespace {

const ModelImpl& impl_of(const Model& model) { return static_cast<const ModelImpl&>(*model.impl()); }
Json json_of(const Model& model) { return parse_json(model_to_json(model)); }

TEST(ModelJson, OfEveryModelIsReadAsItWasWritten) {
  for (const std::string& name : gallery_names()) {
    const Json json = model_to_json_object(impl_of(gallery_model(name)));
    const Model model = model_from_json_object(json, {.by_fovea = true});
    EXPECT_EQ(model_to_json_object(impl_of(model)).dump(1), json.dump(1)) << name;
    EXPECT_EQ(model.summary(), gallery_model(name).summary()) << name;
  }
}

TEST(ModelJson, AModelWithoutANameGetsThatOfItsClass) {
  EXPECT_EQ(json_of(Sequential({Input({2}), Dense(1)}))["config"]["name"], "sequential");
  const SymbolicTensor x = Input({2});
  EXPECT_EQ(json_of(Model({x}, {Dense(1)(x)}))["config"]["name"], "functional");
}

// An architecture as one writes it by hand: Keras makes the names too.
TEST(ModelJson, LayersWithoutNamesGetThoseOfTheirClasses) {
  Json json = json_of(Sequential({Input({4}), Dense(3), Dense(2)}));
  json["config"].erase("name");
  for (Json& layer : json["config"]["layers"]) layer["config"].erase("name");
  const Model model = model_from_json_object(json, {});
  EXPECT_EQ(model.layers()[1].name(), "dense");
  EXPECT_EQ(model.layers()[2].name(), "dense_1");
  EXPECT_EQ(json_of(model)["config"]["name"], "sequential");
  json["config"]["layers"][1]["config"]["name"] = 5;
  EXPECT_TRUE(contains(error_of([&] { model_from_json_object(json, {}); }), "'name'"));
}

TEST(ModelJson, HasKerasHistories) {
  const Json json = json_of(gallery_model("shared"));
  const Json& layers = json["config"]["layers"];
  const auto layer = [&](const std::string& name) -> const Json& {
    for (const Json& each : layers) {
      if (each["name"] == name) return each;
    }
    throw Error("no layer " + name);
  };
  // The encoder was called on the right input first.
  const Json& nodes = layer("encoder")["inbound_nodes"];
  ASSERT_EQ(nodes.size(), 2u);
  EXPECT_EQ(nodes[0]["args"][0]["config"]["keras_history"].dump(), R"(["right",0,0])");
  EXPECT_EQ(nodes[1]["args"][0]["config"]["keras_history"].dump(), R"(["left",0,0])");
  EXPECT_EQ(nodes[0]["args"][0]["config"]["shape"].dump(), "[null,5]");
  // A merging layer takes a list.
  const Json& arguments = layer("add")["inbound_nodes"][0]["args"];
  ASSERT_EQ(arguments.size(), 1u);
  EXPECT_EQ(arguments[0][0]["config"]["keras_history"].dump(), R"(["twice",0,0])");
  EXPECT_EQ(arguments[0][1]["config"]["keras_history"].dump(), R"(["twice",2,0])");
  EXPECT_EQ(json["config"]["input_layers"].dump(), R"([["left",0,0],["right",0,0]])");
  EXPECT_EQ(json["config"]["output_layers"].dump(), R"(["dense",0,0])");
}

TEST(ModelJson, CountsTheCallsOfAFunctionalModelFromOneAtTheEndsAlone) {
  const Json json = json_of(gallery_model("nested"));
  EXPECT_EQ(json["config"]["output_layers"].dump(), R"([["head",0,0],["base",3,0]])");
  const Json& head = json["config"]["layers"][2];
  ASSERT_EQ(head["name"], "head");
  EXPECT_EQ(head["inbound_nodes"][0]["args"][0]["config"]["keras_history"].dump(), R"(["base",1,0])");
}

TEST(ModelJson, KeepsHowLayersAreCalled) {
  const auto training = [](const Model& model, const char* name) {
    const LayerImpl& layer = *model.get_layer(name).impl();
    return impl_of(model).calls_of(layer)[0]->arguments.training;
  };
  const Json json = model_to_json_object(impl_of(gallery_model("calls")));
  const Model ours = model_from_json_object(json, {.by_fovea = true});
  EXPECT_EQ(training(ours, "base"), false);
  EXPECT_EQ(training(ours, "always"), true);
  EXPECT_EQ(training(ours, "never"), false);
  EXPECT_EQ(training(ours, "training_only"), std::nullopt);
  EXPECT_EQ(training(ours, "norm"), true);
  // Keras notes False of every Dropout and means nothing by it.
  const Model theirs = model_from_json_object(json, {.by_fovea = false});
  EXPECT_EQ(training(theirs, "never"), std::nullopt);
  EXPECT_EQ(training(theirs, "always"), true);
  EXPECT_EQ(training(theirs, "base"), false);
}

TEST(ModelJson, KeepsFlagsAndTypes) {
  const Model model = model_from_json(model_to_json(gallery_model("nested")));
  const auto& base = static_cast<const ModelImpl&>(*model.get_layer("base").impl());
  const LayerImpl* inner = nullptr;
  for (const auto& layer : base.layers()) {
    if (layer->name == "inner") inner = layer.get();
  }
  ASSERT_NE(inner, nullptr);
  EXPECT_FALSE(inner->trainable);
  EXPECT_TRUE(base.trainable);
  EXPECT_EQ(model.trainable_weights().size(), 4u) << "the top of base and the head";

  const Model in_double = model_from_json(model_to_json(gallery_model("float64")));
  for (const Variable& weight : in_double.weights()) EXPECT_EQ(weight.spec().dtype, DType::float64);
}

TEST(ModelJson, ALayerInTwoModelsIsStillOne) {
  const Model model = model_from_json(model_to_json(gallery_model("shared_by_models")));
  const auto& a = static_cast<const ModelImpl&>(*model.get_layer("a").impl());
  const auto& b = static_cast<const ModelImpl&>(*model.get_layer("b").impl());
  EXPECT_EQ(a.layers()[1], b.layers()[2]);
}

TEST(ModelJson, ASequentialMayRepeatALayer) {
  const Layer layer = Dense(3, {.name = "again"});
  const Sequential model({Input({3}), layer, Activation("relu"), layer}, {.name = "repeats"});
  const Json json = json_of(model);
  ASSERT_EQ(json["config"]["layers"].size(), 4u);
  const Model read = model_from_json(json.dump());
  EXPECT_EQ(read.weights().size(), 2u);
  EXPECT_EQ(json_of(read).dump(), json.dump());
}

TEST(ModelJson, NewWeightsAreDrawn) {
  const Model model = model_from_json(model_to_json(gallery_model("branches")));
  const Tensor kernel = model.get_weights()[0];
  EXPECT_NE(kernel.values<float>()[0], 0);
}

TEST(ModelJson, AModelThatBeginsInAnotherIsNotWritten) {
  const Model whole = gallery_model("branches");
  const SymbolicTensor middle = whole.get_layer("stem").output();
  const Model part({middle}, {whole.outputs()[0]});
  const std::string error = error_of([&] { model_to_json(part); });
  EXPECT_TRUE(contains(error, "'stem' (Conv2D)"));
  EXPECT_TRUE(contains(error, "begins with Inputs"));
}

// ---- what is refused ----

/// The gallery's "branches", changed.
template <class Change>
std::string error_of_changed(const std::string& name, Change&& change) {
  Json json = json_of(gallery_model(name));
  change(json);
  const std::string error = error_of([&] { model_from_json(json.dump()); });
  EXPECT_TRUE(contains(error, "model_from_json: "));
  return error;
}

Json& layer_named(Json& json, const std::string& name) {
  for (Json& layer : json["config"]["layers"]) {
    if (layer["config"]["name"] == name) return layer;
  }
  throw Error("no layer " + name);
}

TEST(ModelJson, OptionsThatFoveaDoesNotHaveAreErrors) {
  struct Case {
    const char *layer, *option;
    Json value;
    const char* message;
  };
  const Json norm = {{"module", "keras.constraints"}, {"class_name", "MaxNorm"}, {"config", Json::object()}};
  const Json own = {{"module", "mine"},
                    {"class_name", "HeNormal"},
                    {"config", Json::object()},
                    {"registered_name", "mine>HeNormal"}};
  const Json activation = {
      {"module", "mine"}, {"class_name", "function"}, {"config", "wave"}, {"registered_name", "mine>wave"}};
  const Case cases[] = {
      {"stem", "data_format", "channels_middle", "channels_last or channels_first"},
      {"stem", "kernel_constraint", "TallNorm", "There is no constraint 'TallNorm'"},
      {"stem", "lora_rank", 4, "there is no option 'lora_rank' in fovea. Received: lora_rank=4"},
      {"stem", "activity_regularizer", norm, "activity_regularizer"},
      {"stem", "kernel_initializer", "Identity", "There is no initializer 'Identity'"},
      {"stem", "kernel_initializer", own,
       "'kernel_initializer' is 'HeNormal', which is Python code of one's own"},
      {"stem", "activation", activation, "'activation' is 'function', which is Python code of one's own"},
      {"stem", "filters", "four", "'filters' must be an integer. Received: \"four\""},
      {"stem", "dtype", "mixed_float16", "Received: \"mixed_float16\""},
      {"stem", "dtype", "bfloat16", "which keeps weights in float32. Received: bfloat16"},
      {"stem", "dtype", "int32",
       "a layer's dtype must be float32, float64 or mixed_bfloat16, which keeps weights in float32. "
       "Received: "
       "int32"},
      {"stem", "trainable", "yes", "'trainable' must be true or false"},
      {"frozen_statistics", "renorm", true, "'renorm' must be false in fovea. Received: true"},
      {"frozen_statistics", "synchronized", true, "synchronized"},
      {"image", "sparse", true, "sparse"},
  };
  for (const Case& c : cases) {
    const std::string error = error_of_changed(
        "branches", [&](Json& json) { layer_named(json, c.layer)["config"][c.option] = c.value; });
    EXPECT_TRUE(contains(error, std::string("ayer '") + c.layer + "' (")) << c.option;
    EXPECT_TRUE(contains(error, c.message)) << c.option;
  }
  const std::string error = error_of_changed("calls", [](Json& json) {
    layer_named(json, "never")["config"]["noise_shape"] = {1, 2};
  });
  EXPECT_TRUE(contains(error, "ayer 'never' (Dropout)"));
  EXPECT_TRUE(contains(error, "noise_shape"));
}

TEST(ModelJson, NewOptionsOfKerasWithTheirDefaultsAreNot) {
  Json json = json_of(gallery_model("branches"));
  layer_named(json, "frozen_statistics")["config"]["renorm"] = false;
  layer_named(json, "frozen_statistics")["config"]["renorm_momentum"] = 0.5;
  layer_named(json, "dense")["config"]["quantization_config"] = nullptr;
  EXPECT_EQ(error_of([&] { model_from_json(json.dump()); }), "");
}

TEST(ModelJson, FunctionsAreReadByName) {
  Json json = json_of(gallery_model("branches"));
  layer_named(json, "dense")["config"]["activation"] = {{"module", "builtins"},
                                                        {"class_name", "function"},
                                                        {"config", "tanh"},
                                                        {"registered_name", "function"}};
  layer_named(json, "dense")["config"]["dtype"] = "float32";
  const Json again = json_of(model_from_json(json.dump()));
  Json dense = again["config"]["layers"].back();
  EXPECT_EQ(dense["config"]["activation"], "tanh");
}

TEST(ModelJson, ClassesThatAreNotKnownSayWhatToDo) {
  const auto renamed = [](const char* module, const char* class_name, const Json& registered) {
    return error_of_changed("branches", [&](Json& json) {
      Json& layer = layer_named(json, "dense");
      layer["module"] = module == nullptr ? Json(nullptr) : Json(module);
      layer["class_name"] = class_name;
      layer["registered_name"] = registered;
    });
  };
  EXPECT_TRUE(
      contains(renamed("keras.layers", "Lambda", nullptr), "layer 'dense' (Lambda): holds Python code"));
  EXPECT_TRUE(contains(renamed("keras.layers", "LSTM", nullptr), "layer 'dense' (LSTM)"));
  EXPECT_TRUE(contains(renamed("keras.layers", "LSTM", nullptr), "fovea::register_layer(\"LSTM\""));
  EXPECT_TRUE(contains(renamed("mine", "Gate", "mine>Gate"), "fovea::register_layer(\"mine>Gate\""));
  EXPECT_TRUE(contains(renamed("mine", "Dense", "Dense"), "one's own under the name of Keras' Dense"));
  EXPECT_TRUE(contains(renamed(nullptr, "Dense", nullptr), "neither Keras' nor registered"));
  EXPECT_TRUE(contains(renamed("kerasish", "Dense", nullptr), "neither Keras' nor registered"));
}

TEST(ModelJson, GraphsThatDoNotFitAreErrors) {
  const auto change = [](auto&& what) { return error_of_changed("shared", what); };
  const auto history = [](Json& json, const char* layer) -> Json& {
    return layer_named(json, layer)["inbound_nodes"][0]["args"][0]["config"]["keras_history"];
  };
  EXPECT_TRUE(contains(change([&](Json& json) { history(json, "dense")[0] = "nobody"; }),
                       "there is no layer 'nobody'"));
  EXPECT_TRUE(contains(change([&](Json& json) { history(json, "dense")[1] = 7; }),
                       "called in a circle, or on what is never made"));
  EXPECT_TRUE(contains(change([&](Json& json) { history(json, "twice") = {"twice", 2, 0}; }), "in a circle"));
  EXPECT_TRUE(
      contains(change([&](Json& json) { history(json, "dense")[2] = 1; }), "layer 'add' has no output 1"));
  EXPECT_TRUE(contains(change([&](Json& json) {
                         history(json, "dense") = {"add", -1, 0};
                       }),
                       "expected [layer, call, tensor]"));
  EXPECT_TRUE(contains(change([](Json& json) {
                         json["config"]["output_layers"] = {"dense", 3, 0};
                       }),
                       "'dense' is not called so often"));
  EXPECT_TRUE(contains(change([](Json& json) {
                         json["config"]["input_layers"] = {{"left", {"left", 0, 0}}};
                       }),
                       "input_layers have names"));
  EXPECT_TRUE(contains(change([](Json& json) { json["config"].erase("layers"); }), "has no 'layers'"));
  EXPECT_TRUE(contains(change([](Json& json) { json["config"]["layers"][3]["name"] = "left"; }),
                       "two layers are named 'left'"));
  EXPECT_TRUE(contains(change([](Json& json) { json["config"]["sharding"] = 1; }), "no option 'sharding'"));
  EXPECT_TRUE(contains(
      change([&](Json& json) { layer_named(json, "dense")["inbound_nodes"][0]["kwargs"]["scale"] = 2; }),
      "layer 'dense' (Dense), its call: the argument 'scale' is not known. Received: scale=2"));
  EXPECT_TRUE(contains(change([&](Json& json) {
                         layer_named(json, "dense")["inbound_nodes"] =
                             Json::parse(R"([[["add", 0, 0, {}]]])");
                       }),
                       "as Keras 2 does"));
  EXPECT_TRUE(
      contains(change([](Json& json) { json["class_name"] = "MyModel"; }), "is no Sequential or functional"));
  EXPECT_TRUE(contains(change([](Json& json) { layer_named(json, "dense")["config"]["units"] = 0; }),
                       "Layer 'dense' (Dense): units must be at least 1"));
}

TEST(ModelJson, TextThatIsNoneIsAnError) {
  EXPECT_TRUE(contains(error_of([] { model_from_json("{"); }), "is no JSON"));
  EXPECT_TRUE(contains(error_of([] { model_from_json("[1]"); }), "is no Sequential or functional"));
  EXPECT_TRUE(contains(error_of([] { model_from_json("{}"); }), "is no Sequential or functional"));
  EXPECT_TRUE(contains(error_of([] { model_from_json(std::string(100000, '[')); }), "levels deep"));
  EXPECT_TRUE(contains(error_of([] { model_from_json("\"\xFF\""); }), "is no JSON"));
  EXPECT_TRUE(contains(error_of([] { model_to_json(Model()); }), "empty handle"));
}

TEST(ModelJson, ASequentialWithoutInputTakesTheShapeItWasBuiltFor) {
  Json json = json_of(gallery_model("sequential"));
  json["config"]["layers"].erase(0);
  EXPECT_EQ(model_from_json(json.dump()).weights().size(), gallery_model("sequential").weights().size());
  json["config"].erase("build_input_shape");
  EXPECT_TRUE(contains(error_of([&] { model_from_json(json.dump()); }), "what shape its input has"));
}

/// Whatever stands in the text, it is a model or an Error.
TEST(ModelJson, AnyPartMayBeWrong) {
  const std::string text = model_to_json(gallery_model("nested"));
  for (std::size_t at = 0; at < text.size(); at += 7) {
    for (const char wrong : {'"', '0', '{', ',', 'x'}) {
      std::string damaged = text;
      damaged[at] = wrong;
      error_of([&] { model_from_json(damaged); });
    }
  }
}

/// Every value in a tree is replaced by others, one at a time.
void replace_each(Json& root, Json& place, int& count) {
  if (place.is_structured()) {
    for (auto& item : place) replace_each(root, item, count);
  }
  // The number of other values is small, that of places large.
  static const Json kOthers[] = {nullptr, true, -1, 1e300, "text", Json::array(), Json::object()};
  const Json before = place;
  place = kOthers[static_cast<std::size_t>(count++) % std::size(kOthers)];
  error_of([&] { model_from_json(root.dump()); });
  place = before;
}

TEST(ModelJson, AnyValueMayBeAnother) {
  for (const char* name : {"nested", "several"}) {
    Json json = json_of(gallery_model(name));
    for (int first = 0; first < 7; ++first) {
      int count = first;
      replace_each(json, json, count);
    }
  }
}

}  // namespace
}  // namespace fovea::testing
