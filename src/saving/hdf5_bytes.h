#pragma once

#include <cstdint>
#include <string_view>

#include "core/format.h"

namespace fovea::hdf5 {

/// What stands for "nowhere" in a file.
inline constexpr std::uint64_t kUndefined = ~std::uint64_t{0};

/// Bytes of a file that may lie about itself: every access is checked. Numbers are little-endian.
class Bytes {
 public:
  explicit Bytes(std::string_view content) : content_(content) {}
  std::uint64_t size() const { return content_.size(); }

  std::string_view part(std::uint64_t at, std::uint64_t count) const {
    if (at > content_.size() || count > content_.size() - at)
      fail("is damaged or cut short: it points to {} bytes at {} and has {}", count, at, content_.size());
    return content_.substr(at, count);
  }
  /// Of 1 to 8 bytes.
  std::uint64_t number(std::uint64_t at, unsigned width) const {
    const std::string_view bytes = part(at, width);
    std::uint64_t result = 0;
    for (unsigned i = 0; i < width; ++i)
      result |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
    return result;
  }
  /// A text that ends with a zero byte before `end`.
  std::string_view text(std::uint64_t at, std::uint64_t end) const {
    const std::string_view bytes = part(at, end < at ? 0 : end - at);
    const std::size_t length = bytes.find('\0');
    if (length == std::string_view::npos) fail("is damaged: a name at {} has no end", at);
    return bytes.substr(0, length);
  }
  bool starts(std::uint64_t at, std::string_view signature) const {
    return part(at, signature.size()) == signature;
  }
  void expect(std::uint64_t at, std::string_view signature) const {
    if (!starts(at, signature)) fail("is damaged: there is no {} at {}", signature, at);
  }

 private:
  std::string_view content_;
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
    bytes_.part(at_, count);
    at_ += count;
  }
  std::string_view part(std::uint64_t count) {
    const std::string_view result = bytes_.part(at_, count);
    at_ += count;
    return result;
  }
  std::uint64_t at() const { return at_; }

 private:
  const Bytes& bytes_;
  std::uint64_t at_;
};

}  // namespace fovea::hdf5
