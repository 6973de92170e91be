#include "backends/fenced_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace fovea {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::byte kMark{0xA5};

}  // namespace

FencedMemory::FencedMemory(std::size_t bytes, Placement placement)
    : bytes_(bytes), inner_bytes_((bytes + 4 + kPage - 1) / kPage * kPage) {
  void* memory = mmap(nullptr, inner_bytes_ + 2 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) std::abort();
  mapped_ = static_cast<std::byte*>(memory);
  inner_ = mapped_ + kPage;
  if (mprotect(inner_, inner_bytes_, PROT_READ | PROT_WRITE) != 0) std::abort();
  std::memset(inner_, static_cast<int>(kMark), inner_bytes_);
  const std::size_t offset = placement == Placement::before_fence ? inner_bytes_ - bytes
                             : placement == Placement::misaligned ? 4
                                                                  : 0;
  data_ = inner_ + offset;
}

FencedMemory::~FencedMemory() { munmap(mapped_, inner_bytes_ + 2 * kPage); }

bool FencedMemory::intact() const {
  const auto marked = [](std::byte b) { return b == kMark; };
  return std::all_of(static_cast<const std::byte*>(inner_), static_cast<const std::byte*>(data_), marked) &&
         std::all_of(static_cast<const std::byte*>(data_) + bytes_,
                     static_cast<const std::byte*>(inner_) + inner_bytes_, marked);
}

}  // namespace fovea
