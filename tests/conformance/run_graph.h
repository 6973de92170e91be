#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "backends/backend.h"
#include "graph/graph.h"

namespace fovea::testing {

/// "reference" or "cpu".
const Backend& backend_named(std::string_view name);

using Feeds = std::map<std::string, Tensor, std::less<>>;
/// Plans the graph for the backend and runs it once; variables take their new values. The arena starts full
/// of NaN, so that a value which is read before it is written shows.
std::vector<Tensor> run(const Graph& graph, const Feeds& feeds, const Backend& backend);

/// The sum of value * weights over all elements, weights being a constant: a scalar whose gradient with
/// respect to `value` is `weights`.
Value weighted_sum(Graph& graph, Value value, const Tensor& weights);

}  // namespace fovea::testing
