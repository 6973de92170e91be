#include "plan/program.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "fovea/ops.h"
#include "ops/optimizer_update.h"

namespace fovea {
namespace {

std::vector<float> run_once(const Program& program, const std::vector<Tensor>& feeds) {
  ThreadPool threads(1);
  const ContextPtr context = program.new_context();
  std::vector<const void*> pointers;
  for (const Tensor& feed : feeds) pointers.push_back(feed.raw());
  Tensor result(program.output_specs()[0]);
  std::vector<void*> outputs(program.output_specs().size());
  outputs[0] = result.raw();
  program.run(*context, pointers.data(), outputs.data(), threads);
  const auto values = result.values<float>();
  return {values.begin(), values.end()};
}

TEST(Program, ComputesAChainAndReusesMemory) {
  Graph graph;
  Value x = graph.feed("x", {{1000}, DType::float32});
  Value y = x;
  for (int i = 0; i < 20; ++i) y = ops::scale(graph, y, 2, 1);
  graph.add_output(y);
  const auto program = make_program(graph, reference_backend());
  const std::vector<float> result = run_once(*program, {Tensor({1000})});
  EXPECT_EQ(result[999], 1048575.0F);
  EXPECT_LE(program->arena_bytes(), 8 * 4096);  // of 21 values: two in turn, four inside a region
}

TEST(Program, ReadsTheOldValueOfAnAssignedVariable) {
  Variable v("v", {{2}, DType::float32});
  v.assign(Tensor::of<float>({2}, {1, 2}));
  const std::uint64_t version = v.version();
  Graph graph;
  const Value old = graph.variable(v);
  graph.assign(v, ops::scale(graph, old, 10));
  graph.add_output(old);
  const auto program = make_program(graph, reference_backend());
  EXPECT_EQ(run_once(*program, {}), (std::vector<float>{1, 2}));
  EXPECT_EQ(v.value().data<float>()[1], 20);
  EXPECT_GT(v.version(), version);
}

TEST(Program, UpdatesAVariableInPlaceByAnOptimizerStep) {
  Variable w("w", {{3}, DType::float32});
  w.assign(Tensor::of<float>({3}, {1, 2, 3}));
  Graph graph;
  const Value value = graph.variable(w);
  const Value loss = ops::reduce(graph, ops::ReduceKind::sum, ops::multiply(graph, value, value), {0});
  const Value gradient = gradients(graph, loss, {&value, 1})[0];
  const Value rate = graph.constant(Tensor::of<float>({}, {0.5F}));
  const Value iteration = graph.feed("iteration", {{}, DType::int64});
  const Value inputs[] = {rate, iteration, value, gradient};
  graph.assign(w, graph.emit(std::make_shared<SgdUpdateOp>(), inputs)[0]);
  graph.add_output(loss);
  const auto program = make_program(graph, reference_backend());
  EXPECT_EQ(run_once(*program, {Tensor::of<std::int64_t>({}, {1})}), std::vector<float>{14});
  for (const float left : w.value().values<float>()) EXPECT_EQ(left, 0);
}

TEST(Program, DropsWhatNothingNeeds) {
  Graph graph;
  const Value x = graph.feed("x", {{4}, DType::float32});
  ops::scale(graph, x, 3);
  graph.add_output(ops::scale(graph, x, 2));
  EXPECT_EQ(make_program(graph, reference_backend())->steps().size(), 1U);
}

TEST(Program, KeepsAViewedBufferAlive) {
  Graph graph;
  const Value x = graph.feed("x", {{2, 3}, DType::float32});
  const Value doubled = ops::scale(graph, x, 2);
  const Value flat = ops::reshape(graph, doubled, {6});
  Value other = ops::scale(graph, x, 5);
  for (int i = 0; i < 4; ++i) other = ops::scale(graph, other, 1, 1);
  graph.add_output(ops::add(graph, flat, ops::reshape(graph, other, {6})));
  const auto program = make_program(graph, reference_backend());
  EXPECT_EQ(run_once(*program, {Tensor::of<float>({2, 3}, {1, 2, 3, 4, 5, 6})}),
            (std::vector<float>{11, 18, 25, 32, 39, 46}));
}

TEST(Program, RunsOnTwoThreadsAtOnce) {
  Graph graph;
  const Value x = graph.feed("x", {{64}, DType::float32});
  Value y = x;
  for (int i = 0; i < 8; ++i) y = ops::add(graph, ops::scale(graph, y, 0.5), x);
  graph.add_output(y);
  const auto program = make_program(graph, reference_backend());
  const auto feed = [](float value) { return Tensor::of({64}, std::vector<float>(64, value)); };
  const std::vector<float> one = run_once(*program, {feed(1)}), two = run_once(*program, {feed(2)});
  std::thread beside([&] {
    for (int i = 0; i < 200; ++i) EXPECT_EQ(run_once(*program, {feed(1)}), one);
  });
  for (int i = 0; i < 200; ++i) EXPECT_EQ(run_once(*program, {feed(2)}), two);
  beside.join();
}

/// Takes regions of one op, and of those that it is told to take; notes what it was offered.
class AskedBackend final : public Backend {
 public:
  explicit AskedBackend(std::string takes) : takes_(std::move(takes)) {}
  std::string_view name() const override { return "asked"; }
  Implementation implement(const Region& region) const override {
    offered.push_back(region.str());
    if (region.steps.size() > 1 && region.str() != takes_) return Declined{"not asked for"};
    return reference_backend().implement(region);
  }
  mutable std::vector<std::string> offered;

 private:
  std::string takes_;
};

// As a gradient is read by the passes of a convolution.
TEST(Program, OffersAValueWithAllItsReaders) {
  Graph graph;
  const Value x = graph.feed("x", {{3}, DType::float32});
  const Value stem = ops::unary(graph, "square", ops::scale(graph, x, 2));
  graph.add_output(ops::scale(graph, stem, 3));
  graph.add_output(ops::reduce(graph, ops::ReduceKind::sum, stem, {0}));
  const AskedBackend backend("Unary + Unary + Unary + Reduce");
  const auto program = make_program(graph, backend);
  ASSERT_EQ(program->steps().size(), 1U);
  EXPECT_EQ(program->steps()[0].region, "Unary + Unary + Unary + Reduce");
  EXPECT_EQ(run_once(*program, {Tensor::of<float>({3}, {1, 2, 3})}), (std::vector<float>{12, 48, 108}));
}

TEST(Program, OffersNoReadersThatMustWait) {
  Graph graph;
  const Value x = graph.feed("x", {{3}, DType::float32});
  const Value stem = ops::scale(graph, x, 2);
  const Value early = ops::unary(graph, "square", stem);
  // Reads the stem, and something that is computed after it.
  graph.add_output(ops::add(graph, stem, ops::reduce(graph, ops::ReduceKind::sum, early, {0})));
  const AskedBackend backend("none");
  const auto program = make_program(graph, backend);
  EXPECT_EQ(program->steps().size(), 4U);
  EXPECT_EQ(std::count(backend.offered.begin(), backend.offered.end(), "Unary + Unary + Binary"), 0);
  EXPECT_EQ(run_once(*program, {Tensor::of<float>({3}, {1, 1, 1})}), (std::vector<float>{14, 14, 14}));
}

}  // namespace
}  // namespace fovea
