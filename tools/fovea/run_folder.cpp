#include "run_folder.h"

#include <system_error>

#include "core/atomic_file.h"
#include "core/format.h"

namespace fovea::program {
namespace {

namespace fs = std::filesystem;

void require_usable(const fs::path& path) {
  std::error_code status;
  if (!fs::exists(path, status)) return;
  if (!fs::is_directory(path)) fail("{}: the output must be a folder, this is a file", path.string());
  if (!fs::is_empty(path)) {
    fail("{}: the output folder is not empty; name another one or remove it", path.string());
  }
}

}  // namespace

RunFolder RunFolder::choose(const std::optional<std::string>& asked) {
  RunFolder folder;
  if (asked) {
    folder.path_ = *asked;
    require_usable(folder.path_);
    return folder;
  }
  for (int number = 1;; ++number) {
    folder.path_ = fs::path("runs") / std::to_string(number);
    if (!fs::exists(folder.path_)) return folder;
  }
}

void RunFolder::create() const {
  std::error_code status;
  fs::create_directories(path_, status);
  if (status) fail("{}: the output folder cannot be made: {}", path_.string(), status.message());
}

void RunFolder::write_json(const char* name, const Json& json) const {
  // Class names are file names, which may hold any bytes: those that are no UTF-8 are replaced.
  write_atomically(file(name), json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace fovea::program
