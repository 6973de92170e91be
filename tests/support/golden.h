#pragma once

#include <string>
#include <vector>

#include "core/json_fields.h"
#include "fovea/tensor.h"

namespace fovea::testing {

/// Names of the cases of a group ("layers", "losses", ...) of tests/golden, sorted; Error when there are
/// none.
std::vector<std::string> golden_cases(const std::string& group);
/// One case, <group>/<name>.json; see tests/golden/README.md.
Json golden(const std::string& group, const std::string& name);

/// {"shape", "dtype", "data"} with the bits it was written with; "nan", "inf" and "-inf" are values.
Tensor tensor_from(const Json& array);
std::vector<Tensor> tensors_from(const Json& arrays);

}  // namespace fovea::testing
