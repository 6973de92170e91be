#pragma once

#include <string>
#include <string_view>

namespace fovea {

/// A file's bytes as memory, of which only what is being read takes any: the rest stays on the disk, or in
/// the system's cache. The file must not be cut short meanwhile; files that fovea and Keras write are
/// replaced, not changed.
class MappedFile {
 public:
  /// Throws Error with the reason.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::string_view bytes() const { return bytes_; }
  /// Gives back the memory of a part that has been read; what is read of it again comes from the disk.
  void release(std::string_view part) const;

 private:
  std::string_view bytes_;
};

}  // namespace fovea
