#include "allocations/interposed.h"

#include <dlfcn.h>
#include <sys/mman.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>

// Replaces the C library's own; a file apart, so that no caller sees into it.

// What the C library calls its own functions beside the names replaced here.
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
}

namespace {
std::atomic<std::int64_t> calls{0};
}

extern "C" {

void* malloc(std::size_t size) {
  ++calls;
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  ++calls;
  return __libc_calloc(count, size);
}
void* realloc(void* memory, std::size_t size) {
  ++calls;
  return __libc_realloc(memory, size);
}
void* memalign(std::size_t alignment, std::size_t size) {
  ++calls;
  return __libc_memalign(alignment, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  ++calls;
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** memory, std::size_t alignment, std::size_t size) {
  ++calls;
  *memory = __libc_memalign(alignment, size);
  return *memory == nullptr ? ENOMEM : 0;
}
void* mmap(void* address, std::size_t length, int protection, int flags, int file, off_t offset) {
  using Function = void* (*)(void*, std::size_t, int, int, int, off_t);
  static const auto original = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "mmap"));
  ++calls;
  return original(address, length, protection, flags, file, offset);
}

}  // extern "C"

namespace fovea::test {

std::int64_t all_allocations() { return calls; }

}  // namespace fovea::test
