#include "data/allocations.h"

#include <atomic>
#include <cstdlib>
#include <new>

// These replace the program's own; a file apart, so that no caller sees into them.
namespace {
std::atomic<std::int64_t> calls{0};
}

void* operator new(std::size_t size) {
  ++calls;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}

void operator delete(void* memory) noexcept { std::free(memory); }

void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace fovea::test {

std::int64_t allocations() { return calls; }

}  // namespace fovea::test
