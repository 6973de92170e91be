#include "plan/regions.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "core/json_fields.h"
#include "plan/measure_kernels.h"

namespace fovea {
namespace {

// depthwise conv + bias + activation + conv + bias + tensor + activation; longer chains have no kernel to
// look forward to.
constexpr std::size_t kLongestRegion = 7;
// The slope of an activation and the gradient of a pooling, before the readers of that part ways.
constexpr std::size_t kLongestStem = 2;

class RegionFinder {
 public:
  RegionFinder(const Graph& graph, const Backend& backend, const std::vector<bool>& fixed,
               const KernelSelection& selection)
      : graph_(graph), backend_(backend), fixed_(fixed), selection_(selection) {
    needed_.resize(graph.nodes().size());
    for (const Value output : graph.outputs()) need(output);
    for (const Graph::Assignment& assignment : graph.assignments()) need(assignment.value);
    readers_.resize(graph.value_count());
    for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
      if (!needed_[i]) continue;
      for (const Value input : graph.nodes()[i].inputs) readers(input).push_back(i);
    }
    for (const Value output : graph.outputs()) readers(output).push_back(kOutside);
    for (const Graph::Assignment& assignment : graph.assignments())
      readers(assignment.value).push_back(kOutside);
  }

  PlannedRegions find() {
    taken_.resize(graph_.nodes().size());
    available_.resize(graph_.value_count());
    for (std::size_t i = 0; i < graph_.value_count(); ++i) {
      available_[i] = graph_.info({static_cast<std::int32_t>(i)}).source != Graph::Source::op;
    }
    // What is fixed first: it is there when the rest begins, and regions may read it.
    for (const bool fixed : {true, false}) {
      for (std::size_t i = 0; i < graph_.nodes().size(); ++i) {
        if (needed_[i] && !taken_[i] && is_fixed(i) == fixed) result_.steps.push_back(step_from(i));
      }
    }
    return std::move(result_);
  }

 private:
  static constexpr std::size_t kOutside = SIZE_MAX;

  std::vector<std::size_t>& readers(Value value) { return readers_[static_cast<std::size_t>(value.id)]; }

  void need(Value value) {
    std::vector<Value> open{value};
    while (!open.empty()) {
      const Graph::ValueInfo& info = graph_.info(open.back());
      open.pop_back();
      if (info.source != Graph::Source::op) continue;
      const auto index = static_cast<std::size_t>(info.index);
      if (needed_[index]) continue;
      needed_[index] = true;
      const auto& inputs = graph_.nodes()[index].inputs;
      open.insert(open.end(), inputs.begin(), inputs.end());
    }
  }

  /// The op after `node` in a chain: the first reader of its first output, if all else it reads is there
  /// already.
  std::size_t next_in_chain(const std::vector<std::size_t>& chain) {
    const Graph::Node& tail = graph_.nodes()[chain.back()];
    for (const std::size_t reader : readers(tail.outputs[0])) {
      if (reader == kOutside || taken_[reader]) continue;
      const Graph::Node& node = graph_.nodes()[reader];
      if (node.op->is_view()) return kOutside;
      return is_ready(reader, chain) ? reader : kOutside;
    }
    return kOutside;
  }

  PlannedStep step_from(std::size_t first) {
    const Graph::Node& seed = graph_.nodes()[first];
    if (seed.op->is_view()) {
      take(first);
      return {nullptr, seed.inputs,   seed.outputs, seed.op.get(), std::string(seed.op->class_name()),
              {},      text(*seed.op)};
    }
    std::string declined;
    PlannedStep step;
    if (const std::vector<std::size_t> fan = fan_from(first); !fan.empty() && offer(fan, step, declined))
      return step;
    std::vector<std::size_t> chain{first};
    while (chain.size() < kLongestRegion) {
      const std::size_t next = next_in_chain(chain);
      if (next == kOutside) break;
      chain.push_back(next);
    }
    for (; !chain.empty(); chain.pop_back()) {
      if (!offer(chain, step, declined)) continue;
      if (chain.size() == 1) step.single_op = seed.op.get();
      return step;
    }
    fail("Backend '{}' takes no kernel for op {}: {}", backend_.name(), seed.op->class_name(), declined);
  }

  /// Fills `step` when the backend takes these nodes as one region; adds its reason to `declined` otherwise.
  bool offer(const std::vector<std::size_t>& nodes, PlannedStep& step, std::string& declined) {
    step = {};
    if (nodes.size() == apart_.size()) return false;
    const Region region = make_region(nodes, step);
    const bool packs_each_run = fixed_.empty();
    ChosenKernel chosen =
        choose_kernel(region, backend_, selection_, packs_each_run, [&] { return seconds_apart(nodes); });
    // Several readers of one gradient: those that read it last are a layer's own.
    const bool fan = nodes.size() > 1 && readers(graph_.nodes()[nodes.back()].inputs[0]).size() > 1;
    step.layer = graph_.nodes()[fan ? nodes.back() : nodes[0]].layer;
    if (chosen.is_choice) {
      chosen.report.choice.layer = step.layer;
      if (!chosen.not_possible.empty())
        result_.not_possible.push_back(fmt::format("{} of {}", chosen.not_possible, step.layer));
      step.choice = chosen.report;
      result_.choices.push_back(std::move(chosen.report));
    }
    if (!chosen.kernel) {
      declined += region.str() + ": " + chosen.declined + "; ";
      return false;
    }
    if (!apart_.empty()) {
      seconds_ += measure_kernels(region, {chosen.kernel.get()}, packs_each_run, *selection_.threads).front();
    }
    step.kernel = std::move(chosen.kernel);
    step.region = region.str();
    if (is_fixed(nodes[0])) step.signature = signature(region);
    step.declined = declined;
    for (const std::size_t node : nodes) take(node);
    return true;
  }

