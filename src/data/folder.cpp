#include <atomic>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <numeric>
#include <utility>

#include "core/format.h"
#include "core/thread_pool.h"
#include "data/folder_files.h"
#include "data/loader.h"
#include "data/resize.h"
#include "fovea/data.h"

namespace fovea {
namespace {

enum class LabelMode : std::uint8_t { integer, categorical, binary };

LabelMode label_mode_of(const std::string& name) {
  if (name == "int") return LabelMode::integer;
  if (name == "categorical") return LabelMode::categorical;
  if (name == "binary") return LabelMode::binary;
  fail("label_mode must be \"int\", \"categorical\" or \"binary\". Received: \"{}\"", name);
}

/// What the memory limit lets us keep of an image: its final floats, or its bytes when it has the final size
/// already, or the compressed file.
struct Cached {
  enum class Kind : std::uint8_t { nothing, floats, pixels, file } kind = Kind::nothing;
  std::vector<std::uint8_t> bytes;
  float* floats = nullptr;  ///< in the block of all of them
};

/// Which images are kept as floats: all when they fit, else as many as fit beside the files of all, spread
/// evenly, so that no part of an epoch decodes more than another.
class FloatShare {
 public:
  FloatShare(std::int64_t images, std::int64_t image_bytes, std::int64_t file_bytes, std::int64_t limit)
      : images_(images), kept_(std::min(images, limit / image_bytes)) {
    if (kept_ < images) kept_ = std::max<std::int64_t>(0, (limit - file_bytes) / image_bytes);
  }
  bool has(std::int64_t image) const { return before(image + 1) > before(image); }
  /// How many of the images before that one.
  std::int64_t before(std::int64_t image) const { return image * kept_ / images_; }

 private:
  std::int64_t images_, kept_;
};

class Budget {
 public:
  explicit Budget(std::int64_t bytes) : left_(bytes) {}
  bool reserve(std::size_t bytes) {
    const auto wanted = static_cast<std::int64_t>(bytes);
    if (left_.fetch_sub(wanted) >= wanted) return true;
    left_.fetch_add(wanted);
    return false;
  }

 private:
  std::atomic<std::int64_t> left_;
};

class ImageFiles final : public Dataset {
 public:
  ImageFiles(ClassFolders folders, const ResizePlan& plan, LabelMode mode)
      : folders_(std::move(folders)), plan_(plan), mode_(mode), cache_(folders_.files.size()) {}

  std::int64_t size() const override { return static_cast<std::int64_t>(folders_.files.size()); }
  std::vector<TensorSpec> inputs() const override {
    return {{Shape{plan_.height, plan_.width, plan_.channels}, DType::float32}};
  }
  std::vector<TensorSpec> targets() const override {
    switch (mode_) {
      case LabelMode::integer:
        break;
      case LabelMode::categorical:
        return {{Shape{static_cast<std::int64_t>(folders_.class_names.size())}, DType::float32}};
      case LabelMode::binary:
        return {{Shape{1}, DType::float32}};
    }
    return {{Shape{}, DType::int32}};
  }
  std::vector<std::string> class_names() const override { return folders_.class_names; }
  const std::vector<LabelledFile>& files() const { return folders_.files; }

  void load(std::int64_t position, std::int64_t row, Batch& into) const override {
    load_pixels(static_cast<std::size_t>(position), row_of<float>(into.inputs[0], row));
    const std::int32_t label = folders_.files[static_cast<std::size_t>(position)].label;
    if (mode_ == LabelMode::integer) {
      into.targets[0].data<std::int32_t>()[row] = label;
      return;
    }
    const std::span<float> out = row_of<float>(into.targets[0], row);
    if (mode_ == LabelMode::binary) {
      out[0] = static_cast<float>(label);
      return;
    }
    std::fill(out.begin(), out.end(), 0.0f);
    out[static_cast<std::size_t>(label)] = 1;
  }

