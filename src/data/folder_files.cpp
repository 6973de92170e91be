#include "data/folder_files.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <string_view>

#include "core/format.h"

namespace fovea {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 6> endings = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp"};

bool is_hidden(const fs::path& path) { return path.filename().native().starts_with('.'); }

bool is_image(const fs::path& path) {
  std::string ending = path.extension().string();
  for (char& c : ending) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return std::find(endings.begin(), endings.end(), ending) != endings.end();
}

std::vector<std::string> folders_in(const fs::path& path) {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(path)) {
    if (entry.is_directory() && !is_hidden(entry.path())) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> images_below(const fs::path& path) {
  std::vector<std::string> files;
  for (auto entry = fs::recursive_directory_iterator(path); entry != fs::recursive_directory_iterator();
       ++entry) {
    if (is_hidden(entry->path())) {
      if (entry->is_directory()) entry.disable_recursion_pending();
    } else if (is_image(entry->path()) && entry->is_regular_file()) {
      files.push_back(entry->path().string());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

ClassFolders find_classes(const fs::path& path) {
  ClassFolders found;
  found.class_names = folders_in(path);
  if (found.class_names.size() < 2) {
    fail(
        "{}: a folder of images needs one folder per class, at least two of them. Received: {} {}; make e.g. "
        "{}/cats "
        "and {}/dogs and put the images there",
        path.string(), found.class_names.size(), found.class_names.size() == 1 ? "folder" : "folders",
        path.string(), path.string());
  }
  std::vector<std::string> empty;
  for (std::size_t label = 0; label < found.class_names.size(); ++label) {
    const std::vector<std::string> files = images_below(path / found.class_names[label]);
    if (files.empty()) empty.push_back(found.class_names[label]);
    for (const std::string& file : files) found.files.push_back({file, static_cast<std::int32_t>(label)});
  }
  if (found.files.empty()) {
    fail("{}: no images found. Files must end in {}", path.string(), fmt::join(endings, ", "));
  }
  if (!empty.empty()) {
    fail("{}: no images in the class folder \"{}\". Add some (files ending in {}) or remove the folder",
         path.string(), fmt::join(empty, "\", \""), fmt::join(endings, ", "));
  }
  return found;
}

}  // namespace

FolderTree find_images(const std::string& path) {
  const fs::path root(path);
  if (!fs::exists(root))
    fail("{}: there is no such folder. Give the folder that holds the class folders", path);
  if (!fs::is_directory(root)) fail("{}: this is a file. Give the folder that holds the class folders", path);
  try {
    if (!fs::is_directory(root / "train") || folders_in(root / "train").empty())
      return {find_classes(root), {}};
    FolderTree tree{find_classes(root / "train"), {}};
    for (const char* name : {"validation", "val", "test"}) {
      if (!fs::is_directory(root / name)) continue;
      tree.validation = find_classes(root / name);
      if (tree.validation.class_names != tree.train.class_names) {
        fail("{}: train and {} need the same class folders. Received: [{}] and [{}]", path, name,
             fmt::join(tree.train.class_names, ", "), fmt::join(tree.validation.class_names, ", "));
      }
      break;
    }
    return tree;
  } catch (const fs::filesystem_error& error) {
    fail("{}: {}", error.path1().string(), error.code().message());
  }
}

}  // namespace fovea
