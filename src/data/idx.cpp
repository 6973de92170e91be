#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>

#include "core/format.h"
#include "fovea/data.h"

// IDX (http://yann.lecun.com/exdb/mnist): bytes 0, 0, element type, rank; then sizes and elements,
// big-endian.
namespace fovea {
namespace {

namespace fs = std::filesystem;

struct Close {
  void operator()(gzFile_s* file) const { gzclose(file); }
};

/// Reads plain and gzip files alike.
class GzipReader {
 public:
  explicit GzipReader(const std::string& path) : path_(path), file_(gzopen(path.c_str(), "rb")) {
    if (!file_) fail("{}: the file cannot be opened", path);
  }

  void read(void* to, std::size_t bytes) {
    auto* at = static_cast<std::uint8_t*>(to);
    while (bytes > 0) {
      const auto step = static_cast<unsigned>(std::min<std::size_t>(bytes, 1U << 30));
      const int got = gzread(file_.get(), at, step);
      if (got < 0) damaged();
      if (got == 0) fail("{}: the IDX file is cut short, {} bytes are missing", path_, bytes);
      at += got;
      bytes -= static_cast<std::size_t>(got);
    }
  }

  std::uint32_t read_u32() {
    std::uint8_t b[4];
    read(b, sizeof b);
    return static_cast<std::uint32_t>(b[0]) << 24 | static_cast<std::uint32_t>(b[1]) << 16 |
           static_cast<std::uint32_t>(b[2]) << 8 | static_cast<std::uint32_t>(b[3]);
  }

  /// Also makes zlib compare the checksum of a gzip file.
  void expect_end() {
    std::uint8_t extra = 0;
    const int got = gzread(file_.get(), &extra, 1);
    if (got < 0) damaged();
    if (got > 0) fail("{}: the IDX file is longer than its header says", path_);
  }

 private:
  [[noreturn]] void damaged() {
    int code = 0;
    fail("{}: broken gzip data: {}", path_, gzerror(file_.get(), &code));
  }

  std::string path_;
  std::unique_ptr<gzFile_s, Close> file_;
};

DType idx_type(const std::string& path, std::uint32_t code) {
  switch (code) {
    case 0x08:
      return DType::uint8;
    case 0x0C:
      return DType::int32;
    case 0x0D:
      return DType::float32;
    case 0x0E:
      return DType::float64;
    default:
      fail("{}: IDX elements of type 0x{:02x} are not supported", path, code);
  }
}

void from_big_endian(Tensor& tensor) {
  const std::size_t bytes = size_of(tensor.dtype());
  if (bytes == 1 || std::endian::native == std::endian::big) return;
  auto* at = static_cast<std::uint8_t*>(tensor.raw());
  for (std::int64_t i = 0; i < tensor.size(); ++i, at += bytes) std::reverse(at, at + bytes);
}

/// Refuses sizes that the file cannot hold before memory is taken; gzip shrinks at most 1032 times.
void check_size(const std::string& path, const TensorSpec& spec) {
  std::error_code status;
  const std::uintmax_t file = fs::file_size(path, status);
  if (status) fail("{}: {}", path, status.message());
  constexpr std::uintmax_t largest_ratio = 1032;
  std::uintmax_t bytes = 0;
  try {
    bytes = static_cast<std::uintmax_t>(spec.bytes());
  } catch (const Error& error) {
    fail("{}: {}", path, error.what());
  }
  if (bytes / largest_ratio > file) {
    fail("{}: the IDX header announces {}, but the file has only {} bytes", path, spec.str(), file);
  }
}

/// Images (N, H, W) become (N, H, W, 1), uint8 in memory and float32 for the model.
DatasetPtr open_pair(const std::string& images_path, const std::string& labels_path) {
  Tensor images = load_idx(images_path);
  const Tensor labels = load_idx(labels_path);
  if (images.shape().rank() != 3)
    fail("{}: images are (N, H, W). Received: {}", images_path, images.spec().str());
  if (labels.shape().rank() != 1) fail("{}: labels are (N). Received: {}", labels_path, labels.spec().str());
  if (images.shape()[0] != labels.shape()[0]) {
    fail("{}: {} images, but {} labels in {}", images_path, images.shape()[0], labels.shape()[0],
         labels_path);
  }
  Shape shape = images.shape();
  shape.push_back(1);
  return std::make_shared<ArrayDataset>(images.reshaped(shape), labels.astype(DType::int32),
                                        ArrayDatasetOptions{DType::float32, {}});
}

/// "train-images-idx3-ubyte.gz" -> "train-labels-idx1-ubyte.gz", whether dots or dashes separate.
std::string labels_name(std::string name) {
  name.replace(name.find("images"), 6, "labels");
  name.replace(name.find("idx3"), 4, "idx1");
  return name;
}

/// The labels beside an images file; one of the two may be compressed.
fs::path labels_beside(const fs::path& images) {
  const fs::path same = images.parent_path() / labels_name(images.filename().string());
  if (fs::exists(same)) return same;
  const fs::path other =
      same.extension() == ".gz" ? fs::path(same).replace_extension() : fs::path(same.string() + ".gz");
  if (fs::exists(other)) return other;
  fail("{}: the labels are missing. Put {} beside it", images.string(), same.filename().string());
}

}  // namespace

Tensor load_idx(const std::string& path) {
  GzipReader reader(path);
  const std::uint32_t magic = reader.read_u32();
  const std::uint32_t rank = magic & 0xff;
  if (magic >> 16 != 0) fail("{}: no IDX file: it begins with 0x{:08x}", path, magic);
  const DType dtype = idx_type(path, magic >> 8);
  if (rank < 1 || rank > Shape::max_rank) fail("{}: IDX arrays of rank {} are not supported", path, rank);
  Shape shape;
  for (std::uint32_t i = 0; i < rank; ++i) shape.push_back(reader.read_u32());
  check_size(path, {shape, dtype});
  Tensor tensor(shape, dtype);
  reader.read(tensor.raw(), static_cast<std::size_t>(tensor.bytes()));
  reader.expect_end();
  from_big_endian(tensor);
  return tensor;
}

TrainTest idx_folder(const std::string& path) {
  if (!fs::is_directory(path)) fail("{}: there is no such folder", path);
  fs::path train, test;
  for (const fs::directory_entry& entry : fs::directory_iterator(path)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with('.') || name.find("images") == std::string::npos ||
        name.find("idx3") == std::string::npos) {
      continue;
    }
    const bool training = name.find("train") != std::string::npos;
    if (!training && name.find("t10k") == std::string::npos && name.find("test") == std::string::npos)
      continue;
    fs::path& found = training ? train : test;
    const fs::path plain =
        entry.path().extension() == ".gz" ? fs::path(entry.path()).replace_extension() : entry.path();
    const fs::path packed = plain.string() + ".gz";
    if (!found.empty() && found != plain && found != packed) {
      fail("{}: several files of {} images: {} and {}. Keep one data set per folder", path,
           training ? "training" : "test", found.filename().string(), name);
    }
    if (found.empty() || found == packed) found = entry.path();
  }
  if (train.empty())
    fail("{}: no IDX images found. Put train-images-idx3-ubyte[.gz] and its labels there", path);
  TrainTest data;
  data.train = open_pair(train.string(), labels_beside(train).string());
  if (!test.empty()) data.test = open_pair(test.string(), labels_beside(test).string());
  return data;
}

}  // namespace fovea
