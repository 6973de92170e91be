#include <gtest/gtest.h>

#include "fovea/model.h"

// What `[layer.name for layer in model.layers]` is in Keras 3.15 for the same models.

namespace fovea {
namespace {

using Names = std::vector<std::string>;

Names names(const Model& model) {
  Names result;
  for (const Layer& layer : model.layers()) result.push_back(layer.name());
  return result;
}

SymbolicTensor image(const std::string& name) { return Input({4, 4, 2}, {.name = name}); }
Layer conv(const std::string& name) { return Conv2D(2, 1, {.name = name}); }

TEST(LayerOrder, TheLayersFurthestFromTheOutputComeFirst) {
  const SymbolicTensor img = image("img");
  const SymbolicTensor b = conv("b")(conv("a")(img)), c = conv("c")(img);
  EXPECT_EQ(names(Model({img}, {Add({.name = "add"})({c, b})})), (Names{"img", "a", "c", "b", "add"}));
}

TEST(LayerOrder, ASharedLayerStandsWhereItsDeepestCallIs) {
  const SymbolicTensor img = image("img");
  const Layer s = conv("s");
  const SymbolicTensor long_way = s(conv("q")(s(img)));
  EXPECT_EQ(names(Model({img}, {Add({.name = "add"})({conv("p")(img), long_way})})),
            (Names{"img", "s", "q", "p", "add"}));
}

TEST(LayerOrder, OutputsAndInputsInTheirOrderAnUnusedInputAtTheEnd) {
  const SymbolicTensor x = image("x"), y = image("y"), u = Input({3}, {.name = "u"});
  const SymbolicTensor h = conv("h")(conv("a")(x));
  const SymbolicTensor g = conv("g")(conv("f")(conv("e")(y)));
  EXPECT_EQ(names(Model({u, x, y}, {h, g})), (Names{"y", "x", "e", "a", "f", "u", "h", "g"}));
  EXPECT_EQ(names(Model({y, x, u}, {g, h})), (Names{"y", "e", "x", "f", "a", "u", "g", "h"}));
}

TEST(LayerOrder, BranchesOfDifferentLength) {
  const SymbolicTensor img = image("img");
  const SymbolicTensor t = conv("t")(img);
  const SymbolicTensor b1 = conv("b1")(t);
  const SymbolicTensor b2 = conv("b2b")(conv("b2a")(t));
  const SymbolicTensor b3 = conv("b3c")(conv("b3b")(conv("b3a")(t)));
  const SymbolicTensor merged = Concatenate({.name = "cat"})({b3, b1, b2});
  EXPECT_EQ(names(Model({img}, {Flatten({.name = "fl"})(merged)})),
            (Names{"img", "t", "b3a", "b3b", "b2a", "b3c", "b1", "b2b", "cat", "fl"}));
}

TEST(LayerOrder, AutomaticNamesCountCallsAsTheyWereMade) {
  const SymbolicTensor img = image("img");
  const SymbolicTensor a = Conv2D(1, 1)(img), b = Conv2D(1, 1)(a), c = Conv2D(1, 1)(img);
  const Model model({img}, {Add()({c, b})});
  EXPECT_EQ(a.call()->layer->name, "conv2d");
  EXPECT_EQ(b.call()->layer->name, "conv2d_1");
  EXPECT_EQ(c.call()->layer->name, "conv2d_2");
  EXPECT_EQ(names(model), (Names{"img", "conv2d", "conv2d_2", "conv2d_1", "add"}));
}

}  // namespace
}  // namespace fovea
