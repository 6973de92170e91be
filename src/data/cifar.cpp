#include <algorithm>
#include <filesystem>

#include "core/format.h"
#include "data/image.h"
#include "fovea/data.h"

// CIFAR-10's binary version (https://www.cs.toronto.edu/~kriz/cifar.html): records of a label and the red,
// green and blue planes of 32x32 pixels.
namespace fovea {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t side = 32, plane = side * side, record = 1 + 3 * plane, classes = 10;

std::vector<std::string> cifar_classes() {
  return {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"};
}

void append(const fs::path& path, std::vector<std::uint8_t>& records) {
  const std::vector<std::uint8_t> bytes = read_named_file(path.string());
  if (bytes.empty() || bytes.size() % record != 0) {
    fail("{}: a CIFAR-10 batch is made of records of {} bytes. Received: {} bytes", path.string(), record,
         bytes.size());
  }
  for (std::size_t at = 0; at < bytes.size(); at += record) {
    if (bytes[at] >= classes) fail("{}: label {} is not below {}", path.string(), bytes[at], classes);
  }
  records.insert(records.end(), bytes.begin(), bytes.end());
}

DatasetPtr open(const std::vector<fs::path>& paths) {
  std::vector<std::uint8_t> records;
  for (const fs::path& path : paths) append(path, records);
  const std::int64_t samples = static_cast<std::int64_t>(records.size()) / record;
  Tensor x(Shape{samples, side, side, 3}, DType::uint8);
  Tensor y(Shape{samples}, DType::int32);
  std::uint8_t* out = x.data<std::uint8_t>();
  for (std::int64_t i = 0; i < samples; ++i) {
    const std::uint8_t* in = records.data() + i * record;
    y.data<std::int32_t>()[i] = in[0];
    for (std::int64_t p = 0; p < plane; ++p) {
      for (std::int64_t c = 0; c < 3; ++c) *out++ = in[1 + c * plane + p];
    }
  }
  return std::make_shared<ArrayDataset>(x, y, ArrayDatasetOptions{DType::float32, cifar_classes()});
}

}  // namespace

TrainTest cifar10_folder(const std::string& path) {
  if (!fs::is_directory(path)) fail("{}: there is no such folder", path);
  std::vector<fs::path> train;
  for (const fs::directory_entry& entry : fs::directory_iterator(path)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("data_batch_") && name.ends_with(".bin")) train.push_back(entry.path());
  }
  if (train.empty()) {
    fail("{}: no CIFAR-10 batches found. Put data_batch_1.bin to data_batch_5.bin there (the binary version)",
         path);
  }
  std::sort(train.begin(), train.end());
  TrainTest data;
  data.train = open(train);
  const fs::path test = fs::path(path) / "test_batch.bin";
  if (fs::exists(test)) data.test = open({test});
  return data;
}

}  // namespace fovea
