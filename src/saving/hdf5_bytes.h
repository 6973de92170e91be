#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/format.h"
#include "saving/byte_source.h"

namespace fovea::hdf5 {

/// What stands for "nowhere" in a file.
inline constexpr std::uint64_t kUndefined = ~std::uint64_t{0};

/// Bytes of a file that may lie about itself: every access is checked. Numbers are little-endian. What
/// describes the data lies in small pieces all over the file, which are read a page at a time; the last few
/// pages are kept. Of one thread.
class Bytes {
 public:
  /// The source must outlive it.
  explicit Bytes(const ByteSource& source) : source_(source) {}
  std::uint64_t size() const { return source_.size(); }

  /// Throws Error unless these bytes lie in the file.
  void require(std::uint64_t at, std::uint64_t count) const {
    if (at > size() || count > size() - at)
      fail("is damaged or cut short: it points to {} bytes at {} and has {}", count, at, size());
  }
  std::string part(std::uint64_t at, std::uint64_t count) const;
  /// Of 1 to 8 bytes.
  std::uint64_t number(std::uint64_t at, unsigned width) const;
  /// A text that ends with a zero byte before `end`.
  std::string text(std::uint64_t at, std::uint64_t end) const;
  bool starts(std::uint64_t at, std::string_view signature) const {
    return part(at, signature.size()) == signature;
  }
  void expect(std::uint64_t at, std::string_view signature) const {
    if (!starts(at, signature)) fail("is damaged: there is no {} at {}", signature, at);
  }

 private:
  static constexpr std::uint64_t kPage = 4096;
  struct Page {
    std::uint64_t at = kUndefined;
    std::string bytes;
  };
  /// The rest of the page from `at` on, which lies in the file. Valid until the next call.
  std::string_view rest_of_page(std::uint64_t at) const;

  const ByteSource& source_;
  mutable std::array<Page, 8> pages_;
  mutable std::size_t oldest_ = 0;
};

/// Reads one field after another.
class Cursor {
 public:
  Cursor(const Bytes& bytes, std::uint64_t at) : bytes_(bytes), at_(at) {}
  std::uint64_t next(unsigned width) {
    const std::uint64_t value = bytes_.number(at_, width);
    at_ += width;
    return value;
  }
  void skip(std::uint64_t count) {
    bytes_.require(at_, count);
    at_ += count;
  }
  std::string part(std::uint64_t count) {
    std::string result = bytes_.part(at_, count);
    at_ += count;
    return result;
  }
  std::uint64_t at() const { return at_; }

 private:
  const Bytes& bytes_;
  std::uint64_t at_;
};

}  // namespace fovea::hdf5
