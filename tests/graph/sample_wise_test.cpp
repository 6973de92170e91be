#include <gtest/gtest.h>

#include "fovea/ops.h"
#include "graph/graph.h"
#include "ops/matmul.h"

namespace fovea {
namespace {

const TensorSpec kImages{{5, 8, 8, 3}, DType::float32};

/// Is the graph of what `build` makes of a batch of images?
template <class Build>
bool sample_wise(Build&& build) {
  Graph graph;
  graph.add_output(build(graph, graph.feed("x0", kImages)));
  return is_sample_wise(graph);
}

TEST(SampleWise, HoldsForWhatNetsAreMadeOf) {
  EXPECT_TRUE(sample_wise([](Graph& g, Value x) {
    const Value kernel = g.variable(Variable("k", {{3, 3, 3, 4}, DType::float32}));
    Value y = ops::conv2d(g, x, kernel, {.padding = 1});
    y = ops::add(g, y, g.variable(Variable("b", {{4}, DType::float32})));
    y = ops::unary(g, "relu", y);
    y = ops::add(g, y, y);
    y = ops::pool2d(g, y, {});
    y = ops::transpose(g, y, {0, 3, 1, 2});
    y = ops::concatenate(g, std::vector{y, y}, 1);
    y = ops::reshape(g, y, {5, 8 * 16});
    y = ops::matmul(g, y, g.variable(Variable("w", {{128, 6}, DType::float32})));
    return ops::softmax(g, y);
  }));
  EXPECT_TRUE(sample_wise([](Graph& g, Value x) {
    return ops::reduce(g, ops::ReduceKind::mean, x, {1, 2});
  }));
  EXPECT_TRUE(sample_wise([](Graph& g, Value x) {
    const Value rows = ops::reshape(g, ops::take(g, x, 2, {3, 1, 1}), {5, 24, 3});
    return batch_matmul(g, rows, rows, false, true);
  }));
}

TEST(SampleWise, FailsWhereSamplesMeet) {
  EXPECT_FALSE(sample_wise([](Graph& g, Value x) {
    return ops::subtract(g, x, ops::reduce(g, ops::ReduceKind::mean, x, {0}, true));
  }));
  EXPECT_FALSE(sample_wise([](Graph& g, Value x) { return ops::reduce(g, ops::ReduceKind::sum, x, {0}); }));
  EXPECT_FALSE(sample_wise([](Graph& g, Value x) { return ops::transpose(g, x, {1, 0, 2, 3}); }));
  EXPECT_FALSE(sample_wise([](Graph& g, Value x) { return ops::concatenate(g, std::vector{x, x}, 0); }));
  EXPECT_FALSE(sample_wise([](Graph& g, Value x) { return ops::take(g, x, 0, {4, 3, 2, 1, 0}); }));
  EXPECT_FALSE(sample_wise([](Graph& g, Value x) {
    const Value rows = ops::reshape(g, x, {5, 8, 24});
    return batch_matmul(g, rows, g.constant(Tensor({5, 24, 2})));
  }));
  EXPECT_FALSE(sample_wise([](Graph& g, Value x) { return ops::reshape(g, x, {10, 8, 4, 3}); }));
  EXPECT_FALSE(sample_wise([](Graph& g, Value x) {
    const Value rows = ops::reshape(g, x, {5, 192});
    return ops::matmul(g, rows, rows, false, true);
  }));
  // Another number for each sample.
  EXPECT_FALSE(sample_wise([](Graph& g, Value x) {
    return ops::add(g, x, g.constant(Tensor({5, 1, 1, 1})));
  }));
  EXPECT_TRUE(sample_wise([](Graph& g, Value x) {
    return ops::add(g, x, g.constant(Tensor({1, 8, 8, 3})));
  }));
}

TEST(SampleWise, FailsForOtherFeedsOutputsAndAssignments) {
  Graph random;
  const Value x = random.feed("x0", kImages);
  random.add_output(ops::unary(random, "relu", x));
  EXPECT_TRUE(is_sample_wise(random));
  random.feed("random_state", {{2}, DType::int64});
  EXPECT_FALSE(is_sample_wise(random));

  Graph constant;
  constant.feed("x0", kImages);
  constant.add_output(constant.constant(Tensor({5, 1})));
  EXPECT_FALSE(is_sample_wise(constant));

  Graph assigning;
  assigning.add_output(ops::unary(assigning, "relu", assigning.feed("x0", kImages)));
  assigning.assign(Variable("v", {{2}, DType::float32}), assigning.constant(Tensor({2})));
  EXPECT_FALSE(is_sample_wise(assigning));
}

}  // namespace
}  // namespace fovea
