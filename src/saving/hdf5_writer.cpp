#include "saving/hdf5_writer.h"

#include <hdf5.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <span>
#include <utility>

#include "core/format.h"

namespace fovea {
namespace {

/// Holds the library's one lock, and keeps it from printing errors, for a scope.
class Session {
 public:
  Session() : lock_(mutex()) {
    H5Eget_auto2(H5E_DEFAULT, &print_, &print_data_);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  }
  ~Session() { H5Eset_auto2(H5E_DEFAULT, print_, print_data_); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

 private:
  static std::mutex& mutex() {
    static std::mutex instance;
    return instance;
  }
  std::lock_guard<std::mutex> lock_;
  H5E_auto2_t print_ = nullptr;
  void* print_data_ = nullptr;
};

/// The library's own words for what went wrong in its last call.
std::string reason() {
  std::string text;
  const auto keep_first = [](unsigned, const H5E_error2_t* error, void* into) -> herr_t {
    auto& result = *static_cast<std::string*>(into);
    if (result.empty() && error->desc != nullptr) result = error->desc;
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, &text);
  return text.empty() ? "the HDF5 library refuses it" : text;
}

void check(herr_t status, const std::string& what) {
  if (status < 0) fail("{}: {}", what, reason());
}

/// An identifier of the library that is closed at the end of its scope.
class Handle {
 public:
  using Close = herr_t (*)(hid_t);
  Handle() = default;
  /// Throws Error, "<what>: <reason>", for an identifier that stands for a failure.
  Handle(hid_t id, Close close, const std::string& what) : id_(id), close_(close) {
    if (id < 0) fail("{}: {}", what, reason());
  }
  Handle(Handle&& other) noexcept { *this = std::move(other); }
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  ~Handle() { reset(); }
  void reset() {
    if (id_ >= 0) close_(id_);
    id_ = -1;
  }
  operator hid_t() const { return id_; }

 private:
  hid_t id_ = -1;
  Close close_ = nullptr;
};

/// The memory that the library builds a file in. It would free it when the file is closed, and a copy taken
/// before would need as much again.
struct FileMemory {
  char* data = nullptr;  ///< set when the file was closed
  ~FileMemory() { std::free(data); }
};

extern "C" {
static void* image_malloc(std::size_t size, H5FD_file_image_op_t, void*) { return std::malloc(size); }
static void* image_realloc(void* data, std::size_t size, H5FD_file_image_op_t, void*) {
  return std::realloc(data, size);
}
static herr_t image_free(void* data, H5FD_file_image_op_t reason, void* memory) {
  if (reason == H5FD_FILE_IMAGE_OP_FILE_CLOSE) {
    static_cast<FileMemory*>(memory)->data = static_cast<char*>(data);
  } else {
    std::free(data);
  }
  return 0;
}
// The library copies its properties; all of them mean the one FileMemory, which outlives the file.
static void* same_memory(void* memory) { return memory; }
static herr_t keep_memory(void*) { return 0; }
}

/// Access to a file in memory that grows in steps and never touches the disk.
Handle memory_access(FileMemory& memory) {
  constexpr std::size_t kStep = std::size_t{4} << 20;
  Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "HDF5");
  check(H5Pset_fapl_core(access, kStep, false), "HDF5");
  H5FD_file_image_callbacks_t callbacks = {image_malloc, nullptr,     image_realloc, image_free,
                                           same_memory,  keep_memory, &memory};
  check(H5Pset_file_image_callbacks(access, &callbacks), "HDF5");
  return access;
}

/// The library tells open files in memory apart by their names.
std::string unused_name() {
  static std::atomic<std::uint64_t> count{0};
  return fmt::format("fovea-{}", count++);
}

hid_t file_type(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return H5T_IEEE_F32LE;
    case DType::float64:
      return H5T_IEEE_F64LE;
    case DType::int32:
      return H5T_STD_I32LE;
    case DType::int64:
      return H5T_STD_I64LE;
    case DType::uint8:
      return H5T_STD_U8LE;
    case DType::bfloat16:
      break;
  }
  fail("HDF5: its files have no type for {}; convert it to float32", name(dtype));
}

hid_t memory_type(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return H5T_NATIVE_FLOAT;
    case DType::float64:
      return H5T_NATIVE_DOUBLE;
    case DType::int32:
      return H5T_NATIVE_INT32;
    case DType::int64:
      return H5T_NATIVE_INT64;
    case DType::uint8:
      return H5T_NATIVE_UINT8;
    case DType::bfloat16:
      break;
  }
  fail("HDF5: its files have no type for {}; convert it to float32", name(dtype));
}

std::string quoted(const std::string& path) { return "'" + path + "'"; }

}  // namespace

struct Hdf5Writer::State {
  FileMemory memory;
  Handle file;
};

Hdf5Writer::Hdf5Writer() : state_(std::make_unique<State>()) {
  const Session session;
  const Handle access = memory_access(state_->memory);
  state_->file =
      Handle(H5Fcreate(unused_name().c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access), H5Fclose, "HDF5");
}

