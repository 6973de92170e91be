#include "core/arena.h"

#include <sys/mman.h>

#include "core/format.h"

namespace fovea {
namespace {

constexpr std::int64_t kPage = 4096, kHugePage = std::int64_t{2} << 20;

}  // namespace

Arena::Arena(std::int64_t bytes, ThreadPool* threads) {
  if (bytes <= 0) return;
  // Small arenas would waste most of a huge page.
  const std::int64_t unit = bytes >= kHugePage ? kHugePage : kPage;
  bytes_ = (bytes + unit - 1) / unit * unit;
  void* memory = mmap(nullptr, static_cast<std::size_t>(bytes_), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    fail("Not enough memory: {} MB for the program's arena could not be had; a smaller batch needs less",
         bytes_ >> 20);
  }
  madvise(memory, static_cast<std::size_t>(bytes_), MADV_HUGEPAGE);
  data_ = static_cast<std::byte*>(memory);
  // The system hands out zeros; one write a page makes it do so now.
  const auto touch = [&](std::int64_t piece) {
    volatile std::byte* const pages = data_ + piece * unit;
    for (std::int64_t i = 0; i < unit; i += kPage) pages[i] = std::byte{0};
  };
  const std::int64_t pieces = bytes_ / unit;
  if (threads != nullptr) {
    threads->parallel_for(pieces, touch);
  } else {
    for (std::int64_t piece = 0; piece < pieces; ++piece) touch(piece);
  }
}

Arena::Arena(std::shared_ptr<Arena> whole, std::int64_t offset, std::int64_t bytes)
    : whole_(std::move(whole)), data_(whole_->data() + offset), bytes_(bytes) {
  if (offset < 0 || offset % 64 != 0 || bytes < 0 || offset + bytes > whole_->bytes())
    fail("Arena: {} bytes from {} on are no part of {} bytes", bytes, offset, whole_->bytes());
}

Arena::~Arena() {
  if (data_ != nullptr && !whole_) munmap(data_, static_cast<std::size_t>(bytes_));
}

}  // namespace fovea
