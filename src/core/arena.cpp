#include "core/arena.h"

#include <sys/mman.h>

#include <cstring>

#include "core/format.h"

namespace fovea {
namespace {

constexpr std::int64_t kHugePage = std::int64_t{2} << 20;

}  // namespace

Arena::Arena(std::int64_t bytes) {
  if (bytes <= 0) return;
  // Small arenas would waste most of a huge page.
  const std::int64_t unit = bytes >= kHugePage ? kHugePage : 4096;
  bytes_ = (bytes + unit - 1) / unit * unit;
  void* memory = mmap(nullptr, static_cast<std::size_t>(bytes_), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    fail("Not enough memory: {} MB for the program's arena could not be had; a smaller batch needs less",
         bytes_ >> 20);
  }
  madvise(memory, static_cast<std::size_t>(bytes_), MADV_HUGEPAGE);
  std::memset(memory, 0, static_cast<std::size_t>(bytes_));
  data_ = static_cast<std::byte*>(memory);
}

Arena::~Arena() {
  if (data_ != nullptr) munmap(data_, static_cast<std::size_t>(bytes_));
}

}  // namespace fovea
