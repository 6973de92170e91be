#include "conformance/run_graph.h"

#include <cstring>

#include "plan/program.h"

namespace fovea::testing {

const Backend& backend_named(std::string_view name) {
  if (name == "cpu") return cpu_backend();
  if (name == "reference") return reference_backend();
  fail("there is no backend '{}'", name);
}

std::vector<Tensor> run(const Graph& graph, const Feeds& feeds, const Backend& backend) {
  static ThreadPool threads(2);
  const std::unique_ptr<Program> program = make_program(graph, backend);
  const auto arena = std::make_shared<Arena>(std::max<std::int64_t>(program->arena_bytes(), 64));
  std::memset(arena->data(), 0xFF, static_cast<std::size_t>(arena->bytes()));
  const ContextPtr context = program->new_context(arena);

  std::vector<const void*> inputs(program->feed_count());
  for (const Graph::Feed& feed : graph.feeds()) {
    const auto given = feeds.find(feed.name);
    if (given == feeds.end()) fail("run: the graph reads a feed '{}', which was not given", feed.name);
    if (!(given->second.spec() == graph.spec(feed.value))) {
      fail("run: the feed '{}' is {}. Received: {}", feed.name, graph.spec(feed.value).str(),
           given->second.spec().str());
    }
    inputs[static_cast<std::size_t>(program->feed_index(feed.name))] = given->second.raw();
  }
  std::vector<Tensor> results;
  std::vector<void*> outputs;
  for (const TensorSpec& spec : program->output_specs()) {
    results.emplace_back(spec);
    outputs.push_back(results.back().raw());
  }
  program->run(*context, inputs.data(), outputs.data(), threads);
  return results;
}

Value weighted_sum(Graph& graph, Value value, const Tensor& weights) {
  const Value product = ops::multiply(graph, value, graph.constant(weights));
  std::vector<std::int64_t> axes;
  for (std::size_t i = 0; i < weights.shape().rank(); ++i) axes.push_back(static_cast<std::int64_t>(i));
  return ops::reduce(graph, ops::ReduceKind::sum, product, axes);
}

}  // namespace fovea::testing