  /// Seconds of the kernels that these nodes get when they are not one region.
  double seconds_apart(const std::vector<std::size_t>& nodes) {
    const auto taken = taken_, available = available_;
    const std::vector<std::size_t> outer = std::exchange(apart_, nodes);
    const double before = std::exchange(seconds_, 0);
    const std::size_t choices = result_.choices.size(), not_possible = result_.not_possible.size();
    std::vector<std::size_t> ordered = nodes;
    std::sort(ordered.begin(), ordered.end());
    for (const std::size_t node : ordered) {
      if (!taken_[node]) step_from(node);
    }
    taken_ = taken;
    available_ = available;
    apart_ = outer;
    result_.choices.resize(choices);
    result_.not_possible.resize(not_possible);
    return std::exchange(seconds_, before);
  }

  /// A chain up to a value with several readers, and all of them: what a gradient and the passes that read it
  /// are. Empty when there is none, or when one of the readers cannot run yet.
  std::vector<std::size_t> fan_from(std::size_t first) {
    std::vector<std::size_t> nodes{first};
    while (nodes.size() <= kLongestStem) {
      std::vector<std::size_t> next = readers(graph_.nodes()[nodes.back()].outputs[0]);
      std::sort(next.begin(), next.end());
      next.erase(std::unique(next.begin(), next.end()), next.end());
      for (const std::size_t reader : next) {
        if (reader == kOutside || taken_[reader] || graph_.nodes()[reader].op->is_view() ||
            !is_ready(reader, nodes))
          return {};
      }
      nodes.insert(nodes.end(), next.begin(), next.end());
      if (next.size() > 1)
        return nodes.size() - next.size() <= kLongestStem ? nodes : std::vector<std::size_t>{};
      if (next.empty()) return {};
    }
    return {};
  }

  /// Is all that a node reads there, or made by these nodes? And is it fixed as they are?
  bool is_ready(std::size_t node, const std::vector<std::size_t>& nodes) {
    if (is_fixed(node) != is_fixed(nodes[0])) return false;
    if (!apart_.empty() && std::find(apart_.begin(), apart_.end(), node) == apart_.end()) return false;
    const std::vector<Value>& inputs = graph_.nodes()[node].inputs;
    return std::all_of(inputs.begin(), inputs.end(), [&](Value input) {
      const Graph::ValueInfo& info = graph_.info(input);
      return available_[static_cast<std::size_t>(input.id)] ||
             std::find(nodes.begin(), nodes.end(), static_cast<std::size_t>(info.index)) != nodes.end();
    });
  }

  bool is_fixed(std::size_t node) const {
    return !fixed_.empty() && fixed_[static_cast<std::size_t>(graph_.nodes()[node].outputs[0].id)];
  }

  /// An op's class and attributes.
  static std::string text(const Op& op) { return describe(const_cast<Op&>(op)); }

  static std::string signature(const Region& region) {
    std::string result;
    for (const Region::Step& step : region.steps)
      result += fmt::format("{} {} {}; ", text(*step.op), fmt::join(step.inputs, ","),
                            fmt::join(step.outputs, ","));
    return result;
  }

  void take(std::size_t node) {
    taken_[node] = true;
    for (const Value output : graph_.nodes()[node].outputs)
      available_[static_cast<std::size_t>(output.id)] = true;
  }

  Region make_region(const std::vector<std::size_t>& chain, PlannedStep& step) {
    Region region;
    region.trains = !graph_.assignments().empty();
    std::map<std::int32_t, int> local;
    const auto number = [&](Value value) {
      const auto [place, added] = local.try_emplace(value.id, static_cast<int>(region.values.size()));
      if (added) region.values.push_back(graph_.spec(value));
      return place->second;
    };
    std::vector<bool> inside;
    for (const std::size_t index : chain) {
      const Graph::Node& node = graph_.nodes()[index];
      Region::Step part{node.op.get(), {}, {}};
      for (const Value input : node.inputs) {
        part.inputs.push_back(number(input));
        inside.resize(region.values.size());
        const int place = part.inputs.back();
        const bool known =
            std::find(region.inputs.begin(), region.inputs.end(), place) != region.inputs.end();
        if (inside[static_cast<std::size_t>(place)] || known) continue;
        region.inputs.push_back(place);
        step.inputs.push_back(input);
      }
      for (const Value output : node.outputs) {
        part.outputs.push_back(number(output));
        inside.resize(region.values.size());
        inside[static_cast<std::size_t>(part.outputs.back())] = true;
        const auto& reading = readers(output);
        const bool outside = std::any_of(reading.begin(), reading.end(), [&](std::size_t reader) {
          return std::find(chain.begin(), chain.end(), reader) == chain.end();
        });
        if (!outside) continue;
        region.outputs.push_back(part.outputs.back());
        step.outputs.push_back(output);
      }
      region.steps.push_back(std::move(part));
    }
    return region;
  }

  const Graph& graph_;
  const Backend& backend_;
  const std::vector<bool>& fixed_;
  const KernelSelection& selection_;
  PlannedRegions result_;
  std::vector<std::size_t>
      apart_;           ///< while these nodes are measured as several regions: they alone are planned
  double seconds_ = 0;  ///< of the regions that were found meanwhile
  std::vector<bool> needed_, taken_, available_;
  std::vector<std::vector<std::size_t>> readers_;
};

}  // namespace

PlannedRegions choose_regions(const Graph& graph, const Backend& backend, const std::vector<bool>& fixed,
                              const KernelSelection& selection) {
  return RegionFinder(graph, backend, fixed, selection).find();
}

}  // namespace fovea
