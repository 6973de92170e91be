#pragma once

#include <memory>
#include <vector>

#include "backends/backend.h"
#include "graph/graph.h"
#include "plan/choose_kernel.h"

namespace fovea {

/// One step of the program to be: a kernel and the graph's values it reads and writes, or a view, which needs
/// no kernel.
struct PlannedStep {
  std::unique_ptr<Kernel> kernel;  ///< null for a view
  std::vector<Value> inputs, outputs;
  const Op* single_op = nullptr;  ///< set when the region is one op
  std::string region, declined;
  std::string signature;     ///< the ops with their attributes, and who reads whom
  std::string layer = {};    ///< whose ops they are
  ChoiceReport choice = {};  ///< its `choice.kernel` is empty where there was none
};

struct PlannedRegions {
  std::vector<PlannedStep> steps;
  std::vector<ChoiceReport> choices;  ///< all there were, those to take a region apart included
  std::vector<std::string>
      not_possible;  ///< kernels in the record that there are not here, with their layers
};

/// Cuts the graph's needed ops into regions the backend takes, in execution order. Values that are `fixed`
/// (per value; or none) never share a region with others.
PlannedRegions choose_regions(const Graph& graph, const Backend& backend, const std::vector<bool>& fixed = {},
                              const KernelSelection& selection = {});

}  // namespace fovea
