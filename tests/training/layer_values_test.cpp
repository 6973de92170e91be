#include "training/layer_values.h"

#include <gtest/gtest.h>

#include <cmath>

#include "fovea/error.h"
#include "support/errors.h"
#include "training/models.h"

namespace fovea {
namespace {

using test::random_tensor;

std::vector<std::string> names(const std::vector<NamedValue>& values) {
  std::vector<std::string> result;
  for (const NamedValue& value : values) result.push_back(value.name);
  return result;
}

double largest_difference(const Tensor& a, const Tensor& b) {
  EXPECT_EQ(a.shape(), b.shape());
  const auto x = a.values<float>(), y = b.values<float>();
  double result = 0;
  for (std::size_t i = 0; i < x.size(); ++i)
    result = std::max(result, std::abs(static_cast<double>(x[i]) - static_cast<double>(y[i])));
  return result;
}

/// Weights that a new model has as 0 or 1 get other values, so that each of them counts.
void scatter_weights(const Model& model) {
  std::uint32_t seed = 3;
  for (Variable weight : model.weights()) {
    Tensor value = random_tensor(weight.spec().shape, seed++);
    for (std::int64_t i = 0; i < value.size(); ++i)
      value.data<float>()[i] = 0.75F + 0.25F * value.data<float>()[i];
    if (weight.spec().shape.rank() == 1) weight.assign(value);
  }
}

TEST(LayerValues, EveryCallOfEveryLayerInTheOrderOfExecution) {
  const SymbolicTensor a = Input({3}, {.name = "a"}), b = Input({3}, {.name = "b"});
  const Layer shared = Dense(3, {.name = "shared"});
  const SymbolicTensor inner = Input({3}, {.name = "inner"});
  const Model base({inner}, {Dense(2, {.name = "one"})(inner), Dense(2, {.name = "two"})(inner)},
                   {.name = "base"});
  const auto first = base.call({shared(a)}), second = base.call({shared(b)});
  const Model model({a, b}, {Add({.name = "sum"})({first[0], second[1]}), first[1]});
  const std::vector<Tensor> inputs = {random_tensor({4, 3}, 1), random_tensor({4, 3}, 2)};
  const auto values = layer_outputs(model, inputs, Computation::optimised);
  EXPECT_EQ(names(values),
            (std::vector<std::string>{"shared", "base/one", "base/two", "base", "base[1]", "shared:1",
                                      "base:1/one", "base:1/two", "base:1", "base:1[1]", "sum"}));
  EXPECT_EQ(values[0].class_name, "Dense");
  EXPECT_EQ(values[3].class_name, "Functional");
  const std::vector<Tensor> predictions = model.predict_all(inputs);
  EXPECT_TRUE(test::same_bits({values[10].value, values[4].value}, predictions));
  EXPECT_TRUE(test::same_bits({values[8].value}, {base.predict_all({values[5].value})[0]}));
}

TEST(LayerValues, OptimisedTheyAreThoseOfThePredictionAndCloseToTheReference) {
  const Model model = test::convnet();
  scatter_weights(model);
  // More than run together, so that the batch runs in parts.
  for (const std::int64_t samples : {3, 300}) {
    const std::vector<Tensor> inputs = {random_tensor({samples, 9, 11, 3})};
    const auto ours = layer_outputs(model, inputs, Computation::optimised);
    const auto reference = layer_outputs(model, inputs, Computation::reference);
    EXPECT_EQ(names(ours), names(reference));
    EXPECT_EQ(ours.size(), 9u);
    for (std::size_t i = 0; i < ours.size(); ++i)
      EXPECT_LT(largest_difference(ours[i].value, reference[i].value), 1e-4) << ours[i].name;
    EXPECT_LT(largest_difference(ours.back().value, model.predict(inputs[0], {.batch_size = samples})), 1e-6);
  }
}

/// By differences, in double.
TEST(LayerValues, GradientsAreThoseOfTheWeightedSum) {
  set_floatx(DType::float64);
  const SymbolicTensor x = Input({4, 4, 2}, {.name = "x"});
  const SymbolicTensor y = BatchNormalization({.name = "norm"})(Conv2D(3, 2, {.name = "conv"})(x));
  const Model model({x}, {Dense(2, {.name = "a"})(Flatten()(Activation("tanh")(y))),
                          GlobalAveragePooling2D({.name = "b"})(y)});
  set_floatx(DType::float32);
  std::vector<Tensor> inputs = {random_tensor({2, 4, 4, 2}, 5).astype(DType::float64)};
  const std::vector<Tensor> factors = {random_tensor({2, 2}, 6), random_tensor({2, 3}, 7)};
  const auto sum = [&] {
    const std::vector<Tensor> outputs = model.predict_all(inputs);
    double result = 0;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      for (std::int64_t k = 0; k < outputs[i].size(); ++k)
        result += outputs[i].data<double>()[k] * static_cast<double>(factors[i].data<float>()[k]);
    }
    return result;
  };
  const auto gradients = output_gradients(model, inputs, factors, Computation::optimised);
  ASSERT_EQ(names(gradients), (std::vector<std::string>{"conv/kernel", "conv/bias", "norm/gamma", "norm/beta",
                                                        "a/kernel", "a/bias", "x"}));
  std::vector<Variable> weights = model.trainable_weights();
  constexpr double kStep = 1e-5;
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    Tensor place = i < weights.size() ? weights[i].value() : inputs[0];
    const auto moved = [&](std::int64_t k, double by) {
      const double before = place.data<double>()[k];
      place.data<double>()[k] = before + by;
      if (i < weights.size()) weights[i].touch();
      const double result = sum();
      place.data<double>()[k] = before;
      if (i < weights.size()) weights[i].touch();
      return result;
    };
    for (const std::int64_t k : {std::int64_t{0}, place.size() - 1}) {
      const double expected = (moved(k, kStep) - moved(k, -kStep)) / (2 * kStep);
      EXPECT_NEAR(gradients[i].value.data<double>()[k], expected, 1e-8) << gradients[i].name << " " << k;
    }
  }
}