  /// Decodes every image once and keeps what `budget` allows; returns the reason of each that is broken, ""
  /// for the others.
  /// The images are those from `first` on of `share`.
  std::vector<std::string> check(ThreadPool& pool, Budget& budget, const FloatShare& share,
                                 std::int64_t first) {
    std::vector<std::string> reasons(folders_.files.size());
    const std::int64_t kept_before = share.before(first), kept = share.before(first + size()) - kept_before;
    // One block: images as separate ones would leave the decoders' memory between them unused.
    floats_ = std::make_unique_for_overwrite<float[]>(static_cast<std::size_t>(kept * plan_.elements()));
    pool.parallel_for(size(), [&](std::int64_t i) {
      const auto at = static_cast<std::size_t>(i);
      try {
        float* const floats = floats_.get() + (share.before(first + i) - kept_before) * plan_.elements();
        check_one(at, budget, share.has(first + i) ? floats : nullptr);
      } catch (const std::exception& error) {
        reasons[at] = error.what();
      }
    });
    return reasons;
  }

  void remove(const std::vector<std::string>& reasons) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < reasons.size(); ++i) {
      if (!reasons[i].empty()) continue;
      if (kept != i) {
        folders_.files[kept] = std::move(folders_.files[i]);
        cache_[kept] = std::move(cache_[i]);
      }
      ++kept;
    }
    folders_.files.resize(kept);
    cache_.resize(kept);
  }

 private:
  void check_one(std::size_t at, Budget& budget, float* floats) {
    std::vector<std::uint8_t> file = read_file(folders_.files[at].path);
    Image image = decode_image(file, plan_.channels, plan_.decoded_size());
    Cached& cached = cache_[at];
    const auto elements = static_cast<std::size_t>(plan_.elements());
    if (floats != nullptr) {
      cached.kind = Cached::Kind::floats;
      cached.floats = floats;
      resize(image, plan_, {floats, elements});
    } else if (image.height == plan_.height && image.width == plan_.width && budget.reserve(elements)) {
      cached.kind = Cached::Kind::pixels;
      cached.bytes = std::move(image.pixels);
    } else if (budget.reserve(file.size())) {
      cached.kind = Cached::Kind::file;
      cached.bytes = std::move(file);
    }
  }

  void load_pixels(std::size_t at, std::span<float> out) const {
    const Cached& cached = cache_[at];
    switch (cached.kind) {
      case Cached::Kind::floats:
        std::memcpy(out.data(), cached.floats, out.size_bytes());
        return;
      case Cached::Kind::pixels:
        std::copy(cached.bytes.begin(), cached.bytes.end(), out.begin());
        return;
      case Cached::Kind::file:
        return resize(decode_image(cached.bytes, plan_.channels, plan_.decoded_size()), plan_, out);
      case Cached::Kind::nothing:
        return resize(read_image(folders_.files[at].path, plan_.channels, plan_.decoded_size()), plan_, out);
    }
  }

  ClassFolders folders_;
  ResizePlan plan_;
  LabelMode mode_;
  std::vector<Cached> cache_;
  std::unique_ptr<float[]> floats_;  ///< of all images that are kept so
};

/// Leaves broken images out, or throws when `strict`; every class must keep an image.
void drop_broken(ImageFiles& images, const std::vector<std::string>& reasons, bool strict,
                 std::vector<BrokenFile>& broken) {
  const std::size_t before = broken.size();
  for (std::size_t i = 0; i < reasons.size(); ++i) {
    if (!reasons[i].empty()) broken.push_back({images.files()[i].path, reasons[i]});
  }
  if (broken.size() == before) return;
  const BrokenFile& first = broken[before];
  if (strict) {
    fail("{}: {} ({} of {} images are broken; remove them or leave strict off)", first.file, first.reason,
         broken.size() - before, reasons.size());
  }
  images.remove(reasons);
  std::vector<bool> seen(images.class_names().size());
  for (const LabelledFile& file : images.files()) seen[static_cast<std::size_t>(file.label)] = true;
  for (std::size_t label = 0; label < seen.size(); ++label) {
    if (!seen[label]) {
      fail("every image of class \"{}\" is broken. The first broken file is {}: {}",
           images.class_names()[label], first.file, first.reason);
    }
  }
}

