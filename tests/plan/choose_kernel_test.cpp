#include "plan/choose_kernel.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "fovea/ops.h"
#include "plan/measured_kernels.h"
#include "plan/program.h"

namespace fovea {
namespace {

/// A 3x3 convolution over 16 channels: Winograd and the direct kernel can do it.
struct ConvNet {
  Variable kernel{"kernel", {{3, 3, 16, 16}, DType::float32}};
  Graph graph;

  explicit ConvNet(bool trains = false) {
    for (std::int64_t i = 0; i < kernel.spec().shape.elements(); ++i)
      kernel.value().data<float>()[i] = static_cast<float>(i % 13) * 0.1F - 0.6F;
    const Value x = graph.feed("x", {{2, 12, 12, 16}, DType::float32});
    graph.begin_layer("outer");
    graph.begin_layer("conv");
    Value y = ops::conv2d(graph, x, graph.variable(kernel));
    graph.end_layer();
    graph.begin_layer("pool");
    if (trains) y = ops::pool2d(graph, y, {});
    graph.end_layer();
    graph.end_layer();
    if (!trains) {
      graph.add_output(y);
      return;
    }
    const Value loss = ops::reduce(graph, ops::ReduceKind::sum, ops::multiply(graph, y, y), {0, 1, 2, 3});
    const Value sources[] = {x, graph.variable(kernel)};
    for (const Value gradient : gradients(graph, loss, sources)) graph.add_output(gradient);
  }
  std::unique_ptr<Program> program(const KernelSelection& selection = {}) const {
    return make_program(graph, cpu_backend(), nullptr, selection);
  }
};

std::vector<float> output_of(const Program& program, int threads_count = 1) {
  ThreadPool threads(threads_count);
  Tensor x({2, 12, 12, 16});
  for (std::int64_t i = 0; i < x.size(); ++i) x.data<float>()[i] = static_cast<float>(i % 31) * 0.07F - 1;
  const void* feeds[] = {x.raw()};
  Tensor result(program.output_specs()[0]);
  std::vector<void*> outputs(program.output_specs().size());
  outputs[0] = result.raw();
  program.run(*program.new_context(), feeds, outputs.data(), threads);
  return {result.values<float>().begin(), result.values<float>().end()};
}

std::string key_of(const Program& program) { return choice_key(program.choices().at(0).choice); }

/// A selection by a record that names this kernel for the program's first choice.
KernelSelection recorded(const Program& program, const char* kernel) {
  KernelSelection selection;
  selection.record[key_of(program)] = kernel;
  return selection;
}

TEST(ChooseKernel, WithoutKnowledgeGoesByTheOrder) {
  const auto program = ConvNet().program();
  ASSERT_EQ(program->choices().size(), 1U);
  const KernelChoice& choice = program->choices()[0].choice;
  EXPECT_EQ(choice.layer, "outer/conv");
  EXPECT_EQ(choice.region, "Conv2D");
  EXPECT_NE(choice.shapes.find("float32 (2, 12, 12, 16), float32 (3, 3, 16, 16) -> float32 (2, 10, 10, 16)"),
            std::string::npos)
      << choice.shapes;
  EXPECT_EQ(choice.kernel, "conv2d:winograd");
  EXPECT_EQ(choice.why, "order");
  EXPECT_EQ(program->steps().back().kernel, "conv2d:winograd");
  EXPECT_EQ(program->steps().back().layer, "outer/conv");
}

TEST(ChooseKernel, ARecordDecides) {
  const ConvNet net;
  const auto plain = net.program(), direct = net.program(recorded(*plain, "conv2d:direct"));
  EXPECT_EQ(direct->steps().back().kernel, "conv2d:direct");
  EXPECT_EQ(direct->choices()[0].choice.why, "record");
  EXPECT_TRUE(direct->not_possible().empty());
  EXPECT_NE(output_of(*plain), output_of(*direct));
}

TEST(ChooseKernel, BitsDoNotDependOnThreadsUnderOneSetOfChoices) {
  const ConvNet net;
  const auto plain = net.program();
  for (const char* kernel : {"conv2d:direct", "conv2d:winograd"}) {
    const auto program = net.program(recorded(*plain, kernel));
    const std::vector<float> one = output_of(*program, 1);
    EXPECT_EQ(output_of(*program, 2), one) << kernel;
    EXPECT_EQ(output_of(*program, 3), one) << kernel;
  }
}

TEST(ChooseKernel, AnUnknownKernelInARecordIsPassedOver) {
  const ConvNet net;
  const auto plain = net.program();
  for (const char* name : {"conv2d:magic", "apart"}) {
    const auto program = net.program(recorded(*plain, name));
    EXPECT_EQ(program->steps().back().kernel, "conv2d:winograd");
    EXPECT_EQ(program->choices()[0].choice.why, "order");
    ASSERT_EQ(program->not_possible().size(), 1U);
    EXPECT_EQ(program->not_possible()[0], std::string(name) + " of outer/conv");
  }
}

TEST(ChooseKernel, MeasurementsDecideAfterTheRecord) {
  const ConvNet net;
  const auto plain = net.program();
  KernelSelection selection;
  selection.measured = std::make_shared<MeasuredKernels>();
  selection.measured->add(key_of(*plain), {"conv2d:direct", 0.25});
  const auto program = net.program(selection);
  EXPECT_EQ(program->steps().back().kernel, "conv2d:direct");
  EXPECT_EQ(program->choices()[0].choice.why, "measured");
  EXPECT_EQ(program->choices()[0].choice.milliseconds, 0.25);
  selection.record[key_of(*plain)] = "conv2d:winograd";
  EXPECT_EQ(net.program(selection)->steps().back().kernel, "conv2d:winograd");
  // A kernel that there is no more is as good as none.
  selection.record.clear();
  selection.measured->add(key_of(*plain), {"conv2d:gone", 0.25});
  EXPECT_EQ(net.program(selection)->choices()[0].choice.why, "order");
}

TEST(ChooseKernel, ChoicesHoldForOneShapeAndOneWayToPack) {
  const ConvNet net;
  const auto plain = net.program();
  ConvNet assigning;
  assigning.graph.assign(Variable("moved", {{2}, DType::float32}),
                         assigning.graph.feed("y", {{2}, DType::float32}));
  const auto packs_each_run = assigning.program(recorded(*plain, "conv2d:direct"));
  EXPECT_EQ(packs_each_run->choices()[0].choice.kernel, "conv2d:winograd");
  EXPECT_NE(key_of(*packs_each_run), key_of(*plain));
}

TEST(ChooseKernel, MeasuresEachWayAndRemembersTheFastest) {
  const ConvNet net;
  KernelSelection selection;
  selection.measured = std::make_shared<MeasuredKernels>();
  selection.threads = std::make_shared<ThreadPool>(2);
  const auto program = net.program(selection);
  const ChoiceReport& report = program->choices().at(0);
  ASSERT_EQ(report.seconds.size(), 2U);
  EXPECT_EQ(report.seconds[0].first, "conv2d:winograd");
  EXPECT_EQ(report.seconds[1].first, "conv2d:direct");
  EXPECT_EQ(report.preferred, "conv2d:winograd");
  EXPECT_GT(report.seconds[0].second, 0);
  EXPECT_EQ(report.choice.kernel, report.seconds[fastest_way(report.seconds, report.preferred)].first);
  EXPECT_EQ(report.choice.why, "measured");
  EXPECT_EQ(program->steps().back().kernel, report.choice.kernel);
  const auto remembered = selection.measured->find(key_of(*program));
  ASSERT_TRUE(remembered);
  EXPECT_EQ(remembered->kernel, report.choice.kernel);
  EXPECT_EQ(remembered->milliseconds, report.choice.milliseconds);
  // Known now, so nothing is measured again.
  EXPECT_TRUE(net.program(selection)->choices().at(0).seconds.empty());
}

TEST(FastestWay, IsWhatTheBackendWouldDoUnlessSomethingIsClearlyFaster) {
  using Seconds = std::vector<std::pair<std::string, double>>;
  EXPECT_EQ(fastest_way(Seconds{{"a", 1.0}, {"b", 0.98}}, "a"), 0U);
  EXPECT_EQ(fastest_way(Seconds{{"a", 1.0}, {"b", 0.96}}, "a"), 1U);
  EXPECT_EQ(fastest_way(Seconds{{"a", 1.0}, {"b", 1.02}}, "b"), 1U);
  EXPECT_EQ(fastest_way(Seconds{{"a", 1.0}, {"apart", 0.76}}, ""), 0U);
  EXPECT_EQ(fastest_way(Seconds{{"a", 1.0}, {"apart", 0.74}}, ""), 1U);
  EXPECT_EQ(fastest_way(Seconds{{"a", 1.0}, {"apart", 0.74}}, "a"), 0U);
  EXPECT_EQ(fastest_way(Seconds{{"a", 1.0}, {"apart", 0.77}}, "apart"), 1U);
}

// conv2d_pool_backward, or a pooling's gradient and the two of the convolution.
TEST(ChooseKernel, ARegionMayBeTakenApart) {
  const ConvNet net(true);
  const auto plain = net.program();
  const auto fused = [](const Program& program) {
    return std::count_if(program.steps().begin(), program.steps().end(),
                         [](const auto& step) { return step.kernel.starts_with("conv2d_pool_backward"); });
  };
  ASSERT_EQ(fused(*plain), 1);
  std::string key;
  for (const ChoiceReport& report : plain->choices()) {
    if (!report.choice.kernel.starts_with("conv2d_pool_backward")) continue;
    key = choice_key(report.choice);
    EXPECT_EQ(report.choice.layer, "outer/conv");
  }
  ASSERT_FALSE(key.empty());
  KernelSelection selection;
  selection.record[key] = "apart";
  const auto apart = net.program(selection);
  EXPECT_EQ(fused(*apart), 0);
  EXPECT_GT(apart->steps().size(), plain->steps().size());
  const auto noted = std::find_if(apart->choices().begin(), apart->choices().end(),
                                  [&](const auto& report) { return choice_key(report.choice) == key; });
  ASSERT_NE(noted, apart->choices().end());
  EXPECT_EQ(noted->choice.kernel, "apart");
  EXPECT_EQ(noted->choice.why, "record");
  const std::vector<float> expected = output_of(*plain), result = output_of(*apart);
  for (std::size_t i = 0; i < result.size(); ++i) ASSERT_NEAR(result[i], expected[i], 1e-3);
}

TEST(ChooseKernel, MeasuresARegionTakenApart) {
  const ConvNet net(true);
  const auto plain = net.program();
  KernelSelection selection;
  selection.measured = std::make_shared<MeasuredKernels>();
  selection.threads = std::make_shared<ThreadPool>(1);
  const auto program = net.program(selection);
  bool seen = false;
  for (const ChoiceReport& report : program->choices()) {
    if (report.seconds.empty() || !report.seconds[0].first.starts_with("conv2d_pool_backward")) continue;
    seen = true;
    ASSERT_EQ(report.seconds.size(), 2U);
    EXPECT_EQ(report.seconds[1].first, "apart");
    EXPECT_GT(report.seconds[1].second, 0);
  }
  EXPECT_TRUE(seen);
  // What was planned to be measured left no trace: each output is computed once.
  const std::vector<float> expected = output_of(*plain), result = output_of(*program);
  for (std::size_t i = 0; i < result.size(); ++i) ASSERT_NEAR(result[i], expected[i], 1e-3);
}

}  // namespace
}  // namespace fovea
