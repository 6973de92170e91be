#include <gtest/gtest.h>

#include "fovea/error.h"
#include "graph/graph.h"
#include "ops/conv2d.h"
#include "ops/depthwise_conv2d.h"

namespace fovea {
namespace {

struct Net {
  Graph graph;
  Value x = graph.feed("x", {{2, 7, 9, 3}, DType::float32});
  Value kernel = graph.feed("kernel", {{3, 3, 3, 4}, DType::float32});
};

template <class ConvolutionOp>
const ConvolutionOp& op_of(const Graph& graph, Value value) {
  return dynamic_cast<const ConvolutionOp&>(*graph.producer(value));
}

TEST(FoldPaddings, AddsThemToTheConvolutions) {
  Net net;
  const Value padded = ops::zero_padding2d(net.graph, net.x, {1, 2, 3, 4});
  const Value conv = ops::conv2d(net.graph, padded, net.kernel, {.strides = 2, .padding = {0, 1, 0, 0}});
  const TensorSpec spec = net.graph.spec(conv);
  fold_paddings(net.graph);
  EXPECT_EQ(net.graph.producer_inputs(conv)[0], net.x);
  EXPECT_EQ(op_of<Conv2DOp>(net.graph, conv).attributes.padding, (Padding2{1, 3, 3, 4}));
  EXPECT_EQ(op_of<Conv2DOp>(net.graph, conv).attributes.strides, Size2(2));
  EXPECT_EQ(net.graph.spec(conv), spec);
}

TEST(FoldPaddings, DepthwiseConvolutionsToo) {
  Net net;
  const Value padded = ops::zero_padding2d(net.graph, net.x, {0, 1, 0, 1});
  const Value conv = ops::depthwise_conv2d(net.graph, padded, net.kernel, {.strides = 2});
  fold_paddings(net.graph);
  EXPECT_EQ(net.graph.producer_inputs(conv)[0], net.x);
  EXPECT_EQ(op_of<DepthwiseConv2DOp>(net.graph, conv).attributes.padding, (Padding2{0, 1, 0, 1}));
}

TEST(FoldPaddings, LeaveOtherReadersWhatTheyRead) {
  Net net;
  const Value padded = ops::zero_padding2d(net.graph, net.x, {1, 1, 0, 0});
  const Value conv = ops::conv2d(net.graph, padded, net.kernel);
  const Value pool = ops::pool2d(net.graph, padded, {});
  fold_paddings(net.graph);
  EXPECT_EQ(net.graph.producer_inputs(conv)[0], net.x);
  EXPECT_EQ(net.graph.producer_inputs(pool)[0], padded);
}

TEST(Graph, ReplacesANodeByOneOfTheSameResults) {
  Net net;
  const Value conv = ops::conv2d(net.graph, net.x, net.kernel);
  EXPECT_THROW(net.graph.replace_node(0, std::make_shared<Conv2DOp>(ops::Conv2DAttributes{.padding = 1}),
                                      {net.x, net.kernel}),
               Error);
  const Value other = net.graph.feed("other", net.graph.spec(net.x));
  net.graph.replace_node(0, std::make_shared<Conv2DOp>(ops::Conv2DAttributes{}), {other, net.kernel});
  EXPECT_EQ(net.graph.producer_inputs(conv)[0], other);
}

}  // namespace
}  // namespace fovea
