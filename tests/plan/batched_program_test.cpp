#include "plan/batched_program.h"

#include <gtest/gtest.h>

#include <cstring>

#include "fovea/ops.h"

namespace fovea {
namespace {

/// A convolution with a ReLU, and its mean: two outputs, for so many images.
std::unique_ptr<Program> program_for(std::int64_t samples) {
  static const Variable kernel = [] {
    Variable w("kernel", {{3, 3, 3, 16}, DType::float32});
    std::vector<float> values(3 * 3 * 3 * 16);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 11) - 5;
    w.assign(Tensor::of<float>({3, 3, 3, 16}, values));
    return w;
  }();
  Graph graph;
  const Value x = graph.feed("x0", {{samples, 12, 12, 3}, DType::float32});
  const Value y = ops::unary(graph, "relu", ops::conv2d(graph, x, graph.variable(kernel), {}));
  graph.add_output(y);
  graph.add_output(ops::reduce(graph, ops::ReduceKind::mean, y, {1, 2}));
  return make_program(graph, cpu_backend());
}

Tensor images(std::int64_t samples) {
  Tensor x({samples, 12, 12, 3});
  for (std::int64_t i = 0; i < x.size(); ++i) x.data<float>()[i] = static_cast<float>(i * 7 % 23) / 23;
  return x;
}

/// Twice: the first run makes what later ones have.
std::vector<Tensor> run(const Program& program, const Tensor& x, bool wants_first = true, int count = 2) {
  ThreadPool threads(count);
  const ContextPtr context = program.new_context();
  std::vector<Tensor> results;
  std::vector<void*> outputs;
  for (const TensorSpec& spec : program.output_specs()) {
    results.emplace_back(spec);
    outputs.push_back(results.back().raw());
  }
  if (!wants_first) outputs[0] = nullptr;
  const void* const feed = x.raw();
  for (int i = 0; i < 2; ++i) {
    for (Tensor& result : results) std::memset(result.raw(), 0, static_cast<std::size_t>(result.bytes()));
    program.run(*context, &feed, outputs.data(), threads);
  }
  return results;
}

TEST(BatchedProgram, HasTheBitsOfTheWholeBatch) {
  for (const std::int64_t samples : {1, 2, 3, 7, 8}) {
    for (const std::int64_t together : {1, 2, 3, 20}) {
      const auto batched = make_batched_program(samples, together, program_for);
      const auto whole = program_for(samples);
      EXPECT_EQ(batched->output_specs(), whole->output_specs());
      const Tensor x = images(samples);
      const std::vector<Tensor> expected = run(*whole, x);
      for (const int threads : {1, 2, 3}) {
        const std::vector<Tensor> got = run(*batched, x, true, threads);
        for (std::size_t i = 0; i < got.size(); ++i) {
          EXPECT_EQ(std::memcmp(got[i].raw(), expected[i].raw(), static_cast<std::size_t>(got[i].bytes())), 0)
              << samples << " samples, " << together << " together, output " << i << ", " << threads
              << " threads";
        }
      }
    }
  }
}

TEST(BatchedProgram, NeedsTheMemoryOfAPartAndLeavesOutWhatIsNotWanted) {
  const auto batched = make_batched_program(64, 2, program_for);
  EXPECT_LT(batched->arena_bytes() * 8, program_for(64)->arena_bytes());
  const Tensor x = images(64);
  const std::vector<Tensor> results = run(*batched, x, false), all = run(*batched, x);
  EXPECT_EQ(results[0].data<float>()[0], 0);
  EXPECT_EQ(std::memcmp(results[1].raw(), all[1].raw(), static_cast<std::size_t>(all[1].bytes())), 0);
}

TEST(BatchedProgram, ThreadsShareAnArenaThatIsLargeEnough) {
  const auto batched = make_batched_program(8, 2, program_for);
  const Tensor x = images(8);
  const std::vector<Tensor> expected = run(*batched, x);
  // Room for both threads, or for one and a half.
  for (const std::int64_t bytes : {2 * batched->arena_bytes() + 128, batched->arena_bytes() * 3 / 2}) {
    ThreadPool threads(2);
    const auto arena = std::make_shared<Arena>(bytes);
    const ContextPtr context = batched->new_context(arena);
    std::vector<Tensor> results{Tensor(batched->output_specs()[0]), Tensor(batched->output_specs()[1])};
    const void* const feed = x.raw();
    void* const outputs[] = {results[0].raw(), results[1].raw()};
    for (int i = 0; i < 2; ++i) batched->run(*context, &feed, outputs, threads);
    for (std::size_t i = 0; i < results.size(); ++i) {
      EXPECT_EQ(
          std::memcmp(results[i].raw(), expected[i].raw(), static_cast<std::size_t>(results[i].bytes())), 0);
    }
  }
  const auto whole = std::make_shared<Arena>(8192);
  EXPECT_EQ(Arena(whole, 128, 64).data(), whole->data() + 128);
  EXPECT_THROW(Arena(whole, 64, 8192), Error);
  EXPECT_THROW(Arena(whole, 8, 64), Error);
}

TEST(BatchedProgram, PartsFollowFromTheTraffic) {
  // Small tensors: all at once. Large ones: few. Weights that are larger than all the rest: more again.
  EXPECT_EQ(samples_together(*program_for(8), 8), 8);
  const auto large = [](std::int64_t samples, std::int64_t classes) {
    Graph graph;
    const Value x = graph.feed("x0", {{samples, 256, 256, 16}, DType::float32});
    const Value row = ops::reduce(graph, ops::ReduceKind::mean, ops::unary(graph, "relu", x), {1, 2});
    graph.add_output(ops::matmul(graph, row, graph.variable(Variable("w", {{16, classes}, DType::float32}))));
    return make_program(graph, cpu_backend());
  };
  EXPECT_EQ(samples_together(*large(32, 10), 32), 1);
  EXPECT_GT(samples_together(*large(32, 4'000'000), 32), 4);
  EXPECT_THROW(make_batched_program(4, 0, program_for), Error);
}

}  // namespace
}  // namespace fovea
