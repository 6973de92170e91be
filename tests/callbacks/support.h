#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "fovea/model.h"
#include "support/errors.h"

namespace fovea::test {

using Json = nlohmann::ordered_json;

/// A fresh folder that is removed with everything in it.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  std::string path(const std::string& name = {}) const { return (path_ / name).string(); }
  /// Paths of all files below, relative and sorted.
  std::vector<std::string> files() const;

 private:
  std::filesystem::path path_;
};

std::string read_file(const std::string& path);
void write_file(const std::string& path, const std::string& text);

/// Collects what the library says while it lives.
class LogCapture {
 public:
  LogCapture();
  ~LogCapture();
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;

  /// The messages since the last call.
  std::vector<std::string> take();

 private:
  std::vector<std::string> messages_;
};

/// As tests/golden/callbacks.py makes it: one weight, compiled with SGD, "mse" and the metrics "acc" and
/// "mae". Compiled by hand: training stands above callbacks.
Model tiny_model(double learning_rate = 0.01);
/// Puts a value into the one weight, by which a copy of the model is known later.
void mark(const Model& model, double value);
double marked(const Model& model);

/// A number of the golden files: "nan", "inf" and "-inf" are strings there.
double number(const Json& value);
Logs logs_of(const Json& figures);

}  // namespace fovea::test
