#include <gtest/gtest.h>

#include "fovea/model.h"
#include "fovea/ops.h"
#include "saving/files.h"
#include "saving/json_access.h"

// A layer of one's own, made of public headers, in a file.

namespace fovea::testing {
namespace {

/// y = scale * x + shift * memory, whose weights are one that trains, one that does not, and one that does.
class Gate final : public LayerImpl {
 public:
  std::string_view class_name() const override { return "mine>GateUnit"; }
  void fields(FieldVisitor& visitor) override {
    visitor.field("power", power);
    visitor.field("window", window);
    field(visitor, "scale_initializer", scale_initializer);
  }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override { return {inputs[0]}; }
  std::vector<ParameterSpec> parameters(std::span<const Shape> inputs) const override {
    const Shape size{inputs[0][-1]};
    return {{"scale", size, scale_initializer, true, {}},
            {"memory", size, "zeros", false, {}},
            {"shift", size, "zeros", true, {}}};
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    return {ops::multiply(context.graph, inputs[0], context.weight(0))};
  }

  double power = 1;
  Size2 window = 1;
  Initializer scale_initializer = "ones";
};

std::shared_ptr<LayerImpl> make_gate() { return std::make_shared<Gate>(); }

Layer gate(double power, Size2 window) {
  const auto impl = std::make_shared<Gate>();
  impl->power = power;
  impl->window = window;
  impl->scale_initializer = "he_normal";
  return Layer(impl);
}

class OwnLayer : public WithFolder {
 protected:
  OwnLayer() { register_layer("mine>GateUnit", make_gate); }
};

TEST_F(OwnLayer, IsSavedAndLoaded) {
  const Sequential model({Input({3}), gate(2.5, {2, 3}), Dense(2)}, {.name = "gated"});
  std::vector<Tensor> values;
  for (const Variable& weight : model.weights()) {
    values.emplace_back(weight.spec());
    values.back().data<float>()[0] = static_cast<float>(values.size());
  }
  model.set_weights(values);
  model.save(path("gated.keras"));
  const Model loaded = load_model(path("gated.keras"));
  const auto& layer = dynamic_cast<const Gate&>(*loaded.layers()[1].impl());
  EXPECT_EQ(layer.name, "gate_unit");
  EXPECT_EQ(layer.power, 2.5);
  EXPECT_EQ(layer.window, (Size2{2, 3}));
  ASSERT_EQ(layer.weights.size(), 3u);
  for (std::size_t i = 0; i < values.size(); ++i)
    EXPECT_EQ(loaded.get_weights()[i].values<float>()[0], static_cast<float>(i + 1));
  EXPECT_EQ(model_to_json(loaded), model_to_json(model));
}

TEST_F(OwnLayer, IsWrittenAsKerasWritesRegisteredClasses) {
  const Json layer = parse_json(model_to_json(Sequential({Input({3}), gate(2, 1)})))["config"]["layers"][1];
  EXPECT_TRUE(layer["module"].is_null());
  EXPECT_EQ(layer["class_name"], "GateUnit");
  EXPECT_EQ(layer["registered_name"], "mine>GateUnit");
  EXPECT_EQ(layer["config"]["power"], 2.0);
  EXPECT_EQ(layer["build_config"].dump(), R"({"input_shape":[null,3]})");
}

TEST_F(OwnLayer, OptionsThatItDoesNotHaveAreErrors) {
  Json json = parse_json(model_to_json(Sequential({Input({3}), gate(2, 1)})));
  json["config"]["layers"][1]["config"]["speed"] = 3;
  EXPECT_TRUE(contains(error_of([&] { model_from_json(json.dump()); }),
                       "layer 'gate_unit' (GateUnit): there is no option 'speed' in fovea"));
}

}  // namespace
}  // namespace fovea::testing
