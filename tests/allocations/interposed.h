#pragma once

#include <cstdint>

namespace fovea::test {

/// Calls of malloc, its family and mmap in this program so far, by any thread and any library.
std::int64_t all_allocations();

}  // namespace fovea::test
