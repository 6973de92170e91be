#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fovea::test {

/// One event of an event file, read back.
struct ReadEvent {
  double wall_time = 0;
  std::int64_t step = 0;
  std::string file_version, tag, plugin;
  std::int64_t dtype = 0;  ///< 1: float, 2: double
  std::vector<std::int64_t> shape;
  std::string content;

  double scalar() const;
  std::vector<double> doubles() const;
};

/// Reads records and messages as TensorBoard would, by the formats' descriptions alone. Throws
/// std::runtime_error for a broken file.
std::vector<ReadEvent> read_events(const std::string& path);

}  // namespace fovea::test
