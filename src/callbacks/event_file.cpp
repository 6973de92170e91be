#include "callbacks/event_file.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <filesystem>

#include "callbacks/crc32c.h"
#include "callbacks/histogram.h"
#include "core/format.h"

// Field numbers are those of tensorflow/core/util/event.proto and tensorflow/core/framework/{summary, tensor,
// tensor_shape,types}.proto.

namespace fovea {
namespace {

enum EventField { kWallTime = 1, kStep = 2, kFileVersion = 3, kSummary = 5 };
enum SummaryField { kValue = 1 };
enum ValueField { kTag = 1, kTensor = 8, kMetadata = 9 };
enum MetadataField { kPluginData = 1 };
enum PluginDataField { kPluginName = 1 };
enum TensorField { kDType = 1, kShape = 2, kContent = 4 };
enum ShapeField { kDim = 2 };
enum DimField { kSize = 1 };
enum TensorType { kFloat = 1, kDouble = 2 };

double wall_time() {
  using Seconds = std::chrono::duration<double>;
  return std::chrono::duration_cast<Seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string new_path(const std::string& folder) {
  namespace fs = std::filesystem;
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) fail("TensorBoard: cannot make the folder '{}': {}", folder, error.message());
  // Files of one process must differ within a second too.
  static std::atomic<int> files{0};
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  const std::string name =
      fmt::format("events.out.tfevents.{:010}.{}.{}.{}.v2", static_cast<std::int64_t>(wall_time()),
                  host.data(), getpid(), files++);
  return (fs::path(folder) / name).string();
}

WireMessage tensor_of(TensorType type, std::initializer_list<std::int64_t> sizes, std::string_view content) {
  WireMessage shape;
  for (const std::int64_t size : sizes) {
    WireMessage dim;
    dim.varint(kSize, size);
    shape.message(kDim, dim);
  }
  WireMessage tensor;
  tensor.varint(kDType, type);
  tensor.message(kShape, shape);
  tensor.text(kContent, content);
  return tensor;
}

std::uint32_t masked_crc32c(std::string_view bytes) {
  // The mask keeps a checksum of data that holds checksums from being trivial.
  const std::uint32_t crc = crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xA282EAD8U;
}

}  // namespace

std::string tf_record(std::string_view data) {
  std::string record;
  append_little_endian(record, data.size(), 8);
  append_little_endian(record, masked_crc32c(record), 4);
  record += data;
  append_little_endian(record, masked_crc32c(data), 4);
  return record;
}

EventFile::EventFile(const std::string& folder) : file_("TensorBoard", new_path(folder), "w") {
  WireMessage event;
  event.float64(kWallTime, wall_time());
  event.text(kFileVersion, "brain.Event:2");
  file_.write(tf_record(event.bytes()));
  flush();
}

void EventFile::scalar(std::string_view tag, double value, std::int64_t step) {
  std::string content;
  append_little_endian(content, std::bit_cast<std::uint32_t>(static_cast<float>(value)), 4);
  summary(tag, "scalars", tensor_of(kFloat, {}, content), step);
}

void EventFile::histogram(std::string_view tag, const Tensor& values, std::int64_t step) {
  std::string content;
  for (const HistogramBucket& bucket : histogram_of(values)) {
    for (const double number : {bucket.left, bucket.right, bucket.count}) {
      append_little_endian(content, std::bit_cast<std::uint64_t>(number), 8);
    }
  }
  summary(tag, "histograms", tensor_of(kDouble, {kHistogramBuckets, 3}, content), step);
}

void EventFile::summary(std::string_view tag, std::string_view plugin, const WireMessage& tensor,
                        std::int64_t step) {
  WireMessage plugin_data, metadata, value, values, event;
  plugin_data.text(kPluginName, plugin);
  metadata.message(kPluginData, plugin_data);
  value.text(kTag, tag);
  value.message(kTensor, tensor);
  value.message(kMetadata, metadata);
  values.message(kValue, value);
  event.float64(kWallTime, wall_time());
  event.varint(kStep, step);
  event.message(kSummary, values);
  file_.write(tf_record(event.bytes()));
}

}  // namespace fovea
