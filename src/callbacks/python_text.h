#pragma once

#include <string>

namespace fovea {

/// A number as Python's str() and repr() print a float: the shortest digits that read back to the same bits,
/// with a point or an exponent: "0.1", "1.0", "1e-05", "nan".
std::string python_text(double value);

}  // namespace fovea
