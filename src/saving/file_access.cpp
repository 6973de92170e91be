#include "saving/file_access.h"

#include <sys/stat.h>

#include <fstream>

namespace fovea {

bool ends_with(std::string_view path, std::string_view ending) {
  return path.size() >= ending.size() && path.substr(path.size() - ending.size()) == ending;
}

void require_file(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) fail("there is no such file");
  if (!S_ISREG(status.st_mode)) fail("is no file");
}

std::string file_content(const std::string& path) {
  require_file(path);
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const std::streamoff size = file.tellg();
  if (!file || size < 0) fail("cannot be opened");
  std::string content(static_cast<std::size_t>(size), '\0');
  file.seekg(0);
  file.read(content.data(), size);
  if (!file) fail("cannot be read");
  return content;
}

}  // namespace fovea
