#include <gtest/gtest.h>

#include "fovea/model.h"

// Freezing as Keras has it: a model hands its flag on to its layers, and what trains is decided by the flags
// of the layers and by that of the model that is trained.

namespace fovea {
namespace {

struct Nested {
  Dense d1{3, {.name = "d1"}}, d2{3, {.name = "d2"}}, head{1, {.name = "head"}};
  Sequential base{{Input({3}), d1, BatchNormalization({.name = "bn"}), d2}, {.name = "base"}};
  Sequential model{Input({3}), base, head};
};

std::vector<std::size_t> sizes(const std::vector<Variable>& variables) {
  std::vector<std::size_t> result;
  for (const Variable& variable : variables)
    result.push_back(static_cast<std::size_t>(variable.spec().shape.elements()));
  return result;
}
using Sizes = std::vector<std::size_t>;

TEST(Trainable, AModelHandsItsFlagOnToItsLayers) {
  const Nested nested;
  nested.base.set_trainable(false);
  for (const Layer& layer : nested.base.layers()) EXPECT_FALSE(layer.trainable()) << layer.name();
  EXPECT_EQ(sizes(nested.model.trainable_weights()), (Sizes{3, 1}));
  nested.base.set_trainable(true);
  EXPECT_EQ(sizes(nested.model.trainable_weights()), (Sizes{9, 3, 3, 3, 9, 3, 3, 1}));
}

TEST(Trainable, ALayerThawedInAFrozenModelTrains) {
  const Nested nested;
  nested.base.set_trainable(false);
  nested.d1.set_trainable(true);
  EXPECT_EQ(sizes(nested.model.trainable_weights()), (Sizes{9, 3, 3, 1}));
  EXPECT_TRUE(nested.base.trainable_weights().empty());
}

TEST(Trainable, NothingOfAFrozenModelTrainsWhateverItsLayersSay) {
  const Nested nested;
  nested.model.set_trainable(false);
  nested.head.set_trainable(true);
  EXPECT_TRUE(nested.model.trainable_weights().empty());
}

TEST(Trainable, AWeightInTwoNestedModelsCountsOnce) {
  const Layer shared = Dense(3, {.name = "shared"});
  const Sequential a({Input({3}), shared}, {.name = "a"}), b({Input({3}), shared}, {.name = "b"});
  const SymbolicTensor x = Input({3});
  const Model model({x}, {a(x), b(x)});
  EXPECT_EQ(sizes(model.weights()), (Sizes{9, 3}));
  EXPECT_EQ(sizes(model.trainable_weights()), (Sizes{9, 3}));
}

}  // namespace
}  // namespace fovea
