#include <gtest/gtest.h>

#include "fovea/error.h"
#include "graph/graph.h"

namespace fovea {
namespace {

TEST(Graph, FeedOfOneNameIsOneValue) {
  Graph graph;
  const Value x = graph.feed("x", {{2}, DType::float32});
  EXPECT_EQ(graph.feed("x", {{2}, DType::float32}), x);
  EXPECT_THROW(graph.feed("x", {{3}, DType::float32}), Error);
}

TEST(Graph, SpecOutlivesLaterOps) {
  Graph graph;
  const Value x = graph.feed("x", {{2, 3}, DType::float32});
  const TensorSpec& spec = graph.spec(x);
  Value y = x;
  for (int i = 0; i < 1000; ++i) y = ops::scale(graph, y, 2);
  EXPECT_EQ(&spec, &graph.spec(x));
  EXPECT_EQ(spec.shape.str(), "(2, 3)");
}

TEST(Graph, RefusesTwoAssignmentsOfOneVariable) {
  Graph graph;
  const Variable v("v", {{2}, DType::float32});
  graph.assign(v, graph.feed("x", {{2}, DType::float32}));
  EXPECT_THROW(graph.assign(v, graph.feed("y", {{2}, DType::float32})), Error);
  EXPECT_THROW(graph.assign(Variable("w", {{3}, DType::float32}), graph.feed("x", {{2}, DType::float32})),
               Error);
}

TEST(Gradients, SourceWithoutInfluenceHasNone) {
  Graph graph;
  const Value x = graph.feed("x", {{2}, DType::float64});
  const Value y = graph.feed("y", {{2}, DType::float64});
  const Value loss =
      ops::reduce(graph, ops::ReduceKind::sum, ops::stop_gradient(graph, ops::multiply(graph, x, y)), {0});
  const Value through = ops::reduce(graph, ops::ReduceKind::sum, x, {0});
  const Value sources[] = {x, y};
  EXPECT_FALSE(gradients(graph, loss, sources)[0]);
  const std::vector<Value> found = gradients(graph, through, sources);
  EXPECT_TRUE(found[0]);
  EXPECT_FALSE(found[1]);
}

TEST(Gradients, TargetMustBeAScalar) {
  Graph graph;
  const Value x = graph.feed("x", {{2}, DType::float32});
  EXPECT_THROW(gradients(graph, x, {&x, 1}), Error);
}

}  // namespace
}  // namespace fovea
