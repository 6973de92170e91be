#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/thread_pool.h"

namespace fovea {

/// One block of memory, mapped and touched at construction, so that no step pays for page faults; huge pages
/// are asked for.
class Arena {
 public:
  /// `threads`, when given, touch it together: the system clears each page first, some 10 GB/s a thread.
  /// Throws Error when the memory cannot be had, saying how much was asked for.
  explicit Arena(std::int64_t bytes, ThreadPool* threads = nullptr);
  /// A part of another one, from a multiple of 64 bytes on, which it keeps alive.
  Arena(std::shared_ptr<Arena> whole, std::int64_t offset, std::int64_t bytes);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  std::byte* data() { return data_; }
  std::int64_t bytes() const { return bytes_; }

 private:
  std::shared_ptr<Arena> whole_;  ///< whose memory it is; null: its own
  std::byte* data_ = nullptr;
  std::int64_t bytes_ = 0;
};

}  // namespace fovea
