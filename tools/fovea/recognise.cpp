#include <algorithm>
#include <charconv>
#include <filesystem>

#include "core/format.h"
#include "data/folder_files.h"
#include "data/image.h"
#include "data_source.h"
#include "errors.h"

// Which kind of data DATA names, and how large its images are.

namespace fovea::program {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view synthetic_prefix = "synthetic:";
// Enough for the convnet to learn the shapes in a minute.
constexpr std::int64_t default_count = 2000, default_size = 150, default_classes = 4;

std::int64_t parse_number(std::string_view key, std::string_view value) {
  std::int64_t number = 0;
  const auto [end, status] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (status != std::errc() || end != value.data() + value.size()) {
    usage_error("synthetic:shapes: {} must be a whole number. Received: '{}'", key, value);
  }
  return number;
}

/// "synthetic:shapes?count=2000&size=150&classes=4&seed=1", every part after "?" left out at will.
DataSource recognise_synthetic(const std::string& text) {
  DataSource source;
  source.text = text;
  source.kind = DataKind::synthetic_shapes;
  source.count = default_count;
  source.classes = default_classes;
  std::int64_t size = default_size;
  std::string_view rest = std::string_view(text).substr(synthetic_prefix.size());
  const std::size_t mark = rest.find('?');
  if (rest.substr(0, mark) != "shapes") {
    usage_error("{}: unknown; there is synthetic:shapes, with ?count=, size=, classes= and seed=", text);
  }
  rest = mark == std::string_view::npos ? std::string_view() : rest.substr(mark + 1);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('&'), rest.size());
    const std::string_view part = rest.substr(0, end);
    const std::size_t equals = std::min(part.find('='), part.size());
    const std::string_view key = part.substr(0, equals);
    const std::string_view value = equals < part.size() ? part.substr(equals + 1) : std::string_view();
    if (key == "count") {
      source.count = parse_number(key, value);
    } else if (key == "size") {
      size = parse_number(key, value);
      source.size_is_given = true;
    } else if (key == "classes") {
      source.classes = parse_number(key, value);
    } else if (key == "seed") {
      source.seed = static_cast<std::uint64_t>(parse_number(key, value));
    } else {
      usage_error("synthetic:shapes: unknown option '{}'; there are count, size, classes and seed", key);
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  source.image_size = {size, size};
  return source;
}

bool holds_file(const fs::path& folder, bool (*wanted)(std::string_view)) {
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.is_regular_file() && wanted(entry.path().filename().native())) return true;
  }
  return false;
}

bool is_cifar_batch(std::string_view name) {
  return name.starts_with("data_batch_") && name.ends_with(".bin");
}
bool is_idx_images(std::string_view name) {
  return name.find("images") != std::string_view::npos && name.find("idx3") != std::string_view::npos;
}

void take_arrays(DataSource& source, DataKind kind, TrainTest arrays) {
  source.kind = kind;
  const Shape shape = arrays.train->inputs()[0].shape;
  source.image_size = {shape[0], shape[1]};
  source.channels = shape[2];
  source.has_validation = arrays.test != nullptr;
  source.arrays = std::move(arrays);
}

/// The largest sides of a few images spread over the folder. Broken ones are left to the reading itself.
std::array<std::int64_t, 2> probe_sizes(const std::vector<LabelledFile>& files) {
  constexpr std::size_t probes = 8;
  std::array<std::int64_t, 2> largest = {0, 0};
  for (std::size_t i = 0; i < std::min(probes, files.size()); ++i) {
    try {
      const Image image = read_image(files[i * files.size() / std::min(probes, files.size())].path, 3);
      largest = {std::max(largest[0], image.height), std::max(largest[1], image.width)};
    } catch (const Error&) {
      continue;
    }
  }
  return largest;
}

}  // namespace

DataSource recognise(const std::string& text) {
  if (text.starts_with(synthetic_prefix)) return recognise_synthetic(text);
  DataSource source;
  source.text = text;
  const fs::path path(text);
  std::error_code status;
  if (fs::is_directory(path, status)) {
    if (holds_file(path, is_cifar_batch)) {
      take_arrays(source, DataKind::cifar10, cifar10_folder(text));
      return source;
    }
    if (holds_file(path, is_idx_images)) {
      take_arrays(source, DataKind::idx, idx_folder(text));
      return source;
    }
  }
  const FolderTree tree = find_images(text);
  source.has_validation = !tree.validation.files.empty();
  source.image_size = probe_sizes(tree.train.files);
  return source;
}

std::string name_of(DataKind kind) {
  switch (kind) {
    case DataKind::image_folder:
      return "folder of images";
    case DataKind::idx:
      return "IDX files";
    case DataKind::cifar10:
      return "CIFAR-10 batches";
    case DataKind::synthetic_shapes:
      break;
  }
  return "drawn shapes";
}

std::string size_text(const std::array<std::int64_t, 2>& height_and_width) {
  return fmt::format("{}x{}", height_and_width[0], height_and_width[1]);
}

}  // namespace fovea::program
