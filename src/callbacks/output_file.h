#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

namespace fovea {

/// A file that is written from front to back. What fails throws Error naming the owner, the path and the
/// system's reason.
class OutputFile {
 public:
  /// mode: "w" starts anew, "a" appends.
  OutputFile(std::string owner, std::string path, const char* mode);
  void write(std::string_view bytes);
  /// Hands everything written so far to the system.
  void flush();

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  [[noreturn]] void fail_with_reason(const char* action) const;

  std::string owner_, path_;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace fovea
