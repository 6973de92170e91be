#pragma once

#include <vector>

#include "plan/regions.h"

namespace fovea {

/// Where a value's bytes are while the program runs.
struct Place {
  enum class Kind : std::uint8_t { none, arena, feed, constant, variable, derived };
  Kind kind = Kind::none;
  std::int64_t index = -1;  ///< a buffer, feed, constant, variable or derived tensor
};

struct MemoryPlan {
  std::vector<Place> places;          ///< per graph value
  std::vector<std::int64_t> buffers;  ///< offset of each buffer in the arena
  std::int64_t arena_bytes = 0;       ///< buffers only, without the kernels' workspace
  std::vector<std::size_t>
      copied_assignments;  ///< assignments whose value is not computed in the variable itself
};

/// Gives every value a place. A buffer lives from the step that writes it to the last that reads it; two
/// buffers share bytes when their lives do not meet. Elementwise ops write over their input where nothing
/// reads it afterwards, and an optimizer's update is computed in the variable itself.
/// `derived`: per value (or for none) its number among the tensors that are there already, -1 for those that
/// steps make.
MemoryPlan plan_memory(const Graph& graph, const std::vector<PlannedStep>& steps,
                       const std::vector<int>& derived = {});

/// Greedy offsets for buffers of given sizes and lives (first and last step, inclusive), largest first, each
/// at the lowest offset that is free for its whole life. Returns the total.
struct BufferLife {
  std::int64_t bytes;
  std::size_t first, last;
};
std::int64_t assign_offsets(const std::vector<BufferLife>& lives, std::vector<std::int64_t>& offsets);

}  // namespace fovea
