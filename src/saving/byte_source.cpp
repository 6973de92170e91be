#include "saving/byte_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/format.h"

namespace fovea {

FileBytes::FileBytes(const std::string& path) : file_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (file_ < 0) fail("cannot be read: {}", std::strerror(errno));
  struct stat status {};
  if (fstat(file_, &status) != 0) {
    const int error = errno;
    close(file_);
    fail("cannot be read: {}", std::strerror(error));
  }
  size_ = static_cast<std::uint64_t>(status.st_size);
}

FileBytes::~FileBytes() { close(file_); }

void FileBytes::read(std::uint64_t at, std::uint64_t count, char* target) const {
  while (count > 0) {
    const ssize_t got = pread(file_, target, count, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("cannot be read: {}", std::strerror(errno));
    if (got == 0) fail("was cut short while it was read");
    at += static_cast<std::uint64_t>(got);
    count -= static_cast<std::uint64_t>(got);
    target += got;
  }
}

}  // namespace fovea
