#include <sys/stat.h>

#include <ctime>
#include <fstream>
#include <new>

#include "core/atomic_file.h"
#include "saving/json_access.h"
#include "saving/legacy_h5.h"
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
/// The version whose format is written.
constexpr const char* kKerasVersion = "3.15.1";
constexpr std::int64_t kMaxConfigBytes = std::int64_t{256} << 20;
constexpr std::int64_t kMaxWeightBytes = std::int64_t{1} << 40;

bool ends_with(const std::string& path, std::string_view ending) {
  return path.size() >= ending.size() &&
         path.compare(path.size() - ending.size(), ending.size(), ending) == 0;
}

void require_ending(const std::string& path, std::string_view ending, const char* what) {
  if (!ends_with(path, ending)) fail("{}: the path must end in '{}'. Received: '{}'", what, ending, path);
}

std::string metadata() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  char date[32];
  std::strftime(date, sizeof date, "%Y-%m-%d@%H:%M:%S", &local);
  return json_text({{"keras_version", kKerasVersion}, {"date_saved", date}});
}

/// Runs `work`; what it throws begins with `path`.
template <class Work>
auto about(const std::string& path, Work&& work) {
  try {
    return work();
  } catch (const Error& error) {
    fail("'{}': {}", path, error.what());
  } catch (const std::bad_alloc&) {
    fail("'{}': there is not enough memory for it", path);
  }
}

void require_file(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) fail("there is no such file");
  if (!S_ISREG(status.st_mode)) fail("is no file");
}

std::string read_file(const std::string& path) {
  require_file(path);
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const std::streamoff size = file.tellg();
  if (!file || size < 0) fail("cannot be opened");
  std::string content(static_cast<std::size_t>(size), '\0');
  file.seekg(0);
  file.read(content.data(), size);
  if (!file) fail("cannot be read");
  return content;
}

std::string weights_of_archive(const ZipReader& archive) {
  if (!archive.has(kWeights) && archive.has("model.weights.npz"))
    fail("its weights are in NumPy's format; save the model with weights_format=\"h5\"");
  return archive.read(kWeights, kMaxWeightBytes);
}

}  // namespace

void Model::save(const std::string& path) const {
  require_ending(path, ".keras", "save");
  const ModelImpl& impl = model();
  std::string config, own;
  Hdf5File weights;
  about(path, [&] {
    config = json_text(model_to_json_object(impl));
    weights = write_weight_file(impl);
    own = model_info_to_json(impl.info, kernels());
  });
  const std::string about_saving = metadata();
  write_atomically(path, [&](const std::string& temporary) {
    about(path, [&] {
      write_zip(temporary, {{kMetadata, about_saving}, {kConfig, config}, {kWeights, weights}, {kInfo, own}});
    });
  });
}

void Model::save_weights(const std::string& path) const {
  require_ending(path, kWeightsEnding, "save_weights");
  const ModelImpl& impl = model();
  write_atomically(path, about(path, [&] { return write_weight_file(impl); }));
}

void Model::load_weights(const std::string& path) const {
  const ModelImpl& impl = model();
  const bool archive = ends_with(path, ".keras");
  if (!archive) require_ending(path, kWeightsEnding, "load_weights");
  about(path, [&] {
    require_file(path);
    const std::string weights = archive ? weights_of_archive(ZipReader(path)) : read_file(path);
    read_weight_file(impl, weights);
  });
}

namespace {

Model load_archive(const std::string& path, const LoadOptions& options) {
  const ZipReader archive(path);
  const std::string config = archive.read(kConfig, kMaxConfigBytes);
  const std::string weights = weights_of_archive(archive);
  const Model model = about_place(kConfig, [&] {
    return model_from_json_object(parse_json(config),
                                  {.compile = options.compile,
                                   .by_fovea = archive.has(kInfo),
                                   .weight_bytes = static_cast<std::int64_t>(weights.size())});
  });
  auto& impl = static_cast<ModelImpl&>(*model.impl());
  about_place(kWeights, [&] { read_weight_file(impl, weights); });
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
  const bool legacy = ends_with(path, ".h5") || ends_with(path, ".hdf5");
  if (!legacy && !ends_with(path, ".keras"))
    fail("load_model: the path must end in '.keras', '.h5' or '.hdf5'. Received: '{}'", path);
  return about(path, [&] {
    require_file(path);
    return legacy ? load_legacy_h5(read_file(path), options) : load_archive(path, options);
  });
}

}  // namespace fovea
