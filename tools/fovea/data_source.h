#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "fovea/data.h"

namespace fovea::program {

/// What DATA on the command line can be.
enum class DataKind : std::uint8_t { image_folder, idx, cifar10, synthetic_shapes };

/// DATA, recognised but not read yet.
struct DataSource {
  std::string text;  ///< as given
  DataKind kind = DataKind::image_folder;
  /// Height and width of its images: exact for IDX, CIFAR-10 and shapes; of a folder, the largest of a few.
  std::array<std::int64_t, 2> image_size = {0, 0};
  std::int64_t channels = 3;
  /// Does it bring a part of its own to validate on?
  bool has_validation = false;

  TrainTest arrays;  ///< of IDX and CIFAR-10, which are read whole at once
  // Of synthetic shapes.
  std::int64_t count = 0, classes = 0;
  bool size_is_given = false;  ///< otherwise they are drawn at any size
  std::optional<std::uint64_t> seed;
};

/// Throws Error when there is no such thing, UsageError for an unknown "synthetic:".
DataSource recognise(const std::string& text);

struct DataOptions {
  ImageOptions image;  ///< how images of a folder become tensors, and what the model's file will keep
  double validation_split = 0;  ///< 0: none beyond the data's own part
  std::uint64_t seed = 0;
  bool strict = false;
  int threads = 0;
};

/// Images to train or evaluate on. Labels are integers.
struct Data {
  DatasetPtr train;
  DatasetPtr validation;  ///< may be null
  std::string validation_from;
  double validation_split = 0;  ///< the share that was split off
  std::vector<std::string> class_names;
  std::vector<std::int64_t> train_per_class, validation_per_class;
  std::vector<std::string> train_files, validation_files;  ///< by sample id; of folders only
  std::vector<BrokenFile> broken;
  ImageOptions image;
  std::int64_t cache_bytes = 0;  ///< memory for images, at most
};

/// Throws Error for what is wrong with the data, naming the file or folder.
Data open_data(const DataSource& source, const DataOptions& options);

/// Bytes of main memory.
std::int64_t memory_of_the_machine();
/// "folder of images", "IDX files", ...
std::string name_of(DataKind kind);
/// "150x150".
std::string size_text(const std::array<std::int64_t, 2>& height_and_width);

}  // namespace fovea::program