TEST(LayerValues, GradientsOptimisedAreCloseToTheReference) {
  const Model model = test::convnet();
  scatter_weights(model);
  const std::vector<Tensor> inputs = {random_tensor({5, 9, 11, 3})}, factors = {random_tensor({5, 3}, 8)};
  const auto ours = output_gradients(model, inputs, factors, Computation::optimised);
  const auto reference = output_gradients(model, inputs, factors, Computation::reference);
  ASSERT_EQ(names(ours), names(reference));
  EXPECT_EQ(ours.back().name, model.inputs()[0].call()->layer->name);
  for (std::size_t i = 0; i < ours.size(); ++i) {
    double largest = 0;
    for (const float value : reference[i].value.values<float>())
      largest = std::max(largest, std::abs(double{value}));
    EXPECT_GT(largest, 0) << ours[i].name;
    EXPECT_LT(largest_difference(ours[i].value, reference[i].value), 1e-4 * largest) << ours[i].name;
  }
}

TEST(LayerValues, WhatNothingDependsOnHasAGradientOfZeros) {
  const SymbolicTensor a = Input({2}, {.name = "a"}), b = Input({2}, {.name = "b"});
  const Model model({a, b}, {Dense(1, {.name = "last"})(b)});
  const auto gradients = output_gradients(model, {random_tensor({1, 2}), random_tensor({1, 2})},
                                          {Tensor::of<float>({1, 1}, {2})}, Computation::optimised);
  ASSERT_EQ(names(gradients), (std::vector<std::string>{"last/kernel", "last/bias", "a", "b"}));
  EXPECT_EQ(gradients[2].value.values<float>()[1], 0);
  EXPECT_EQ(gradients[1].value.values<float>()[0], 2);
  EXPECT_NE(gradients[3].value.values<float>()[0], 0);
}

TEST(LayerValues, WhatDoesNotFitIsAnError) {
  const Model model = test::line_model();
  EXPECT_NE(error_of([&] {
              layer_outputs(model, {Tensor({2, 3})}, Computation::reference);
            }).find("takes samples of shape (1,). Received: (3,)"),
            std::string::npos);
  EXPECT_NE(error_of([&] { layer_outputs(model, {}, Computation::optimised); }).find("has 1 inputs"),
            std::string::npos);
  EXPECT_NE(error_of([&] {
              output_gradients(model, {Tensor({2, 1})}, {Tensor({3, 1})}, Computation::optimised);
            }).find("factors of shape (2, 1) for output 0"),
            std::string::npos);
}

}  // namespace
}  // namespace fovea
