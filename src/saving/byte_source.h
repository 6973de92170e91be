#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace fovea {

/// Bytes that are read where they are asked for: only what is read takes memory.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual std::uint64_t size() const = 0;
  /// Copies [at, at + count), which must lie in the source. Throws Error with the reason. Several threads may
  /// read at once.
  virtual void read(std::uint64_t at, std::uint64_t count, char* target) const = 0;
};

/// Of memory that outlives it.
class MemoryBytes final : public ByteSource {
 public:
  explicit MemoryBytes(std::string_view bytes) : bytes_(bytes) {}
  std::uint64_t size() const override { return bytes_.size(); }
  void read(std::uint64_t at, std::uint64_t count, char* target) const override {
    bytes_.copy(target, count, at);
  }

 private:
  std::string_view bytes_;
};

/// Of a file. One that is cut short meanwhile is an Error.
class FileBytes final : public ByteSource {
 public:
  /// Throws Error with the reason, without the path.
  explicit FileBytes(const std::string& path);
  ~FileBytes() override;
  FileBytes(const FileBytes&) = delete;
  FileBytes& operator=(const FileBytes&) = delete;

  std::uint64_t size() const override { return size_; }
  void read(std::uint64_t at, std::uint64_t count, char* target) const override;

 private:
  int file_;
  std::uint64_t size_ = 0;
};

}  // namespace fovea
