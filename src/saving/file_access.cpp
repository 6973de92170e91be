#include "saving/file_access.h"

#include <sys/stat.h>

namespace fovea {

bool ends_with(std::string_view path, std::string_view ending) {
  return path.size() >= ending.size() && path.substr(path.size() - ending.size()) == ending;
}

void require_file(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) fail("there is no such file");
  if (!S_ISREG(status.st_mode)) fail("is no file");
}

}  // namespace fovea
