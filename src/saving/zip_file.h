#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace fovea {

struct ZipMember {
  std::string name;
  std::string_view content;
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

  bool has(const std::string& member) const;
  /// The member's bytes, whose checksum is right. Throws Error when it is missing, damaged, or larger than
  /// `limit`, or claims to be more than a hundred times what is stored.
  std::string read(const std::string& member, std::int64_t limit) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fovea
