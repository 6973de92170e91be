#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fovea/callbacks.h"

namespace fovea {

/// Visits names as one string, a name a line.
void visit_names(StateVisitor& visitor, std::string_view field, std::vector<std::string>& names);

}  // namespace fovea
