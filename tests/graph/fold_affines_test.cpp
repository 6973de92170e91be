#include <gtest/gtest.h>

#include "graph/graph.h"

namespace fovea {
namespace {

const TensorSpec kFilters{{4}, DType::float32};

/// A convolution and what follows it; the ops in order say what became of them.
struct Net {
  Graph graph;
  Value x = graph.feed("x", {{2, 5, 5, 3}, DType::float32});
  Value kernel = graph.variable(Variable("kernel", {{3, 3, 3, 4}, DType::float32}));
  Value conv = ops::conv2d(graph, x, kernel);
  Value filters(const char* name) { return graph.variable(Variable(name, kFilters)); }
  std::string folded(Value output) {
    graph.add_output(output);
    const Graph result = fold_affines(graph);
    EXPECT_EQ(result.spec(result.outputs()[0]), graph.spec(output));
    std::string order;
    for (const Graph::Node& node : result.nodes()) order += std::string(node.op->class_name()) + " ";
    return order;
  }
};

TEST(FoldAffines, TakesFactorsAndOffsetsIntoTheWeights) {
  Net net;
  const Value biased = ops::add(net.graph, net.conv, net.filters("bias"));
  const Value y =
      ops::add(net.graph, ops::multiply(net.graph, biased, net.filters("factor")), net.filters("offset"));
  // The bias times the factor, plus the offset; the kernel times the factor.
  EXPECT_EQ(net.folded(y), "Binary Binary Binary Conv2D Binary ");
}

TEST(FoldAffines, GoesOnAfterItInTheSameOrder) {
  Net net;
  const Value y = ops::relu(net.graph, ops::multiply(net.graph, net.filters("factor"), net.conv));
  EXPECT_EQ(net.folded(y), "Binary Conv2D Unary ");
}

TEST(FoldAffines, FoldsInFloat32WhatIsRoundedOnTheWay) {
  Graph graph;
  const auto rounded = [&](Value value) { return ops::cast(graph, value, DType::bfloat16); };
  const Value x = graph.feed("x", {{2, 5, 5, 3}, DType::bfloat16});
  const Value kernel = rounded(graph.variable(Variable("kernel", {{3, 3, 3, 4}, DType::float32})));
  const Value bias = rounded(graph.variable(Variable("bias", kFilters)));
  Value y = ops::cast(graph, ops::add(graph, ops::conv2d(graph, x, kernel), bias), DType::float32);
  y = ops::multiply(graph, y, graph.variable(Variable("factor", kFilters)));
  y = rounded(ops::add(graph, y, graph.variable(Variable("offset", kFilters))));
  graph.add_output(y);
  const Graph result = fold_affines(graph);
  EXPECT_EQ(result.spec(result.outputs()[0]), graph.spec(y));
  std::string order;
  for (const Graph::Node& node : result.nodes()) order += std::string(node.op->class_name()) + " ";
  // The casts of kernel and bias, which nobody reads any more; then what is folded, and its casts.
  EXPECT_EQ(order, "Cast Cast Binary Binary Binary Cast Cast Conv2D Binary ");
}

TEST(FoldAffines, LeavesABiasAlone) {
  Net net;
  EXPECT_EQ(net.folded(ops::add(net.graph, net.conv, net.filters("bias"))), "Conv2D Binary ");
}

TEST(FoldAffines, LeavesWhatIsReadTwice) {
  Net net;
  const Value scaled = ops::multiply(net.graph, net.conv, net.filters("factor"));
  EXPECT_EQ(net.folded(ops::add(net.graph, scaled, net.conv)), "Conv2D Binary Binary ");
}

TEST(FoldAffines, LeavesFactorsThatDependOnTheInput) {
  Net net;
  const Value gate = net.graph.feed("gate", kFilters);
  EXPECT_EQ(net.folded(ops::multiply(net.graph, net.conv, gate)), "Conv2D Binary ");
}

TEST(FoldAffines, LeavesFactorsThatAreNotOneAFilter) {
  Net net;
  const Value image = net.graph.variable(Variable("image", {{3, 3, 1}, DType::float32}));
  EXPECT_EQ(net.folded(ops::multiply(net.graph, net.conv, image)), "Conv2D Binary ");
}

TEST(FoldAffines, KeepsFeedsOutputsAndAssignments) {
  Net net;
  const Variable moved("moved", kFilters);
  const Value unread = net.graph.feed("unread", kFilters);
  net.graph.assign(moved, unread);
  net.graph.add_output(unread);
  net.graph.add_output(net.conv);
  const Graph result = fold_affines(net.graph);
  ASSERT_EQ(result.assignments().size(), 1U);
  EXPECT_EQ(result.assignments()[0].variable, moved);
  ASSERT_EQ(result.outputs().size(), 2U);
  EXPECT_EQ(result.spec(result.outputs()[1]).shape, (Shape{2, 3, 3, 4}));
  EXPECT_EQ(result.feeds().size(), 2U);
}

}  // namespace
}  // namespace fovea
