#include <gtest/gtest.h>

#include "conformance/run_graph.h"
#include "support/random.h"

// Programs before and after fold_affines, in double: no more than rounding may lie between them.

namespace fovea::testing {
namespace {

struct Net {
  Graph graph;

  Variable variable(const char* name, const Shape& shape) {
    Variable result(name, {shape, DType::float64});
    result.assign(random_normal(shape, name, DType::float64));
    return result;
  }
  Value weights(const char* name, const Shape& shape) { return graph.variable(variable(name, shape)); }

  /// What a BatchNormalization that infers is made of.
  Value normalised(Value x, std::int64_t filters) {
    Variable variance("variance", {{filters}, DType::float64});
    variance.assign(Tensor::of<double>({filters}, {0.5, 2.0, 1.25, 0.75}));
    const Value factor =
        ops::multiply(graph, weights("gamma", {filters}),
                      ops::unary(graph, "rsqrt", ops::scale(graph, graph.variable(variance), 1, 1e-3)));
    const Value offset = ops::subtract(graph, weights("beta", {filters}),
                                       ops::multiply(graph, weights("mean", {filters}), factor));
    return ops::add(graph, ops::multiply(graph, x, factor), offset);
  }

  void expect_same(Value output, const Feeds& feeds) {
    graph.add_output(output);
    const Graph folded = fold_affines(graph);
    std::size_t products = 0;
    for (const Graph::Node& node : folded.nodes()) {
      // No op on a whole map but the product, one addition and the ReLU.
      const bool whole = folded.spec(node.outputs[0]).shape == graph.spec(output).shape;
      products += whole ? 1 : 0;
    }
    EXPECT_EQ(products, 3U);
    const Tensor before = run(graph, feeds, reference_backend())[0];
    const Tensor after = run(folded, feeds, reference_backend())[0];
    for (std::int64_t i = 0; i < before.size(); ++i)
      ASSERT_NEAR(before.data<double>()[i], after.data<double>()[i], 1e-13) << i;
  }
};

TEST(FoldAffines, ConvolutionBiasAndNormalisation) {
  Net net;
  const Value x = net.graph.feed("x", {{2, 5, 6, 3}, DType::float64});
  const Value conv =
      ops::conv2d(net.graph, x, net.weights("kernel", {3, 2, 3, 4}), {.strides = {1, 2}, .padding = 1});
  const Value biased = ops::add(net.graph, conv, net.weights("bias", {4}));
  net.expect_same(ops::relu(net.graph, net.normalised(biased, 4)),
                  {{"x", random_normal({2, 5, 6, 3}, "x", DType::float64)}});
}

TEST(FoldAffines, DepthwiseConvolutions) {
  Net net;
  const Value x = net.graph.feed("x", {{2, 5, 6, 2}, DType::float64});
  const Value conv = ops::depthwise_conv2d(net.graph, x, net.weights("kernel", {3, 3, 2, 2}));
  net.expect_same(ops::relu(net.graph, net.normalised(conv, 4)),
                  {{"x", random_normal({2, 5, 6, 2}, "x", DType::float64)}});
}

TEST(FoldAffines, MatrixProducts) {
  for (const bool transposed : {false, true}) {
    Net net;
    const Value x = net.graph.feed("x", {{3, 5}, DType::float64});
    const Value w = net.weights("kernel", transposed ? Shape{4, 5} : Shape{5, 4});
    const Value product = ops::matmul(net.graph, x, w, false, transposed);
    net.expect_same(ops::relu(net.graph, net.normalised(net.normalised(product, 4), 4)),
                    {{"x", random_normal({3, 5}, "x", DType::float64)}});
  }
}

}  // namespace
}  // namespace fovea::testing
