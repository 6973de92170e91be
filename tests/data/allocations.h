#pragma once

#include <cstdint>

namespace fovea::test {

/// Number of calls of operator new in this program so far, by any thread.
std::int64_t allocations();

}  // namespace fovea::test
