#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "graph/graph.h"

namespace fovea {

/// Per value of a graph, the one node that reads it, once, where nothing outside does.
class SoleReaders {
 public:
  static constexpr std::size_t none = SIZE_MAX;

  /// `kept` are values that will be read outside, besides outputs and what is assigned.
  explicit SoleReaders(const Graph& graph, std::span<const Value> kept = {})
      : readers_(graph.value_count(), none) {
    for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
      for (const Value input : graph.nodes()[i].inputs) {
        std::size_t& reader = readers_[index(input)];
        reader = reader == none ? i : kSeveral;
      }
    }
    for (const Value value : kept) readers_[index(value)] = kSeveral;
    for (const Value value : graph.outputs()) readers_[index(value)] = kSeveral;
    for (const Graph::Assignment& assignment : graph.assignments())
      readers_[index(assignment.value)] = kSeveral;
  }

  /// `none` where there is no such node.
  std::size_t of(Value value) const {
    const std::size_t reader = readers_[index(value)];
    return reader == kSeveral ? none : reader;
  }

 private:
  static constexpr std::size_t kSeveral = SIZE_MAX - 1;
  static std::size_t index(Value value) { return static_cast<std::size_t>(value.id); }

  std::vector<std::size_t> readers_;
};

}  // namespace fovea
