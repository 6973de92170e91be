#include <gtest/gtest.h>

#include "graph/graph.h"
#include "ops/pool2d.h"

namespace fovea {
namespace {

/// relu(pool(x)) and the gradient of the sum of its squares by x.
struct Net {
  explicit Net(ops::PoolKind kind = ops::PoolKind::max, Size2 window = 2) {
    pooled = ops::pool2d(graph, x, {.kind = kind, .window = window});
    relu = ops::relu(graph, pooled);
    loss = ops::reduce(graph, ops::ReduceKind::sum, ops::multiply(graph, relu, relu), {0, 1, 2, 3});
  }
  void differentiate() {
    gradient = gradients(graph, loss, {&x, 1})[0];
    graph.add_output(gradient);
  }
  bool marks() const { return dynamic_cast<const Pool2DOp*>(graph.producer(pooled))->marks_dead; }
  /// The op that makes what the pooling's gradient reads.
  std::string before_gradient() const {
    return std::string(graph.producer(graph.producer_inputs(gradient)[0])->class_name());
  }

  Graph graph;
  Value x = graph.feed("x", {{2, 32, 34, 3}, DType::float32});
  Value pooled, relu, loss, gradient;
};

TEST(MarkDeadWindows, TheSlopeIsGone) {
  Net net;
  net.differentiate();
  EXPECT_EQ(net.before_gradient(), "UnaryBackward");
  mark_dead_windows(net.graph);
  EXPECT_TRUE(net.marks());
  EXPECT_NE(net.before_gradient(), "UnaryBackward");
}

TEST(MarkDeadWindows, OnlyWhereTheWinnersCanSayIt) {
  Net large(ops::PoolKind::max, 16);
  large.differentiate();
  mark_dead_windows(large.graph);
  EXPECT_FALSE(large.marks()) << "256 elements";

  Net average(ops::PoolKind::average);
  average.differentiate();
  mark_dead_windows(average.graph);
  EXPECT_FALSE(average.marks());

  // A second gradient comes to the pooling beside the ReLU's.
  Net beside;
  beside.loss = ops::add(beside.graph, beside.loss,
                         ops::reduce(beside.graph, ops::ReduceKind::sum, beside.pooled, {0, 1, 2, 3}));
  beside.differentiate();
  mark_dead_windows(beside.graph);
  EXPECT_FALSE(beside.marks());

  Net winners;
  winners.differentiate();
  winners.graph.add_output(winners.graph.producer_inputs(winners.gradient)[1]);
  mark_dead_windows(winners.graph);
  EXPECT_FALSE(winners.marks()) << "they are handed out";
}

}  // namespace
}  // namespace fovea
