#include "plan/program.h"

#include <algorithm>
#include <cstring>

#include "core/format.h"
#include "plan/memory_plan.h"
#include "plan/packing.h"

namespace fovea {

namespace {

/// The arena, and for each step the addresses its kernel is handed.
class PlannedContext final : public ExecutionContext {
 public:
  explicit PlannedContext(std::shared_ptr<Arena> memory) : arena(std::move(memory)) {}

  struct FeedPointer {
    std::size_t slot, feed;
  };
  std::shared_ptr<Arena> arena;
  std::vector<void*> pointers;
  std::vector<FeedPointer> feed_pointers;
  std::vector<void*>
      copy_sources;  ///< of the outputs, then of the copied assignments; null: read from a feed
};

class PlannedProgram final : public Program {
 public:
  PlannedProgram(const Graph& graph, const Backend& backend, std::shared_ptr<DerivedStore> store,
                 const KernelSelection& selection)
      : fixed_(graph.assignments().empty() && selection.prepacks ? fixed_values(graph) : std::vector<bool>()),
        regions_(choose_regions(graph, backend, fixed_, selection)),
        steps_(std::move(regions_.steps)),
        derived_(graph, fixed_, steps_, std::move(store)),
        memory_(plan_memory(graph, steps_, derived_.places())) {
    for (const PlannedStep& step : derived_.steps()) {
      if (step.kernel)
        infos_.push_back({step.region, fmt::format("{}, once", step.kernel->name()), step.declined,
                          step.layer, step.choice});
    }
    for (const Graph::Feed& feed : graph.feeds()) {
      feeds_.push_back(feed.name);
      feed_specs_.push_back(graph.spec(feed.value));
    }
    for (const Graph::Node& node : graph.nodes()) ops_.push_back(node.op);
    constants_ = graph.constants();
    variables_ = graph.variables();
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      PlannedStep& step = steps_[i];
      if (!step.kernel) continue;
      Addresses addresses;
      addresses.packed = derived_.packed_place(i);
      const bool packs = addresses.packed < 0;
      workspace_ =
          std::max(workspace_, packs ? packing_workspace(*step.kernel) : step.kernel->workspace_bytes());
      for (const Value value : step.inputs)
        addresses.inputs.push_back(memory_.places[static_cast<std::size_t>(value.id)]);
      for (const Value value : step.outputs)
        addresses.outputs.push_back(memory_.places[static_cast<std::size_t>(value.id)]);
      count_traffic(graph, step, addresses);
      addresses_.push_back(std::move(addresses));
      infos_.push_back(
          {step.region, std::string(step.kernel->name()), step.declined, step.layer, step.choice});
      kernels_.push_back(std::move(step.kernel));
    }
    steps_.clear();
    for (const Value value : graph.outputs()) {
      output_specs_.push_back(graph.spec(value));
      copies_.push_back({memory_.places[static_cast<std::size_t>(value.id)],
                         static_cast<std::size_t>(graph.spec(value).bytes()),
                         {}});
    }
    for (const std::size_t i : memory_.copied_assignments) {
      const Graph::Assignment& assignment = graph.assignments()[i];
      copies_.push_back({memory_.places[static_cast<std::size_t>(assignment.value.id)],
                         static_cast<std::size_t>(graph.spec(assignment.value).bytes()),
                         assignment.variable});
    }
    for (const Graph::Assignment& assignment : graph.assignments()) assigned_.push_back(assignment.variable);
  }

  std::int64_t arena_bytes() const override {
    return memory_.arena_bytes + static_cast<std::int64_t>(workspace_);
  }
  std::int64_t derived_bytes() const override { return derived_.bytes(); }
  const std::vector<StepInfo>& steps() const override { return infos_; }
  Traffic traffic() const override { return traffic_; }
  const std::vector<ChoiceReport>& choices() const override { return regions_.choices; }
  const std::vector<std::string>& not_possible() const override { return regions_.not_possible; }
  const std::vector<TensorSpec>& output_specs() const override { return output_specs_; }
  std::size_t feed_count() const override { return feeds_.size(); }
  const std::vector<TensorSpec>& feed_specs() const override { return feed_specs_; }
  int feed_index(std::string_view name) const override {
    const auto found = std::find(feeds_.begin(), feeds_.end(), name);
    return found == feeds_.end() ? -1 : static_cast<int>(found - feeds_.begin());
  }

  ContextPtr new_context(std::shared_ptr<Arena> arena) const override {
    if (!arena) arena = std::make_shared<Arena>(arena_bytes());
    if (arena->bytes() < arena_bytes()) {
      fail("Program: an arena of {} bytes is too small for {}", arena->bytes(), arena_bytes());
    }
    auto context = std::make_unique<PlannedContext>(std::move(arena));
    for (const Addresses& step : addresses_) {
      for (const Place& place : step.inputs) add_pointer(*context, place);
      for (const Place& place : step.outputs) add_pointer(*context, place);
    }
    for (const Copy& copy : copies_) context->copy_sources.push_back(address(*context, copy.from));
    return context;
  }

