#include "callbacks/output_file.h"

#include <cerrno>
#include <system_error>

#include "core/format.h"

namespace fovea {

OutputFile::OutputFile(std::string owner, std::string path, const char* mode)
    : owner_(std::move(owner)), path_(std::move(path)), file_(std::fopen(path_.c_str(), mode)) {
  if (!file_) fail_with_reason("open");
}

void OutputFile::write(std::string_view bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) != bytes.size()) fail_with_reason("write to");
}

void OutputFile::flush() {
  if (std::fflush(file_.get()) != 0) fail_with_reason("write to");
}

void OutputFile::fail_with_reason(const char* action) const {
  const std::string reason = std::generic_category().message(errno);
  fail("{}: cannot {} '{}': {}", owner_, action, path_, reason);
}

}  // namespace fovea
