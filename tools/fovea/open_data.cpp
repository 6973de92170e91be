#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <numeric>

#include "core/format.h"
#include "data/loader.h"
#include "data_source.h"
#include "report.h"

namespace fovea::program {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t shapes_cache_bytes = std::int64_t{512} << 20;

/// The library's default; a quarter of a small machine's memory.
std::int64_t folder_cache_bytes() {
  return std::min(ImageFolderOptions().cache_bytes, memory_of_the_machine() / 4);
}

std::string split_text(double share) { return fmt::format("{:.4g} % of the images", 100 * share); }

std::vector<std::int64_t> count_labels(const DatasetPtr& dataset, std::size_t classes,
                                       const std::function<std::size_t(std::int64_t id)>& label_of) {
  std::vector<std::int64_t> counts(classes);
  for (std::int64_t i = 0; dataset && i < dataset->size(); ++i) ++counts[label_of(dataset->sample_id(i))];
  return counts;
}

// ---- folders ----

/// The class folder that a file lies in: the first or, below train/ and the like, the second part of its
/// path.
std::size_t label_of_file(const std::string& root, const std::string& file,
                          const std::map<std::string, std::size_t>& labels) {
  for (const fs::path& part : fs::path(file).lexically_relative(root)) {
    const auto found = labels.find(part.string());
    if (found != labels.end()) return found->second;
  }
  fail("{}: lies in no class folder of {}", file, root);
}

Data open_folder(const DataSource& source, const DataOptions& options) {
  ImageFolderOptions folder_options;
  folder_options.image_size = options.image.image_size;
  folder_options.color_mode = options.image.color_mode;
  folder_options.interpolation = options.image.interpolation;
  folder_options.crop_to_aspect_ratio = options.image.crop_to_aspect_ratio;
  folder_options.pad_to_aspect_ratio = options.image.pad_to_aspect_ratio;
  folder_options.scaled_decoding = options.image.scaled_decoding;
  folder_options.validation_split = options.validation_split;
  folder_options.seed = options.seed;
  folder_options.strict = options.strict;
  folder_options.threads = options.threads;
  folder_options.cache_bytes = folder_cache_bytes();
  ImageFolder folder = image_folder(source.text, folder_options);

  Data data;
  data.train = folder.train;
  data.validation = folder.validation;
  data.class_names = folder.class_names;
  data.train_files = std::move(folder.train_files);
  data.validation_files = std::move(folder.validation_files);
  data.broken = std::move(folder.broken);
  std::map<std::string, std::size_t> labels;
  for (std::size_t i = 0; i < data.class_names.size(); ++i) labels[data.class_names[i]] = i;
  const auto labels_in = [&](const std::vector<std::string>& files) {
    return [&](std::int64_t id) {
      return label_of_file(source.text, files[static_cast<std::size_t>(id)], labels);
    };
  };
  data.train_per_class = count_labels(data.train, labels.size(), labels_in(data.train_files));
  data.validation_per_class = count_labels(data.validation, labels.size(), labels_in(data.validation_files));
  if (source.has_validation) {
    const fs::path file = fs::path(data.validation_files.front()).lexically_relative(source.text);
    data.validation_from = fmt::format("the folder {}/", file.begin()->string());
  }
  const std::int64_t images = data.train->size() + (data.validation ? data.validation->size() : 0);
  data.cache_bytes = std::min(folder_options.cache_bytes, images * data.train->inputs()[0].bytes());
  return data;
}

// ---- arrays and shapes ----

std::vector<std::int32_t> labels_of(const DatasetPtr& dataset) {
  std::vector<std::int32_t> labels;
  if (!dataset) return labels;
  Batch batch = dataset->make_batch(1);
  for (std::int64_t i = 0; i < dataset->size(); ++i) {
    dataset->fill(std::span(&i, 1), batch);
    labels.push_back(*batch.targets[0].data<std::int32_t>());
  }
  return labels;
}

void count_array_classes(Data& data, const std::string& where) {
  const std::vector<std::int32_t> train = labels_of(data.train), validation = labels_of(data.validation);
  std::int32_t largest = 0;
  for (const auto* labels : {&train, &validation}) {
    for (const std::int32_t label : *labels) {
      if (label < 0) fail("{}: labels must not be negative. Received: {}", where, label);
      largest = std::max(largest, label);
    }
  }
  for (std::int32_t i = static_cast<std::int32_t>(data.class_names.size()); i <= largest; ++i) {
    data.class_names.push_back(std::to_string(i));
  }
  if (data.class_names.size() < 2) fail("{}: at least two classes are needed. Received: 1", where);
  data.train_per_class.resize(data.class_names.size());
  data.validation_per_class.resize(data.class_names.size());
  for (const std::int32_t label : train) ++data.train_per_class[static_cast<std::size_t>(label)];
  for (const std::int32_t label : validation) ++data.validation_per_class[static_cast<std::size_t>(label)];
}

Data open_arrays(const DataSource& source) {
  Data data;
  data.train = source.arrays.train;
  data.validation = source.arrays.test;
  data.class_names = data.train->class_names();
  data.validation_from = "the data's own test part";
  const std::int64_t images = data.train->size() + (data.validation ? data.validation->size() : 0);
  data.cache_bytes = images * data.train->inputs()[0].shape.elements();  // bytes in memory
  return data;
}

Data open_shapes(const DataSource& source, const DataOptions& options) {
  SyntheticShapesOptions shapes;
  shapes.seed = source.seed.value_or(0);
  shapes.image_size = options.image.image_size[0];
  shapes.classes = source.classes;
  shapes.cache_bytes = shapes_cache_bytes;
  Data data;
  data.train = synthetic_shapes(source.count, shapes);
  data.class_names = data.train->class_names();
  const std::int64_t bytes = source.count * data.train->inputs()[0].shape.elements();
  data.cache_bytes = bytes <= shapes_cache_bytes ? bytes : 0;
  return data;
}

/// Shuffled first: such files are often sorted by class.
void split_data(Data& data, const DataOptions& options) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(data.train->size()));
  std::iota(order.begin(), order.end(), 0);
  shuffle(order, options.seed, 0);
  std::tie(data.train, data.validation) =
      split(select(data.train, std::move(order)), options.validation_split);
}

}  // namespace

std::int64_t memory_of_the_machine() {
  return static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGE_SIZE);
}

Data open_data(const DataSource& source, const DataOptions& options) {
  Data data;
  if (source.kind == DataKind::image_folder) {
    data = open_folder(source, options);
  } else {
    data = source.kind == DataKind::synthetic_shapes ? open_shapes(source, options) : open_arrays(source);
    if (options.validation_split > 0) split_data(data, options);
  }
  if (options.validation_split > 0) data.validation_from = split_text(options.validation_split);
  if (source.kind == DataKind::synthetic_shapes) {
    const auto label_of = [&](std::int64_t id) { return static_cast<std::size_t>(id % source.classes); };
    data.train_per_class = count_labels(data.train, data.class_names.size(), label_of);
    data.validation_per_class = count_labels(data.validation, data.class_names.size(), label_of);
  } else if (source.kind != DataKind::image_folder) {
    count_array_classes(data, source.text);
  }
  data.image = options.image;
  data.validation_split = options.validation_split;
  return data;
}

}  // namespace fovea::program
