#include <gtest/gtest.h>

#include "graph/graph.h"

namespace fovea {
namespace {

/// relu(x), then a pooling of it; the ops in order say where the ReLU went.
struct Net {
  Graph graph;
  Value x = graph.feed("x", {{2, 4, 6, 3}, DType::float32});
  Value pool(Value value, ops::PoolKind kind = ops::PoolKind::max) {
    return ops::pool2d(graph, value, {.kind = kind});
  }
  std::string order(std::vector<Value> kept) {
    sink_relus(graph, kept);
    std::string result;
    for (const Graph::Node& node : graph.nodes()) result += std::string(node.op->class_name()) + " ";
    return result;
  }
};

TEST(SinkRelus, PutsTheReluBehindTheMaxPooling) {
  Net net;
  const Value relu = ops::relu(net.graph, net.x);
  const Value y = net.pool(relu);
  EXPECT_EQ(net.order({y}), "Pool2D Unary ");
  EXPECT_EQ(net.graph.spec(relu).shape, (Shape{2, 2, 3, 3}));
  EXPECT_EQ(net.graph.producer(y)->class_name(), "Unary");
  EXPECT_EQ(net.graph.producer_inputs(y)[0], relu);
  EXPECT_EQ(net.graph.producer_inputs(relu)[0], net.x);
  // The winners are the pooling's.
  const Graph::Node& pooling = net.graph.nodes()[0];
  ASSERT_EQ(pooling.outputs.size(), 2U);
  EXPECT_EQ(net.graph.info(pooling.outputs[1]).index, 0);
  EXPECT_EQ(net.graph.spec(pooling.outputs[1]), (TensorSpec{{2, 2, 3, 3}, DType::uint8}));
}

TEST(SinkRelus, PassesOneMaxPoolingAfterTheOther) {
  Net net;
  const Value y = ops::pool2d(net.graph, net.pool(ops::relu(net.graph, net.x)), {.window = {2, 3}});
  EXPECT_EQ(net.order({y}), "Pool2D Pool2D Unary ");
  EXPECT_EQ(net.graph.spec(y).shape, (Shape{2, 1, 1, 3}));
}

TEST(SinkRelus, LeavesOtherPoolingsAndActivationsAlone) {
  for (const ops::PoolKind kind : {ops::PoolKind::average, ops::PoolKind::min}) {
    Net net;
    EXPECT_EQ(net.order({net.pool(ops::relu(net.graph, net.x), kind)}), "Unary Pool2D ");
  }
  Net leaky, tanh;
  EXPECT_EQ(leaky.order({leaky.pool(ops::unary(leaky.graph, "relu", leaky.x, {.alpha = 0.1}))}),
            "Unary Pool2D ");
  EXPECT_EQ(tanh.order({tanh.pool(ops::unary(tanh.graph, "tanh", tanh.x))}), "Unary Pool2D ");
}

TEST(SinkRelus, LeavesAReluThatOthersRead) {
  Net twice;
  const Value relu = ops::relu(twice.graph, twice.x);
  const Value y = twice.pool(relu);
  EXPECT_EQ(twice.order({y, ops::scale(twice.graph, relu, 2)}), "Unary Pool2D Unary ");
  Net kept;
  const Value outside = ops::relu(kept.graph, kept.x);
  EXPECT_EQ(kept.order({kept.pool(outside), outside}), "Unary Pool2D ");
  Net output;
  const Value handed_out = ops::relu(output.graph, output.x);
  output.graph.add_output(handed_out);
  EXPECT_EQ(output.order({output.pool(handed_out)}), "Unary Pool2D ");
  Net assigned;
  const Value stored = ops::relu(assigned.graph, assigned.x);
  assigned.graph.assign(Variable("v", {{2, 4, 6, 3}, DType::float32}), stored);
  EXPECT_EQ(assigned.order({assigned.pool(stored)}), "Unary Pool2D ");
}

}  // namespace
}  // namespace fovea
