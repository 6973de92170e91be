#include <ctime>
#include <future>
#include <optional>

#include "core/atomic_file.h"
#include "saving/file_access.h"
#include "saving/json_access.h"
#include "saving/keras_version.h"
#include "saving/legacy_h5.h"
#include "saving/legacy_weights.h"
#include "saving/mapped_file.h"
#include "saving/model_info.h"
#include "saving/model_json.h"
#include "saving/weight_file.h"
#include "saving/zip_file.h"

// A .keras archive is a zip of stored members: metadata.json, config.json, model.weights.h5 and, of fovea's
// own, fovea.json. Source: keras/src/saving/saving_lib.py.

namespace fovea {
namespace {

constexpr const char* kMetadata = "metadata.json";
constexpr const char* kConfig = "config.json";
constexpr const char* kWeights = "model.weights.h5";
constexpr const char* kInfo = "fovea.json";
constexpr const char* kWeightsEnding = ".weights.h5";
constexpr std::int64_t kMaxConfigBytes = std::int64_t{256} << 20;
constexpr std::int64_t kMaxWeightBytes = std::int64_t{1} << 40;

bool is_legacy_h5(const std::string& path) {
  return (ends_with(path, ".h5") && !ends_with(path, kWeightsEnding)) || ends_with(path, ".hdf5");
}

std::string metadata() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  char date[32];
  std::strftime(date, sizeof date, "%Y-%m-%d@%H:%M:%S", &local);
  return json_text({{"keras_version", kKerasVersion}, {"date_saved", date}});
}

/// A file of weights: in an archive, where it is checked as a whole, or by itself.
class WeightBytes {
 public:
  WeightBytes(const std::string& path, const ZipReader* archive) : file_(path), archive_(archive) {
    if (archive == nullptr) {
      bytes_ = file_.bytes();
      return;
    }
    if (!archive->has(kWeights) && archive->has("model.weights.npz"))
      fail("its weights are in NumPy's format; save the model with weights_format=\"h5\"");
    bytes_ = ZipReader::find_stored(file_.bytes(), kWeights);
    if (!bytes_.empty()) return;
    unpacked_ = archive->read(kWeights, kMaxWeightBytes);
    bytes_ = unpacked_;
  }

  std::string_view bytes() const { return bytes_; }
  /// Throws Error when the archive's checksum of them is not theirs.
  void check() const {
    if (archive_ != nullptr && unpacked_.empty()) archive_->check(kWeights);
  }
  /// So many bytes were read: from time to time the file's memory is given back.
  void have_read(std::size_t bytes) {
    constexpr std::size_t kOften = std::size_t{4} << 20;
    read_ += bytes;
    if (read_ < kOften || !unpacked_.empty()) return;
    file_.release(bytes_);
    read_ = 0;
  }

 private:
  MappedFile file_;
  const ZipReader* archive_;
  std::string unpacked_;
  std::string_view bytes_;
  std::size_t read_ = 0;
};

}  // namespace

void Model::save(const std::string& path) const {
  const ModelImpl& impl = model();
  const bool legacy = is_legacy_h5(path);
  if (!legacy && !ends_with(path, ".keras"))
    fail("save: the path must end in '.keras', '.h5' or '.hdf5'. Received: '{}'", path);
  std::string config, own;
  Hdf5File content;
  about(path, [&] {
    own = model_info_to_json(impl.info, kernels());
    if (!legacy) config = json_text(model_to_json_object(impl));
    content = legacy ? write_legacy_h5(impl, own) : write_weight_file(impl);
  });
  if (legacy) return write_atomically(path, content);
  const std::string about_saving = metadata();
  write_atomically(path, [&](const std::string& temporary) {
    about(path, [&] {
      write_zip(temporary, {{kMetadata, about_saving}, {kConfig, config}, {kWeights, content}, {kInfo, own}});
    });
  });
}

void Model::save_weights(const std::string& path) const {
  if (!ends_with(path, kWeightsEnding))
    fail("save_weights: the path must end in '{}'. Received: '{}'", kWeightsEnding, path);
  const ModelImpl& impl = model();
  write_atomically(path, about(path, [&] { return write_weight_file(impl); }));
}

void Model::load_weights(const std::string& path, const LoadWeightsOptions& options) const {
  const ModelImpl& impl = model();
  const bool archive = ends_with(path, ".keras");
  const bool legacy = is_legacy_h5(path);
  if (!archive && !legacy && !ends_with(path, kWeightsEnding)) {
    fail("load_weights: the path must end in '{}', '.keras', '.h5' or '.hdf5'. Received: '{}'",
         kWeightsEnding, path);
  }
  if (options.by_name && !legacy)
    fail("load_weights: by_name goes with a legacy '.h5' or '.hdf5' file alone. Received: '{}'", path);
  about(path, [&] {
    require_file(path);
    std::optional<ZipReader> opened;
    if (archive) opened.emplace(path);
    WeightBytes weights(path, archive ? &*opened : nullptr);
    weights.check();  // before anything is changed
    if (legacy) {
      load_legacy_weights(impl, Hdf5Reader(weights.bytes()), options);
    } else {
      read_weight_file(impl, weights.bytes(), options.skip_mismatch,
                       [&](std::size_t read) { weights.have_read(read); });
    }
  });
}

namespace {

Model load_archive(const std::string& path, const LoadOptions& options) {
  const ZipReader archive(path);
  const std::string config = archive.read(kConfig, kMaxConfigBytes);
  WeightBytes weights(path, &archive);
  // Beside the reading: the model is handed out once both are done.
  const ZipReader second(path);
  std::future<void> checked = std::async(std::launch::async, [&] { second.check(kWeights); });
  const Model model = about_place(kConfig, [&] {
    return model_from_json_object(parse_json(config),
                                  {.compile = options.compile,
                                   .by_fovea = archive.has(kInfo),
                                   .weight_bytes = static_cast<std::int64_t>(weights.bytes().size())});
  });
  auto& impl = static_cast<ModelImpl&>(*model.impl());
  try {
    about_place(kWeights, [&] {
      read_weight_file(impl, weights.bytes(), false, [&](std::size_t read) { weights.have_read(read); });
    });
  } catch (const Error&) {
    checked.get();  // what is damaged says that first
    throw;
  }
  checked.get();
  if (archive.has(kInfo)) {
    const std::string own = archive.read(kInfo, kMaxConfigBytes);
    about_place(kInfo, [&] {
      impl.info = model_info_from_json(own);
      impl.record = kernels_from_json(own);
      return 0;
    });
  }
  return model;
}

}  // namespace

Model load_model(const std::string& path, const LoadOptions& options) {
  if (ends_with(path, kWeightsEnding))
    fail("load_model: '{}' holds weights alone. Make the model, and read them with load_weights", path);
  const bool legacy = is_legacy_h5(path);
  if (!legacy && !ends_with(path, ".keras"))
    fail("load_model: the path must end in '.keras', '.h5' or '.hdf5'. Received: '{}'", path);
  return about(path, [&] {
    require_file(path);
    return legacy ? load_legacy_h5(MappedFile(path).bytes(), options) : load_archive(path, options);
  });
}

}  // namespace fovea
