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

/// One step with the gradient of sum((x w)^2) by w (600, 500); `also` is read outside too, if anything.
enum class Also : std::uint8_t { nothing, gradient, old_weight };
std::unique_ptr<Program> weight_step(const Variable& w, Also also, const Backend& backend) {
  Graph graph;
  const Value x = graph.feed("x", {{4, 600}, DType::float32}), value = graph.variable(w);
  const Value y = ops::matmul(graph, x, value);
  const Value loss = ops::reduce(graph, ops::ReduceKind::sum, ops::multiply(graph, y, y), {0, 1});
  const Value gradient = gradients(graph, loss, {&value, 1})[0];
  const Value inputs[] = {graph.constant(Tensor::of<float>({}, {0.01F})),
                          graph.feed("iteration", {{}, DType::int64}), value, gradient};
  const Value updated = graph.emit(std::make_shared<SgdUpdateOp>(), inputs)[0];
  graph.assign(w, updated);
  graph.add_output(loss);
  if (also == Also::gradient) graph.add_output(gradient);
  if (also == Also::old_weight) graph.add_output(ops::scale(graph, value, 2));
  return make_program(graph, backend);
}

TEST(Program, UpdatesAWeightAsItsGradientIsComputed) {
  constexpr std::int64_t kBytes = 600 * 500 * 4;
  Tensor start({600, 500}), x({4, 600});
  for (std::int64_t i = 0; i < start.size(); ++i) start.data<float>()[i] = static_cast<float>(i % 37) * 0.01F;
  for (std::int64_t i = 0; i < x.size(); ++i) x.data<float>()[i] = static_cast<float>(i % 11) * 0.1F;
  const std::vector<Tensor> feeds = {x, Tensor::of<std::int64_t>({}, {1})};
  std::vector<float> first;
  for (const Also also : {Also::nothing, Also::gradient, Also::old_weight}) {
    Variable w("w", start.spec());
    w.assign(start);
    const auto program = weight_step(w, also, cpu_backend());
    const bool fused =
        std::any_of(program->steps().begin(), program->steps().end(),
                    [](const Program::StepInfo& step) { return step.kernel == "matmul:blocks+update"; });
    EXPECT_EQ(fused, also != Also::gradient);
    // Neither the gradient nor a second weight lies in the arena, unless someone reads the first one.
    EXPECT_EQ(program->arena_bytes() < kBytes, also == Also::nothing) << program->arena_bytes();
    run_once(*program, feeds);
    const Tensor now = w.value();
    if (first.empty()) first.assign(now.values<float>().begin(), now.values<float>().end());
    EXPECT_TRUE(std::equal(first.begin(), first.end(), now.values<float>().begin()));
  }
  Variable w("w", start.spec());
  w.assign(start);
  run_once(*weight_step(w, Also::nothing, reference_backend()), feeds);
  for (std::size_t i = 0; i < first.size(); ++i) EXPECT_NEAR(w.value().values<float>()[i], first[i], 2e-3);
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

// ---- derived tensors ----

/// x * (2 v + 1) for a variable v, and a counter of what is computed.
struct DerivedNet {
  Variable v{"v", {{2}, DType::float32}};
  DerivedNet() { v.assign(Tensor::of<float>({2}, {1, 2})); }
  std::unique_ptr<Program> program(std::int64_t rows, std::shared_ptr<DerivedStore> store = nullptr) const {
    Graph graph;
    const Value x = graph.feed("x", {{rows, 2}, DType::float32});
    graph.add_output(
        ops::multiply(graph, x, ops::reshape(graph, ops::scale(graph, graph.variable(v), 2, 1), {1, 2})));
    return make_program(graph, reference_backend(), std::move(store));
  }
};

TEST(DerivedTensors, FollowTheirVariables) {
  DerivedNet net;
  const auto program = net.program(1);
  ASSERT_EQ(program->steps().size(), 2U);
  EXPECT_NE(program->steps()[0].kernel.find(", once"), std::string::npos);
  EXPECT_EQ(program->derived_bytes(), 64);
  const Tensor x = Tensor::of<float>({1, 2}, {1, 10});
  EXPECT_EQ(run_once(*program, {x}), (std::vector<float>{3, 50}));
  // Whoever writes into a variable says so; until then nothing is computed again.
  net.v.value().data<float>()[0] = 7;
  EXPECT_EQ(run_once(*program, {x}), (std::vector<float>{3, 50}));
  net.v.touch();
  EXPECT_EQ(run_once(*program, {x}), (std::vector<float>{15, 50}));
  net.v.assign(Tensor::of<float>({2}, {0, 0}));
  EXPECT_EQ(run_once(*program, {x}), (std::vector<float>{1, 10}));
}

TEST(DerivedTensors, AreSharedByProgramsWithOneStore) {
  DerivedNet net;
  const auto store = std::make_shared<DerivedStore>();
  const auto one = net.program(1, store), two = net.program(2, store), alone = net.program(1);
  const Tensor x = Tensor::of<float>({1, 2}, {1, 10}), xx = Tensor::of<float>({2, 2}, {1, 10, 2, 20});
  EXPECT_EQ(run_once(*one, {x}), (std::vector<float>{3, 50}));
  // Changed behind its back: who shares the tensor does not notice, who has its own reads the variable.
  net.v.value().data<float>()[0] = 7;
  EXPECT_EQ(run_once(*two, {xx}), (std::vector<float>{3, 50, 6, 100}));
  EXPECT_EQ(run_once(*alone, {x}), (std::vector<float>{15, 50}));
  net.v.touch();
  EXPECT_EQ(run_once(*two, {xx}), (std::vector<float>{15, 50, 30, 100}));
  EXPECT_EQ(run_once(*one, {x}), (std::vector<float>{15, 50}));
}

TEST(DerivedTensors, DifferWhereAttributesDiffer) {
  const auto store = std::make_shared<DerivedStore>();
  Variable v("v", {{2}, DType::float32});
  v.assign(Tensor::of<float>({2}, {1, 2}));
  std::vector<std::vector<float>> results;
  std::vector<std::unique_ptr<Program>> programs;
  for (const double factor : {2.0, 3.0}) {
    Graph graph;
    const Value x = graph.feed("x", {{2}, DType::float32});
    const Value constant = graph.constant(Tensor::of<float>({2}, {static_cast<float>(factor), 1}));
    const Value scaled = ops::add(graph, ops::scale(graph, graph.variable(v), factor), constant);
    graph.add_output(ops::multiply(graph, x, scaled));
    programs.push_back(make_program(graph, reference_backend(), store));
    results.push_back(run_once(*programs.back(), {Tensor::of<float>({2}, {1, 1})}));
  }
  EXPECT_EQ(results[0], (std::vector<float>{4, 5}));
  EXPECT_EQ(results[1], (std::vector<float>{6, 7}));
}

TEST(DerivedTensors, ArePackedWeightsToo) {
  Variable kernel("kernel", {{3, 3, 16, 16}, DType::float32});
  for (std::int64_t i = 0; i < kernel.spec().shape.elements(); ++i)
    kernel.value().data<float>()[i] = static_cast<float>(i % 7) - 3;
  const auto run = [&](bool assigns) {
    Graph graph;
    const Value x = graph.feed("x", {{1, 8, 8, 16}, DType::float32});
    graph.add_output(ops::conv2d(graph, x, graph.variable(kernel)));
    // A program that assigns variables packs at each run.
    if (assigns)
      graph.assign(Variable("moved", {{2}, DType::float32}), graph.feed("y", {{2}, DType::float32}));
    const auto program = make_program(graph, cpu_backend());
    EXPECT_EQ(program->derived_bytes() > 0, !assigns);
    Tensor ones({1, 8, 8, 16}), two({2});
    for (std::int64_t i = 0; i < ones.size(); ++i) ones.data<float>()[i] = static_cast<float>(i % 5);
    std::vector<std::vector<float>> results{run_once(*program, {ones, two})};
    kernel.value().data<float>()[0] += 1;
    kernel.touch();
    results.push_back(run_once(*program, {ones, two}));
    kernel.value().data<float>()[0] -= 1;
    kernel.touch();
    return results;
  };
  const auto derived = run(false), packed = run(true);
  EXPECT_EQ(derived, packed);
  EXPECT_NE(derived[0], derived[1]);
}

TEST(DerivedTensors, AreThereBeforeRegionsThatReadThemLate) {
  Variable v("v", {{3}, DType::float32});
  v.assign(Tensor::of<float>({3}, {1, 2, 3}));
  Graph graph;
  const Value x = graph.feed("x", {{3}, DType::float32});
  const Value twice = ops::scale(graph, x, 2);
  const Value derived = ops::unary(graph, "square", graph.variable(v));  // after what its reader begins with
  graph.add_output(ops::add(graph, twice, derived));
  const AskedBackend backend("Unary + Binary");
  const auto program = make_program(graph, backend);
  ASSERT_EQ(program->steps().size(), 2U);
  EXPECT_EQ(program->steps()[1].region, "Unary + Binary");
  EXPECT_EQ(run_once(*program, {Tensor::of<float>({3}, {1, 1, 1})}), (std::vector<float>{3, 6, 11}));
}

TEST(DerivedTensors, AreNotNeededToLookAtAVariable) {
  Variable v("v", {{3}, DType::float32});
  v.assign(Tensor::of<float>({3}, {1, 2, 3}));
  Graph graph;
  const Value x = graph.feed("x", {{3, 1}, DType::float32});
  const Value row = ops::reshape(graph, graph.variable(v), {1, 3});
  const Value column = ops::reshape(graph, row, {3, 1});  // a view of a view
  graph.add_output(ops::add(graph, x, column));
  const auto program = make_program(graph, reference_backend());
  const Tensor ones = Tensor::of<float>({3, 1}, {1, 1, 1});
  EXPECT_EQ(run_once(*program, {ones}), (std::vector<float>{2, 3, 4}));
  v.assign(Tensor::of<float>({3}, {5, 6, 7}));
  EXPECT_EQ(run_once(*program, {ones}), (std::vector<float>{6, 7, 8}));
}

TEST(DerivedTensors, MayBeAllThatAProgramHandsOut) {
  DerivedNet net;
  Graph graph;
  graph.add_output(ops::scale(graph, graph.variable(net.v), 2));
  const auto program = make_program(graph, reference_backend());
  EXPECT_EQ(run_once(*program, {}), (std::vector<float>{2, 4}));
}

}  // namespace
}  // namespace fovea
