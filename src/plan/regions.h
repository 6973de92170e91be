#pragma once

#include <memory>
#include <vector>

#include "backends/backend.h"
#include "graph/graph.h"

namespace fovea {

/// One step of the program to be: a kernel and the graph's values it reads and writes, or a view, which needs
/// no kernel.
struct PlannedStep {
  std::unique_ptr<Kernel> kernel;  ///< null for a view
  std::vector<Value> inputs, outputs;
  const Op* single_op = nullptr;  ///< set when the region is one op
  std::string region, declined;
  std::string signature;  ///< the ops with their attributes, and who reads whom
};

/// Cuts the graph's needed ops into regions the backend takes, in execution order. Values that are `fixed`
/// (per value; or none) never share a region with others.
std::vector<PlannedStep> choose_regions(const Graph& graph, const Backend& backend,
                                        const std::vector<bool>& fixed = {});

}  // namespace fovea
