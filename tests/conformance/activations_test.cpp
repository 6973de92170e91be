#include "layers/activations.h"

#include <gtest/gtest.h>

#include "conformance/run_graph.h"
#include "fovea/ops.h"
#include "support/compare.h"

namespace fovea::testing {
namespace {

struct Flat {
  std::string_view activation;
  float x;  ///< where the activation does not change
};

/// The gradient by x of 0.7 * x + scale * activation(x), with one of both terms emitted first.
float gradient_beside_another_use(const Flat& flat, double scale, bool steep_first, const Backend& backend) {
  Graph graph;
  const Value x = graph.feed("x", {{1}, DType::float32});
  const Value before = ops::scale(graph, x, 0.7);
  const Value steep = ops::scale(graph, lower_activation(graph, flat.activation, x), scale);
  const Value sum = ops::add(graph, steep, steep_first ? ops::scale(graph, x, 0.7) : before);
  const Value scalar = weighted_sum(graph, sum, Tensor::of<float>({1}, {1}));
  graph.add_output(gradients(graph, scalar, std::vector<Value>{x})[0]);
  return run(graph, {{"x", Tensor::of<float>({1}, {flat.x})}}, backend)[0].data<float>()[0];
}

TEST(Activations, LeaveNoGradientWhereTheyAreFlat) {
  const Flat cases[] = {{"relu", -0.3F},         {"relu6", 7.0F},       {"soft_shrink", 0.3F},
                        {"soft_shrink", -0.3F},  {"hard_shrink", 0.3F}, {"hard_tanh", 1.5F},
                        {"hard_sigmoid", 4.0F},  {"hard_silu", -4.0F},  {"sparse_plus", -2.0F},
                        {"sparse_sigmoid", 2.0F}};
  for (const Flat& flat : cases) {
    for (const std::string_view backend : {"reference", "cpu"}) {
      for (const bool steep_first : {false, true}) {
        EXPECT_EQ(gradient_beside_another_use(flat, 1e7 / 3, steep_first, backend_named(backend)), 0.7F)
            << flat.activation << " at " << flat.x << " on " << backend;
      }
    }
  }
}

}  // namespace
}  // namespace fovea::testing