Hdf5Writer::~Hdf5Writer() {
  const Session session;
  state_->file.reset();
}

namespace {

/// Makes missing groups on the way to an object.
Handle with_parents() {
  Handle creation(H5Pcreate(H5P_LINK_CREATE), H5Pclose, "HDF5");
  check(H5Pset_create_intermediate_group(creation, 1), "HDF5");
  return creation;
}

}  // namespace

void Hdf5Writer::make_group(const std::string& path) {
  const Session session;
  const Handle parents = with_parents();
  const Handle group(H5Gcreate2(state_->file, path.c_str(), parents, H5P_DEFAULT, H5P_DEFAULT), H5Gclose,
                     "group " + quoted(path));
}

void Hdf5Writer::set_attribute(const std::string& group, const std::string& name, const std::string& text) {
  const Session session;
  const std::string what = "attribute '" + name + "' of " + quoted(group);
  const Handle object(H5Gopen2(state_->file, group.empty() ? "/" : group.c_str(), H5P_DEFAULT), H5Gclose,
                      what);
  const Handle type(H5Tcopy(H5T_C_S1), H5Tclose, what);
  check(H5Tset_size(type, H5T_VARIABLE), what);
  check(H5Tset_cset(type, H5T_CSET_UTF8), what);
  const Handle space(H5Screate(H5S_SCALAR), H5Sclose, what);
  const Handle attribute(H5Acreate2(object, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose,
                         what);
  const char* characters = text.c_str();
  check(H5Awrite(attribute, type, &characters), what);
}

namespace {

/// Texts of one length, padded with zeros.
void set_text_list(hid_t file, const std::string& group, const std::string& name,
                   std::span<const std::string> texts) {
  const std::string what = "attribute '" + name + "' of " + quoted(group);
  std::size_t width = 1;
  for (const std::string& text : texts) width = std::max(width, text.size());
  std::string content(width * std::max<std::size_t>(texts.size(), 1), '\0');
  for (std::size_t i = 0; i < texts.size(); ++i) texts[i].copy(content.data() + i * width, width);
  const Handle object(H5Gopen2(file, group.empty() ? "/" : group.c_str(), H5P_DEFAULT), H5Gclose, what);
  const Handle type(H5Tcopy(H5T_C_S1), H5Tclose, what);
  check(H5Tset_size(type, width), what);
  check(H5Tset_strpad(type, H5T_STR_NULLPAD), what);
  const hsize_t count = texts.size();
  const Handle space(H5Screate_simple(1, &count, nullptr), H5Sclose, what);
  const Handle attribute(H5Acreate2(object, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose,
                         what);
  check(H5Awrite(attribute, type, content.data()), what);
}

}  // namespace

void Hdf5Writer::set_texts(const std::string& group, const std::string& name,
                           const std::vector<std::string>& texts) {
  // Less than the 64 KB that a header may have. Source: keras/src/legacy/saving/legacy_h5_format.py,
  // save_attributes_to_hdf5_group.
  constexpr std::size_t kLimit = 64512;
  const Session session;
  std::size_t width = 1;
  for (const std::string& text : texts) width = std::max(width, text.size());
  if (width > kLimit)
    fail("attribute '{}' of {}: a text of {} bytes; at most {} can be written", name, quoted(group), width,
         kLimit);
  if (texts.size() * width <= kLimit) return set_text_list(state_->file, group, name, texts);
  const std::size_t together = kLimit / width;
  const std::span<const std::string> all(texts);
  for (std::size_t first = 0, part = 0; first < texts.size(); first += together, ++part) {
    set_text_list(state_->file, group, fmt::format("{}{}", name, part),
                  all.subspan(first, std::min(together, texts.size() - first)));
  }
}

void Hdf5Writer::write(const std::string& path, const Tensor& value) {
  const Session session;
  const std::string what = "dataset " + quoted(path);
  std::array<hsize_t, Shape::max_rank> sizes{};
  std::copy(value.shape().begin(), value.shape().end(), sizes.begin());
  const auto rank = static_cast<int>(value.shape().rank());
  const Handle space(rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(rank, sizes.data(), nullptr),
                     H5Sclose, what);
  const Handle parents = with_parents();
  const Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, what);
  check(H5Pset_obj_track_times(creation, false), what);
  const Handle dataset(
      H5Dcreate2(state_->file, path.c_str(), file_type(value.dtype()), space, parents, creation, H5P_DEFAULT),
      H5Dclose, what);
  check(H5Dwrite(dataset, memory_type(value.dtype()), H5S_ALL, H5S_ALL, H5P_DEFAULT, value.raw()), what);
}

Hdf5File Hdf5Writer::finish() {
  const Session session;
  check(H5Fflush(state_->file, H5F_SCOPE_GLOBAL), "HDF5");
  const ssize_t size = H5Fget_file_image(state_->file, nullptr, 0);
  check(size < 0 ? -1 : 0, "HDF5");
  state_->file.reset();
  return {std::exchange(state_->memory.data, nullptr), static_cast<std::size_t>(size)};
}

}  // namespace fovea
