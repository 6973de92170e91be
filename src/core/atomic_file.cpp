#include "core/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "core/format.h"

namespace fovea {
namespace {

[[noreturn]] void fail_writing(const std::string& path, int error) {
  fail("Cannot write '{}': {}", path, std::strerror(error));
}

/// An open file that is closed at the end of its scope.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }
  int number() const { return number_; }
  /// 0, or the error: some file systems report a full disk only here.
  int close() {
    if (number_ < 0) return 0;
    const int result = ::close(number_);
    number_ = -1;
    return result == 0 ? 0 : errno;
  }

 private:
  int number_;
};

/// Where `path` leads when it is a symbolic link to a file, so that the link outlives the replacement.
std::string behind_links(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISLNK(status.st_mode)) return path;
  char* resolved = ::realpath(path.c_str(), nullptr);
  if (resolved == nullptr) fail_writing(path, errno);
  std::string result(resolved);
  std::free(resolved);
  return result;
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

/// A file that is removed again unless it was renamed.
class TemporaryFile {
 public:
  /// Beside `target`, with its permissions, or those that the process gives to new files.
  explicit TemporaryFile(const std::string& target) : target_(target) {
    static std::atomic<unsigned> count{0};
    struct stat old {};
    const bool exists = ::stat(target.c_str(), &old) == 0;
    if (exists && S_ISDIR(old.st_mode)) fail_writing(target, EISDIR);
    int number = -1;
    do {
      name_ = fmt::format("{}.{}-{}.tmp", target, ::getpid(), count++);
      number = ::open(name_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (number < 0 && errno == EEXIST);
    if (number < 0) {
      name_.clear();
      fail_writing(target, errno);
    }
    const Descriptor file(number);
    struct stat made {};
    ::fstat(number, &made);
    permissions_ = (exists ? old.st_mode : made.st_mode) & 07777;
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (!name_.empty()) ::unlink(name_.c_str());
  }
  const std::string& name() const { return name_; }

  void replace_target() {
    Descriptor file(::open(name_.c_str(), O_RDWR | O_CLOEXEC));
    if (file.number() < 0) fail_writing(target_, errno);
    if (::fchmod(file.number(), permissions_) != 0 || ::fsync(file.number()) != 0)
      fail_writing(target_, errno);
    if (const int error = file.close()) fail_writing(target_, error);
    if (::rename(name_.c_str(), target_.c_str()) != 0) fail_writing(target_, errno);
    name_.clear();
    // The new name, too, is to outlive a loss of power. Not every file system can promise that.
    const Descriptor folder(::open(folder_of(target_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.number() >= 0) ::fsync(folder.number());
  }

 private:
  std::string target_, name_;
  mode_t permissions_ = 0;
};

void write_all(const std::string& target, const std::string& name,
               const std::vector<std::string_view>& pieces) {
  Descriptor file(::open(name.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
  if (file.number() < 0) fail_writing(target, errno);
  for (std::string_view content : pieces) {
    while (!content.empty()) {
      const ssize_t written = ::write(file.number(), content.data(), content.size());
      if (written < 0) {
        if (errno == EINTR) continue;
        fail_writing(target, errno);
      }
      content.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  if (const int error = file.close()) fail_writing(target, error);
}

}  // namespace

void write_atomically(const std::string& path,
                      const std::function<void(const std::string& temporary)>& write) {
  const std::string target = behind_links(path);
  TemporaryFile file(target);
  write(file.name());
  file.replace_target();
}

void write_atomically(const std::string& path, std::string_view content) {
  write_atomically(path, std::vector<std::string_view>{content});
}

void write_atomically(const std::string& path, const std::vector<std::string_view>& pieces) {
  write_atomically(path, [&](const std::string& temporary) { write_all(path, temporary, pieces); });
}

}  // namespace fovea
