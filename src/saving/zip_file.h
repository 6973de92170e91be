#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "saving/byte_source.h"

namespace fovea {

struct ZipMember {
  std::string name;
  std::string_view content;
  std::string_view head = {};  ///< stands before the content
};

/// Writes a zip of stored (uncompressed) members to `path`. Throws Error with the reason.
void write_zip(const std::string& path, const std::vector<ZipMember>& members);

/// Reads a zip that may be hostile: only members that are asked for, and of those no more bytes than allowed.
class ZipReader {
 public:
  /// Throws Error with the reason, without the path.
  explicit ZipReader(const std::string& path);
  ~ZipReader();
  ZipReader(const ZipReader&) = delete;
  ZipReader& operator=(const ZipReader&) = delete;

  /// What text and weights, which are stored as they are, can never be packed to.
  static constexpr std::uint64_t kUsualExpansion = 100;
  /// The most that deflate can do, of zeros.
  static constexpr std::uint64_t kLargestExpansion = 1032;

  bool has(const std::string& member) const;
  /// Names of all members in the order of the archive.
  std::vector<std::string> names() const;
  /// The member's bytes, whose checksum is right. Throws Error when it is missing, damaged, or larger than
  /// `limit`, or claims to be more than `expansion` times what is stored.
  std::string read(const std::string& member, std::int64_t limit,
                   std::uint64_t expansion = kUsualExpansion) const;
  /// Reads the member's bytes through, and keeps none. Throws Error when it is missing or damaged.
  void check(const std::string& member) const;
  /// The bytes of a member that is stored as it is, whose checksum is not looked at; null for one that is
  /// packed. To be read while the archive is.
  std::unique_ptr<ByteSource> stored(const std::string& member) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fovea
