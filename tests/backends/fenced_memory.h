#pragma once

#include <cstddef>
#include <cstdint>

namespace fovea {

/// Where data stands in a FencedMemory.
enum class Placement : std::uint8_t {
  before_fence,  ///< ends where memory that may not be touched begins
  after_fence,   ///< begins where memory that may not be touched ends
  misaligned     ///< begins 4 bytes behind a page's start
};

/// Bytes between pages that may not be touched: reading or writing there ends the test program with a
/// segmentation fault. What is left of the pages around the data is marked, and intact() says whether the
/// marks are.
class FencedMemory {
 public:
  FencedMemory(std::size_t bytes, Placement placement);
  ~FencedMemory();
  FencedMemory(const FencedMemory&) = delete;
  FencedMemory& operator=(const FencedMemory&) = delete;

  std::byte* data() { return data_; }
  bool intact() const;

 private:
  std::byte* mapped_ = nullptr;
  std::byte* inner_ = nullptr;  // the pages between the fences
  std::byte* data_ = nullptr;
  std::size_t bytes_, inner_bytes_;
};

}  // namespace fovea
