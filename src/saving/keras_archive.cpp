#include <ctime>
#include <future>
#include <memory>

#include "core/atomic_file.h"
#include "saving/file_access.h"
#include "saving/json_access.h"
#include "saving/keras_version.h"
#include "saving/legacy_config.h"
#include "saving/legacy_h5.h"
#include "saving/legacy_weights.h"
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

/// The weights of an archive. Most are read where they lie; those that are packed are unpacked first.
class ArchivedWeights {
 public:
  explicit ArchivedWeights(const ZipReader& archive) {
    if (!archive.has(kWeights) && archive.has("model.weights.npz"))
      fail("its weights are in NumPy's format; save the model with weights_format=\"h5\"");
    bytes_ = archive.stored(kWeights);
    if (bytes_) return;
    unpacked_ = archive.read(kWeights, kMaxWeightBytes);
    bytes_ = std::make_unique<MemoryBytes>(unpacked_);
  }
  const ByteSource& bytes() const { return *bytes_; }

 private:
  std::string unpacked_;
  std::unique_ptr<ByteSource> bytes_;
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
    if (archive) {
      const ZipReader zip(path);
      const ArchivedWeights weights(zip);
      zip.check(kWeights);  // before anything is changed
      return read_weight_file(impl, Hdf5Reader(weights.bytes()), options.skip_mismatch);
    }
    const FileBytes bytes(path);
    const Hdf5Reader file(bytes);
    if (legacy) return load_legacy_weights(impl, file, options);
    read_weight_file(impl, file, options.skip_mismatch);
  });
}

namespace {

/// Of Keras that wrote the archive, or empty.
std::string version_of(const ZipReader& archive) {
  if (!archive.has(kMetadata)) return {};
  const std::string text = archive.read(kMetadata, kMaxConfigBytes);
  return about_place(kMetadata, [&] {
    const Json metadata = parse_json(text);
    const bool known = metadata.is_object() && metadata.contains("keras_version");
    return known ? text_member(metadata, "keras_version", "its object") : std::string();
  });
}

Model load_archive(const std::string& path, const LoadOptions& options) {
  const ZipReader archive(path);
  const ArchivedWeights weights(archive);
  // Beside the reading: the model is handed out once both are done.
  const ZipReader second(path);
  std::future<void> checked = std::async(std::launch::async, [&] { second.check(kWeights); });
  const std::string version = version_of(archive);
  const Model model = about_place(kConfig, [&] {
    Json object = parse_json(archive.read(kConfig, kMaxConfigBytes));
    if (is_legacy_model(object, version)) object = model_from_legacy(object);
    return model_from_json_object(object,
                                  {.compile = options.compile,
                                   .by_fovea = archive.has(kInfo),
                                   .weight_bytes = static_cast<std::int64_t>(weights.bytes().size())});
  });
  auto& impl = static_cast<ModelImpl&>(*model.impl());
  try {
    about_place(kWeights, [&] { read_weight_file(impl, Hdf5Reader(weights.bytes())); });
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
    return legacy ? load_legacy_h5(FileBytes(path), options) : load_archive(path, options);
  });
}

}  // namespace fovea
