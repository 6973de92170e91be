#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "callbacks/output_file.h"
#include "callbacks/wire.h"
#include "fovea/tensor.h"

namespace fovea {

/// A file of events that TensorBoard reads, events.out.tfevents.<seconds>.<host>.<pid>.<n>.v2: TFRecords,
/// each an Event message. Figures are written as tf.summary of TensorFlow 2 does. What fails throws Error
/// naming the file.
class EventFile {
 public:
  /// Makes the folder, and the file with its version in it.
  explicit EventFile(const std::string& folder);
  void scalar(std::string_view tag, double value, std::int64_t step);
  /// Buckets of all elements.
  void histogram(std::string_view tag, const Tensor& values, std::int64_t step);
  /// Makes visible to readers what was written.
  void flush() { file_.flush(); }

 private:
  void summary(std::string_view tag, std::string_view plugin, const WireMessage& tensor, std::int64_t step);

  OutputFile file_;
};

/// One TFRecord: length, masked checksum of it, data, masked checksum of it.
std::string tf_record(std::string_view data);

}  // namespace fovea