std::int64_t bytes_of(const ClassFolders& folders) {
  std::int64_t bytes = 0;
  for (const LabelledFile& file : folders.files) {
    std::error_code ignored;  // a file that cannot be read is reported when it is decoded
    const std::uintmax_t size = std::filesystem::file_size(file.path, ignored);
    if (!ignored) bytes += static_cast<std::int64_t>(size);
  }
  return bytes;
}

std::vector<std::string> paths_of(const ImageFiles& images) {
  std::vector<std::string> paths;
  paths.reserve(images.files().size());
  for (const LabelledFile& file : images.files()) paths.push_back(file.path);
  return paths;
}

void split_folder(ImageFolder& folder, const ImageFolderOptions& options) {
  const DatasetPtr all = folder.train;
  const std::int64_t samples = all->size();
  const auto validation = static_cast<std::int64_t>(options.validation_split * static_cast<double>(samples));
  if (validation == 0 || validation == samples) {
    fail(
        "validation_split={} leaves {} of {} images for training and {} for validation; both need at least "
        "one",
        options.validation_split, samples - validation, samples, validation);
  }
  std::vector<std::int64_t> order(static_cast<std::size_t>(samples));
  std::iota(order.begin(), order.end(), 0);
  shuffle(order, options.seed, 0);
  const auto middle = order.begin() + static_cast<std::ptrdiff_t>(samples - validation);
  folder.train = select(all, {order.begin(), middle});
  folder.validation = select(all, {middle, order.end()});
  folder.validation_files = folder.train_files;
}

void check_options(const ImageFolderOptions& options) {
  if (!(options.validation_split >= 0 && options.validation_split < 1)) {
    fail("validation_split must be 0 (none) or lie between 0 and 1. Received: {}", options.validation_split);
  }
  if (options.cache_bytes < 0) fail("cache_bytes must not be negative. Received: {}", options.cache_bytes);
  if (options.threads < 0) fail("threads must not be negative. Received: {}", options.threads);
}

}  // namespace

ImageFolder image_folder(const std::string& path, const ImageFolderOptions& options) {
  check_options(options);
  const LabelMode mode = label_mode_of(options.label_mode);
  const ResizePlan plan =
      plan_resize({options.image_size, options.color_mode, options.interpolation,
                   options.crop_to_aspect_ratio, options.pad_to_aspect_ratio, options.scaled_decoding});
  FolderTree tree = find_images(path);
  ImageFolder folder;
  folder.class_names = tree.train.class_names;
  if (mode == LabelMode::binary && folder.class_names.size() != 2) {
    fail("{}: label_mode=\"binary\" needs exactly 2 classes. Received: {}; use \"int\" or \"categorical\"",
         path, folder.class_names.size());
  }
  const bool has_validation = !tree.validation.files.empty();
  if (has_validation && options.validation_split > 0) {
    fail("{}: has a validation folder beside train/, so validation_split must be 0. Received: {}", path,
         options.validation_split);
  }
  const std::size_t files = tree.train.files.size() + tree.validation.files.size();
  const std::int64_t image_bytes = plan.elements() * static_cast<std::int64_t>(sizeof(float));
  const FloatShare share(static_cast<std::int64_t>(files), image_bytes,
                         bytes_of(tree.train) + bytes_of(tree.validation), options.cache_bytes);
  ThreadPool pool(options.threads);
  Budget budget(options.cache_bytes - share.before(static_cast<std::int64_t>(files)) * image_bytes);
  std::int64_t opened = 0;
  const auto open = [&](ClassFolders classes) {
    auto images = std::make_shared<ImageFiles>(std::move(classes), plan, mode);
    const std::int64_t count = images->size();
    drop_broken(*images, images->check(pool, budget, share, opened), options.strict, folder.broken);
    opened += count;
    return images;
  };
  const auto train = open(std::move(tree.train));
  folder.train = train;
  folder.train_files = paths_of(*train);
  if (has_validation) {
    const auto validation = open(std::move(tree.validation));
    folder.validation = validation;
    folder.validation_files = paths_of(*validation);
  } else if (options.validation_split > 0) {
    split_folder(folder, options);
  }
  return folder;
}

}  // namespace fovea
