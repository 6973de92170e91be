#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "core/json_fields.h"

namespace fovea::program {

/// Where a training writes: best.keras, last.keras, history.csv, run.json, tensorboard/.
class RunFolder {
 public:
  /// The folder asked for, or a new runs/1, runs/2, ... Throws Error when it exists and is not empty.
  /// Nothing is made before `create`.
  static RunFolder choose(const std::optional<std::string>& asked);
  void create() const;

  std::string path() const { return path_.string(); }
  std::string file(const char* name) const { return (path_ / name).string(); }
  std::string best() const { return file("best.keras"); }
  std::string last() const { return file("last.keras"); }
  /// Atomically: whoever reads it finds the old content or the new one.
  void write_json(const char* name, const Json& json) const;

 private:
  std::filesystem::path path_;
};

}  // namespace fovea::program
