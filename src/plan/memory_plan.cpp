#include "plan/memory_plan.h"

#include <algorithm>
#include <numeric>

#include "core/cache_lines.h"
#include "ops/optimizer_update.h"

namespace fovea {
namespace {

class MemoryPlanner {
 public:
  MemoryPlanner(const Graph& graph, const std::vector<PlannedStep>& steps, const std::vector<int>& derived)
      : graph_(graph), steps_(steps), derived_(derived) {}

  MemoryPlan plan() {
    place_sources();
    find_last_reads();
    for (std::size_t i = 0; i < steps_.size(); ++i) place_outputs(i);
    for (std::size_t i = 0; i < graph_.assignments().size(); ++i) {
      const Graph::Assignment& assignment = graph_.assignments()[i];
      const Place& from = place(assignment.value);
      const Place& to = place(variable_value(assignment.variable));
      if (from.kind != Place::Kind::variable || from.index != to.index)
        result_.copied_assignments.push_back(i);
    }
    result_.arena_bytes = assign_offsets(lives_, result_.buffers);
    return std::move(result_);
  }

 private:
  Place& place(Value value) { return result_.places[static_cast<std::size_t>(value.id)]; }
  std::size_t& last_read(Value value) { return last_read_[static_cast<std::size_t>(value.id)]; }
  Value variable_value(const Variable& variable) {
    for (std::size_t i = 0; i < graph_.value_count(); ++i) {
      const Value value{static_cast<std::int32_t>(i)};
      const Graph::ValueInfo& info = graph_.info(value);
      if (info.source == Graph::Source::variable &&
          graph_.variables()[static_cast<std::size_t>(info.index)] == variable) {
        return value;
      }
    }
    return {};
  }

  void place_sources() {
    result_.places.resize(graph_.value_count());
    for (std::size_t i = 0; i < graph_.value_count(); ++i) {
      const Graph::ValueInfo& info = graph_.info({static_cast<std::int32_t>(i)});
      Place& place = result_.places[i];
      place.index = info.index;
      if (info.source == Graph::Source::feed) place.kind = Place::Kind::feed;
      if (info.source == Graph::Source::constant) place.kind = Place::Kind::constant;
      if (info.source == Graph::Source::variable) place.kind = Place::Kind::variable;
      if (!derived_.empty() && derived_[i] >= 0) place = {Place::Kind::derived, derived_[i]};
    }
  }

  /// A view keeps what it looks at alive, so reads are carried from views back to their inputs, last step
  /// first.
  void find_last_reads() {
    last_read_.assign(graph_.value_count(), 0);
    for (const Value output : graph_.outputs()) last_read(output) = steps_.size();
    for (const Graph::Assignment& assignment : graph_.assignments())
      last_read(assignment.value) = steps_.size();
    for (std::size_t i = steps_.size(); i-- > 0;) {
      const PlannedStep& step = steps_[i];
      for (const Value input : step.inputs) {
        last_read(input) = std::max(last_read(input), step.kernel ? i : last_read(step.outputs[0]));
      }
    }
  }

  void place_outputs(std::size_t index) {
    const PlannedStep& step = steps_[index];
    if (!step.kernel) {
      place(step.outputs[0]) = place(step.inputs[0]);
      return;
    }
    for (const Value output : step.outputs) {
      Place& target = place(output);
      if (write_over_input(index, output)) continue;
      target = {Place::Kind::arena, static_cast<std::int64_t>(lives_.size())};
      lives_.push_back({graph_.spec(output).bytes(), index, std::max(index, last_read(output))});
    }
  }

  bool write_over_input(std::size_t index, Value output) {
    const PlannedStep& step = steps_[index];
    const auto& node = graph_.nodes()[static_cast<std::size_t>(graph_.info(output).index)];
    const bool asked =
        step.single_op != nullptr || dynamic_cast<const OptimizerUpdate*>(node.op.get()) != nullptr;
    if (!asked || !step.kernel->in_place()) return false;
    const auto position = std::find(node.outputs.begin(), node.outputs.end(), output) - node.outputs.begin();
    const int choice = node.op->in_place(static_cast<int>(position));
    if (choice < 0) return false;
    const Value input = node.inputs[static_cast<std::size_t>(choice)];
    if (!(graph_.spec(input) == graph_.spec(output))) return false;
    const Place source = place(input);
    if (source.kind == Place::Kind::none) return false;  // made inside of the region
    for (const Value other : step.inputs) {
      const Place& where = place(other);
      if (!(other == input) && where.kind == source.kind && where.index == source.index) return false;
    }
    if (source.kind == Place::Kind::variable) {
      if (!is_assigned_to(output, source.index) || read_after(index, source)) return false;
      place(output) = source;
      return true;
    }
    if (source.kind != Place::Kind::arena) return false;
    BufferLife& life = lives_[static_cast<std::size_t>(source.index)];
    if (life.last > index) return false;
    life.last = std::max(index, last_read(output));
    place(output) = source;
    return true;
  }

  bool is_assigned_to(Value value, std::int64_t variable) {
    return std::any_of(graph_.assignments().begin(), graph_.assignments().end(), [&](const auto& assignment) {
      return assignment.value == value &&
             assignment.variable == graph_.variables()[static_cast<std::size_t>(variable)];
    });
  }

  /// Is the old value of a variable, or a view of it, read after that step, or handed out?
  bool read_after(std::size_t index, const Place& variable) {
    for (std::size_t i = 0; i < graph_.value_count(); ++i) {
      const Place& place = result_.places[i];
      if (place.kind == Place::Kind::variable && place.index == variable.index && last_read_[i] > index)
        return true;
    }
    return false;
  }

  const Graph& graph_;
  const std::vector<PlannedStep>& steps_;
  const std::vector<int>& derived_;
  std::vector<std::size_t> last_read_;
  std::vector<BufferLife> lives_;
  MemoryPlan result_;
};

}  // namespace

MemoryPlan plan_memory(const Graph& graph, const std::vector<PlannedStep>& steps,
                       const std::vector<int>& derived) {
  return MemoryPlanner(graph, steps, derived).plan();
}

std::int64_t assign_offsets(const std::vector<BufferLife>& lives, std::vector<std::int64_t>& offsets) {
  std::vector<std::size_t> order(lives.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(),
                   [&](auto a, auto b) { return lives[a].bytes > lives[b].bytes; });
  offsets.assign(lives.size(), 0);
  std::int64_t total = 0;
  std::vector<std::size_t> placed;  // by offset
  for (const std::size_t current : order) {
    const std::int64_t bytes = whole_lines(lives[current].bytes);
    std::int64_t offset = 0;
    for (const std::size_t other : placed) {
      const bool meet =
          lives[other].first <= lives[current].last && lives[current].first <= lives[other].last;
      if (!meet) continue;
      if (offset + bytes <= offsets[other]) break;
      offset = std::max(offset, offsets[other] + whole_lines(lives[other].bytes));
    }
    offsets[current] = offset;
    total = std::max(total, offset + bytes);
    const auto place =
        std::upper_bound(placed.begin(), placed.end(), offset,
                         [&](std::int64_t value, std::size_t i) { return value < offsets[i]; });
    placed.insert(place, current);
  }
  return total;
}

}  // namespace fovea
