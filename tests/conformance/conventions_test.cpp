#include <gtest/gtest.h>

#include "conformance/layer_cases.h"
#include "support/compare.h"
#include "support/names.h"

// Where a function has a kink or two inputs are equal, a derivative is a convention. These are TensorFlow's,
// as Keras 3.15.1 gives them on a CPU.

namespace fovea::testing {
namespace {

std::vector<double> listed(const Tensor& tensor) {
  std::vector<double> result;
  for (std::int64_t i = 0; i < tensor.size(); ++i) result.push_back(element(tensor, i));
  return result;
}

class Conventions : public ::testing::TestWithParam<const char*> {
 protected:
  const Backend& backend() const { return backend_named(GetParam()); }

  /// The derivative of a layer at `x`, for a gradient of 1.
  std::vector<double> slope(const std::string& class_name, const Json& config,
                            const std::vector<float>& x) const {
    const auto size = static_cast<std::int64_t>(x.size());
    const auto layer = layer_from(class_name, config);
    const Tensor ones = Tensor::of<float>({1, size}, std::vector<float>(x.size(), 1));
    const LayerRun result =
        run_layer(*layer, {Tensor::of<float>({1, size}, x)}, {}, {.output_gradients = {ones}}, backend());
    outputs = listed(result.outputs[0]);
    return listed(result.input_gradients[0]);
  }

  mutable std::vector<double> outputs;  ///< of the last slope()
};

using Numbers = std::vector<double>;

TEST_P(Conventions, ATieOfAMaximumOrMinimumIsTheFirsts) {
  for (const bool largest : {true, false}) {
    Graph graph;
    const Value x = graph.feed("x", {{3}, DType::float32}), y = graph.feed("y", {{3}, DType::float32});
    const Value z = largest ? ops::maximum(graph, x, y) : ops::minimum(graph, x, y);
    const Value sources[] = {x, y};
    const Value target = weighted_sum(graph, z, Tensor::of<float>({3}, {1, 1, 1}));
    for (const Value gradient : gradients(graph, target, sources)) graph.add_output(gradient);
    const Feeds feeds = {{"x", Tensor::of<float>({3}, {1, 2, 0})}, {"y", Tensor::of<float>({3}, {1, 1, 1})}};
    const std::vector<Tensor> got = run(graph, feeds, backend());
    EXPECT_EQ(listed(got[0]), largest ? (Numbers{1, 1, 0}) : (Numbers{1, 0, 1}));
    EXPECT_EQ(listed(got[1]), largest ? (Numbers{0, 0, 1}) : (Numbers{0, 1, 0}));
  }
}

TEST_P(Conventions, EqualExtremesOfAReductionShareTheGradient) {
  Graph graph;
  const Value x = graph.feed("x", {{2, 3}, DType::float32});
  const Value y = ops::reduce(graph, ops::ReduceKind::max, x, {1});
  const Value target = weighted_sum(graph, y, Tensor::of<float>({2}, {1, 1}));
  graph.add_output(gradients(graph, target, {&x, 1})[0]);
  const Tensor got = run(graph, {{"x", Tensor::of<float>({2, 3}, {1, 1, 0, 2, 1, 2})}}, backend())[0];
  EXPECT_EQ(listed(got), (Numbers{0.5, 0.5, 0, 0.5, 0, 0.5}));
}

TEST_P(Conventions, ReLUAtItsThreshold) {
  EXPECT_EQ(slope("ReLU", Json::object(), {-1, 0, 1}), (Numbers{0, 0, 1}));
  EXPECT_EQ(slope("ReLU", {{"negative_slope", 0.5}}, {-1, 0, 1}), (Numbers{0.5, 0.5, 1}));
  EXPECT_EQ(slope("ReLU", {{"threshold", 1}}, {0.5, 1, 2}), (Numbers{0, 0, 1}));
  EXPECT_EQ(outputs, (Numbers{0, 0, 2}));
  EXPECT_EQ(slope("ReLU", {{"max_value", 6}, {"negative_slope", 0.5}}, {-1, 0, 1}), (Numbers{0.5, 0, 1}));
}

TEST_P(Conventions, ReLUAtItsLargestValue) {
  EXPECT_EQ(slope("ReLU", {{"max_value", 3}}, {0, 3, 4}), (Numbers{0, 1, 0}));
  EXPECT_EQ(slope("ReLU", {{"max_value", 6}}, {0, 6, 7}), (Numbers{0, 0, 0}));
  EXPECT_EQ(slope("ReLU", {{"max_value", 6}, {"threshold", 1}}, {1, 6, 7}), (Numbers{0, 1, 0}));
  EXPECT_EQ(slope("Activation", {{"activation", "relu6"}}, {0, 6, 7}), (Numbers{0, 0, 0}));
  // Nothing is larger than 0: the slope is what is left.
  EXPECT_EQ(slope("ReLU", {{"max_value", 0}, {"negative_slope", 0.5}}, {-1, 0, 1}), (Numbers{0.5, 0, 0}));
  EXPECT_EQ(outputs, (Numbers{-0.5, 0, 0}));
  EXPECT_EQ(slope("ReLU", {{"max_value", 0}}, {-1, 0, 1}), (Numbers{0, 0, 0}));
}

TEST_P(Conventions, ActivationsAtZero) {
  EXPECT_EQ(slope("Activation", {{"activation", "celu"}}, {0}), (Numbers{2}));
  EXPECT_EQ(slope("Activation", {{"activation", "elu"}}, {0}), (Numbers{1}));
  EXPECT_NEAR(slope("Activation", {{"activation", "selu"}}, {0})[0], 1.050701, 1e-6);
  EXPECT_NEAR(slope("Activation", {{"activation", "leaky_relu"}}, {0})[0], 0.2, 1e-7);
  EXPECT_EQ(slope("Activation", {{"activation", "hard_sigmoid"}}, {-3, 3}), (Numbers{0, 0}));
  EXPECT_EQ(slope("Activation", {{"activation", "hard_silu"}}, {-3, 3}), (Numbers{0, 1}));
}

INSTANTIATE_TEST_SUITE_P(Backends, Conventions, kBackends,
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace fovea::testing
