#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fovea {

struct LabelledFile {
  std::string path;
  std::int32_t label = 0;
};

/// A folder with one folder per class.
struct ClassFolders {
  std::vector<std::string> class_names;  ///< sorted
  std::vector<LabelledFile> files;       ///< by class, then by path
};

/// What lies below a data folder; `validation` is empty (no names) where there is no such folder.
struct FolderTree {
  ClassFolders train, validation;
};

/// Finds image files by their endings, in any case of letters. Throws Error that says what to do when the
/// folder is missing, has fewer than two classes or a class without images, or when training and validation
/// folders have different classes.
FolderTree find_images(const std::string& path);

}  // namespace fovea