  void run(ExecutionContext& any_context, const void* const* feeds, void* const* outputs,
           ThreadPool& threads) const override {
    auto& context = static_cast<PlannedContext&>(any_context);
    for (const auto& [slot, feed] : context.feed_pointers)
      context.pointers[slot] = const_cast<void*>(feeds[feed]);
    derived_.refresh(threads);
    std::byte* const workspace = context.arena->data() + memory_.arena_bytes;
    void** pointers = context.pointers.data();
    for (std::size_t i = 0; i < kernels_.size(); ++i) {
      void** const inputs = pointers;
      void** const results = inputs + addresses_[i].inputs.size();
      pointers = results + addresses_[i].outputs.size();
      const void* const* const read = const_cast<const void* const*>(inputs);
      if (const int packed = addresses_[i].packed; packed >= 0) {
        kernels_[i]->run({read, results, workspace, threads, derived_.data(packed)});
      } else {
        pack_and_run(*kernels_[i], read, results, workspace, threads);
      }
    }
    for (std::size_t i = 0; i < copies_.size(); ++i) {
      const Copy& copy = copies_[i];
      const bool is_feed = copy.from.kind == Place::Kind::feed;
      const void* source = is_feed ? feeds[copy.from.index] : context.copy_sources[i];
      void* target = copy.to ? copy.to.value().raw() : outputs[i];
      if (target != nullptr && copy.bytes != 0) std::memcpy(target, source, copy.bytes);
    }
    for (const Variable& variable : assigned_) Variable(variable).touch();
  }

 private:
  struct Addresses {
    std::vector<Place> inputs, outputs;
    int packed = -1;  ///< among the derived tensors; -1: packed at each run, or nothing is
  };
  struct Copy {
    Place from;
    std::size_t bytes;
    Variable to;  ///< empty for an output
  };

  void count_traffic(const Graph& graph, const PlannedStep& step, const Addresses& addresses) {
    std::int64_t moved = 0;
    const auto count = [&](Value value, const Place& place) {
      const std::int64_t bytes = graph.spec(value).bytes();
      const bool passes = place.kind == Place::Kind::arena || place.kind == Place::Kind::feed;
      (passes ? moved : traffic_.weights) += bytes;
    };
    for (std::size_t i = 0; i < step.inputs.size(); ++i) count(step.inputs[i], addresses.inputs[i]);
    for (std::size_t i = 0; i < step.outputs.size(); ++i) count(step.outputs[i], addresses.outputs[i]);
    traffic_.largest_step = std::max(traffic_.largest_step, moved);
    traffic_.steps += moved;
  }

  void* address(PlannedContext& context, const Place& place) const {
    const auto index = static_cast<std::size_t>(place.index);
    switch (place.kind) {
      case Place::Kind::arena:
        return context.arena->data() + memory_.buffers[index];
      case Place::Kind::constant:
        return Tensor(constants_[index]).raw();
      case Place::Kind::variable:
        return variables_[index].value().raw();
      case Place::Kind::derived:
        return derived_.data(static_cast<int>(place.index));
      case Place::Kind::feed:
      case Place::Kind::none:
        return nullptr;
    }
    return nullptr;
  }

  void add_pointer(PlannedContext& context, const Place& place) const {
    if (place.kind == Place::Kind::feed) {
      context.feed_pointers.push_back({context.pointers.size(), static_cast<std::size_t>(place.index)});
    }
    context.pointers.push_back(address(context, place));
  }

  std::vector<bool> fixed_;
  PlannedRegions regions_;
  std::vector<PlannedStep> steps_;  // emptied once planned
  DerivedTensors derived_;
  std::vector<std::shared_ptr<const Op>> ops_;  // kernels point to them
  MemoryPlan memory_;
  std::size_t workspace_ = 0;
  std::vector<std::string> feeds_;
  std::vector<TensorSpec> feed_specs_;
  std::vector<Tensor> constants_;
  std::vector<Variable> variables_;
  std::vector<Variable> assigned_;
  std::vector<std::unique_ptr<Kernel>> kernels_;
  std::vector<Addresses> addresses_;
  std::vector<Copy> copies_;
  std::vector<TensorSpec> output_specs_;
  std::vector<StepInfo> infos_;
  Traffic traffic_;
};

}  // namespace

std::unique_ptr<Program> make_program(const Graph& graph, const Backend& backend,
                                      std::shared_ptr<DerivedStore> store, const KernelSelection& selection) {
  if (!store) store = std::make_shared<DerivedStore>();
  return std::make_unique<PlannedProgram>(graph, backend, std::move(store), selection);
}

}  // namespace fovea
