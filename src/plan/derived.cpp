#include "plan/derived.h"

#include <algorithm>

#include "core/cache_lines.h"
#include "plan/packing.h"

namespace fovea {
namespace {

std::size_t index(Value value) { return static_cast<std::size_t>(value.id); }

std::int64_t aligned(std::size_t bytes) { return static_cast<std::int64_t>(whole_lines(bytes)); }

}  // namespace

/// One refresh: what is only needed on the way to a target lives as long as that target's computation.
class DerivedTensors::Session {
 public:
  Session(const DerivedTensors& derived, ThreadPool& threads)
      : d_(derived), threads_(threads), workspace_(static_cast<std::int64_t>(derived.workspace_)) {}

  void compute(const Target& target) {
    if (target.kernel != nullptr) {
      target.kernel->pack(read(target.value), target.entry->data(), threads_);
    } else {
      run(*d_.producer(target.value));
    }
    memory_.clear();
  }

 private:
  const void* read(Value value) {
    const Graph::ValueInfo& info = d_.infos_[index(value)];
    const auto source = static_cast<std::size_t>(info.index);
    if (info.source == Graph::Source::variable) return d_.variables_[source].value().raw();
    if (info.source == Graph::Source::constant) return Tensor(d_.constants_[source]).raw();
    const PlannedStep& step = *d_.producer(value);
    if (!step.kernel) return read(step.inputs[0]);
    if (const auto found = memory_.find(value.id); found != memory_.end()) return found->second->data();
    const int place = d_.places_[index(value)];
    if (place >= 0) {
      const Target& target = d_.targets_[static_cast<std::size_t>(place)];
      if (target.entry->versions == d_.versions(target)) return d_.data(place);
    }
    run(step);
    return write(value);
  }

  void* write(Value value) {
    const int place = d_.places_[index(value)];
    if (place >= 0) return d_.data(place);
    auto& memory = memory_[value.id];
    if (!memory) memory = std::make_unique<Arena>(d_.infos_[index(value)].spec.bytes());
    return memory->data();
  }

  void run(const PlannedStep& step) {
    std::vector<const void*> inputs;
    std::vector<void*> outputs;
    for (const Value input : step.inputs) inputs.push_back(read(input));
    for (const Value output : step.outputs) outputs.push_back(write(output));
    pack_and_run(*step.kernel, inputs.data(), outputs.data(), workspace_.data(), threads_);
  }

