#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/arena.h"
#include "graph/graph.h"
#include "plan/regions.h"

namespace fovea {

/// Derived tensors by what they are derived from, so that programs of one model (for batches of several
/// sizes) share them.
class DerivedStore {
 public:
  struct Entry {
    std::shared_ptr<Arena> memory;
    std::int64_t offset = 0;
    std::vector<std::uint64_t> versions;  ///< of the variables, when it was computed; empty: not yet
    std::byte* data() const { return memory->data() + offset; }
  };

 private:
  friend class DerivedTensors;
  std::mutex mutex_;  ///< of everything, the entries' contents included
  std::map<std::string, std::weak_ptr<Entry>> entries_;
  std::map<std::string, int> signatures_;  ///< numbers that stand for long signatures
};

/// What a program reads that follows from variables and constants alone: folded and packed weights. Computed
/// before the program's first run, and again when a variable has moved. Only for programs that assign
/// nothing.
class DerivedTensors {
 public:
  /// Where the program reads a value; per value of the graph, -1 for those that it does not read.
  const std::vector<int>& places() const { return places_; }
  std::byte* data(int place) const { return targets_[static_cast<std::size_t>(place)].entry->data(); }
  /// Place of a step's packed weights, -1 where it packs them at each run.
  int packed_place(std::size_t step) const { return packed_places_[step]; }

  /// Takes the steps all of whose inputs are `fixed` out of `steps`; those that are left stay in order.
  DerivedTensors(const Graph& graph, const std::vector<bool>& fixed, std::vector<PlannedStep>& steps,
                 std::shared_ptr<DerivedStore> store);

  /// Brings all up to date; cheap when no variable has moved. Threads may call it side by side as long as
  /// nobody changes the variables.
  void refresh(ThreadPool& threads) const;

  /// Of the steps that were taken out.
  const std::vector<PlannedStep>& steps() const { return steps_; }
  /// Of the targets, those shared with other programs included.
  std::int64_t bytes() const { return bytes_; }

 private:
  /// A value that outlives refresh(), or a kernel's packed weights.
  struct Target {
    Value value;
    const Kernel* kernel = nullptr;  ///< who packs it; null for the value itself
    std::shared_ptr<DerivedStore::Entry> entry;
    std::vector<std::size_t> variables;  ///< numbers in the graph, sorted
    std::size_t bytes = 0;
  };
  class Session;

  void find_targets(const std::vector<bool>& fixed, std::vector<PlannedStep>& rest);
  void add_target(Value value, const Kernel* kernel);
  int signature(Value value);
  int number_of(const std::string& signature);
  void collect_variables(Value value, std::vector<std::size_t>& variables) const;
  const PlannedStep* producer(Value value) const;
  std::uint64_t newest_version() const;
  std::vector<std::uint64_t> versions(const Target& target) const;

  // Of the graph, which the program outlives.
  std::vector<Graph::ValueInfo> infos_;
  std::vector<Tensor> constants_;
  std::vector<Variable> variables_;
  std::vector<Value> outputs_;

  std::shared_ptr<DerivedStore> store_;
  std::vector<PlannedStep> steps_;
  std::vector<int> producers_;   ///< per value, the step among steps_
  std::vector<int> signatures_;  ///< per value; -1: not asked for yet
  std::vector<int> places_, packed_places_;
  std::vector<Target> targets_;
  std::vector<std::size_t> read_variables_;  ///< of all targets
  std::size_t workspace_ = 0;
  std::int64_t bytes_ = 0;
  mutable std::atomic<std::uint64_t> newest_{0};  ///< the sum of their versions at the last refresh
};

}  // namespace fovea