  const DerivedTensors& d_;
  ThreadPool& threads_;
  Arena workspace_;
  std::map<std::int32_t, std::unique_ptr<Arena>> memory_;
};

DerivedTensors::DerivedTensors(const Graph& graph, const std::vector<bool>& fixed,
                               std::vector<PlannedStep>& steps, std::shared_ptr<DerivedStore> store)
    : constants_(graph.constants()),
      variables_(graph.variables()),
      outputs_(graph.outputs()),
      store_(std::move(store)),
      producers_(graph.value_count(), -1),
      signatures_(graph.value_count(), -1),
      places_(graph.value_count(), -1) {
  for (std::size_t i = 0; i < graph.value_count(); ++i)
    infos_.push_back(graph.info({static_cast<std::int32_t>(i)}));
  std::vector<PlannedStep> rest;
  std::vector<bool> looks_at_source(graph.value_count());
  for (PlannedStep& step : steps) {
    const bool is_fixed = !fixed.empty() && std::all_of(step.outputs.begin(), step.outputs.end(),
                                                        [&](Value output) { return fixed[index(output)]; });
    if (is_fixed) {
      for (const Value output : step.outputs) producers_[index(output)] = static_cast<int>(steps_.size());
      if (step.kernel) workspace_ = std::max(workspace_, packing_workspace(*step.kernel));
    }
    // A view of a variable or constant itself is nothing to compute: others read it where that lies.
    if (is_fixed && !step.kernel &&
        (infos_[index(step.inputs[0])].source != Graph::Source::op ||
         looks_at_source[index(step.inputs[0])])) {
      looks_at_source[index(step.outputs[0])] = true;
      rest.push_back(
          {nullptr, step.inputs, step.outputs, step.single_op, step.region, {}, step.signature, step.layer});
    }
    (is_fixed ? steps_ : rest).push_back(std::move(step));
  }
  steps = std::move(rest);
  const std::lock_guard lock(store_->mutex_);
  find_targets(fixed, steps);
}

void DerivedTensors::find_targets(const std::vector<bool>& fixed, std::vector<PlannedStep>& rest) {
  const auto is_derived = [&](Value value) {
    return !fixed.empty() && fixed[index(value)] && infos_[index(value)].source == Graph::Source::op;
  };
  // The tensor behind its views.
  const auto origin = [&](Value value) {
    while (is_derived(value) && !producer(value)->kernel) value = producer(value)->inputs[0];
    return value;
  };
  const auto keep = [&](Value value) {
    const Value from = origin(value);
    if (is_derived(from) && places_[index(from)] < 0) {
      places_[index(from)] = static_cast<int>(targets_.size());
      add_target(from, nullptr);
    }
    places_[index(value)] = is_derived(from) ? places_[index(from)] : -1;
  };
  for (const PlannedStep& step : rest) {
    packed_places_.push_back(-1);
    const int packed = step.kernel ? step.kernel->packed_input() : -1;
    for (std::size_t i = 0; i < step.inputs.size(); ++i) {
      const Value input = step.inputs[i];
      if (static_cast<int>(i) == packed && !fixed.empty() && fixed[index(input)]) {
        packed_places_.back() = static_cast<int>(targets_.size());
        add_target(input, step.kernel.get());
      } else {
        keep(input);
      }
    }
  }
  for (const Value output : outputs_) keep(output);
  std::sort(read_variables_.begin(), read_variables_.end());
  read_variables_.erase(std::unique(read_variables_.begin(), read_variables_.end()), read_variables_.end());

  auto arena = std::shared_ptr<Arena>();
  std::int64_t total = 0;
  for (Target& target : targets_) {
    if (!target.entry->memory) {
      target.entry->offset = total;
      total += aligned(target.bytes);
    }
    bytes_ += aligned(target.bytes);
  }
  for (Target& target : targets_) {
    if (target.entry->memory) continue;
    if (!arena) arena = std::make_shared<Arena>(total);
    target.entry->memory = arena;
  }
}

void DerivedTensors::add_target(Value value, const Kernel* kernel) {
  Target target{value, kernel, nullptr, {}, 0};
  target.bytes = kernel == nullptr ? static_cast<std::size_t>(infos_[index(value)].spec.bytes())
                                   : kernel->packed_bytes();
  collect_variables(value, target.variables);
  std::sort(target.variables.begin(), target.variables.end());
  target.variables.erase(std::unique(target.variables.begin(), target.variables.end()),
                         target.variables.end());
  read_variables_.insert(read_variables_.end(), target.variables.begin(), target.variables.end());

  const std::string key =
      fmt::format("{} {} {}", kernel == nullptr ? "" : kernel->packed_form(), target.bytes, signature(value));
  std::weak_ptr<DerivedStore::Entry>& known = store_->entries_[key];
  target.entry = known.lock();
  if (!target.entry) known = target.entry = std::make_shared<DerivedStore::Entry>();
  targets_.push_back(std::move(target));
}

int DerivedTensors::number_of(const std::string& signature) {
  return store_->signatures_.try_emplace(signature, static_cast<int>(store_->signatures_.size()))
      .first->second;
}

int DerivedTensors::signature(Value value) {
  int& result = signatures_[index(value)];
  if (result >= 0) return result;
  const Graph::ValueInfo& info = infos_[index(value)];
  const auto source = static_cast<std::size_t>(info.index);
  if (info.source == Graph::Source::variable)
    return result = number_of(fmt::format("variable {}", variables_[source].id()));
  if (info.source == Graph::Source::constant) {
    const Tensor& constant = constants_[source];
    const auto* const bytes = static_cast<const char*>(Tensor(constant).raw());
    return result = number_of(constant.spec().str() +
                              std::string(bytes, static_cast<std::size_t>(constant.bytes())));
  }
  const PlannedStep& step = *producer(value);
  std::string text = step.signature;
  for (const Value input : step.inputs) text += fmt::format(" {}", signature(input));
  const auto place = std::find(step.outputs.begin(), step.outputs.end(), value) - step.outputs.begin();
  return result = number_of(fmt::format("{} output {} {}", text, place, info.spec.str()));
}

void DerivedTensors::collect_variables(Value value, std::vector<std::size_t>& variables) const {
  const Graph::ValueInfo& info = infos_[index(value)];
  if (info.source == Graph::Source::variable) variables.push_back(static_cast<std::size_t>(info.index));
  if (info.source != Graph::Source::op) return;
  for (const Value input : producer(value)->inputs) collect_variables(input, variables);
}

const PlannedStep* DerivedTensors::producer(Value value) const {
  return &steps_[static_cast<std::size_t>(producers_[index(value)])];
}

std::uint64_t DerivedTensors::newest_version() const {
  // Versions only grow, so that their sum tells whether one has moved.
  std::uint64_t sum = 1;
  for (const std::size_t i : read_variables_) sum += variables_[i].version();
  return sum;
}

std::vector<std::uint64_t> DerivedTensors::versions(const Target& target) const {
  std::vector<std::uint64_t> result{1};  // never empty: that is what was never computed
  for (const std::size_t i : target.variables) result.push_back(variables_[i].version());
  return result;
}

void DerivedTensors::refresh(ThreadPool& threads) const {
  if (targets_.empty() || newest_version() == newest_.load(std::memory_order_acquire)) return;
  const std::lock_guard lock(store_->mutex_);
  const std::uint64_t newest = newest_version();
  Session session(*this, threads);
  for (const Target& target : targets_) {
    std::vector<std::uint64_t> now = versions(target);
    if (target.entry->versions == now) continue;
    session.compute(target);
    target.entry->versions = std::move(now);
  }
  newest_.store(newest, std::memory_order_release);
}

}  // namespace fovea
