#include "callbacks/support.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>

#include "fovea/error.h"
#include "models/model_impl.h"

namespace fovea::test {
namespace fs = std::filesystem;

ScratchFolder::ScratchFolder() {
  static std::atomic<int> next{0};
  path_ = fs::temp_directory_path() /
          ("fovea-callbacks-" + std::to_string(getpid()) + "-" + std::to_string(next++));
  fs::create_directories(path_);
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::vector<std::string> ScratchFolder::files() const {
  std::vector<std::string> result;
  for (const auto& entry : fs::recursive_directory_iterator(path_)) {
    if (entry.is_regular_file()) result.push_back(fs::relative(entry.path(), path_).string());
  }
  std::sort(result.begin(), result.end());
  return result;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

LogCapture::LogCapture() {
  set_log_callback([this](std::string_view message) { messages_.emplace_back(message); });
}
LogCapture::~LogCapture() { set_log_callback(nullptr); }

std::vector<std::string> LogCapture::take() {
  std::vector<std::string> result;
  result.swap(messages_);
  return result;
}

Model tiny_model(double learning_rate) {
  const Sequential model({Input({1}), Dense(1, {.use_bias = false})});
  auto compiled = std::make_shared<Compiled>();
  compiled->options.optimizer = SGD({.learning_rate = learning_rate});
  compiled->names = {"dense"};
  compiled->losses = {Loss("mse")};
  compiled->metrics = {{"acc", "mae"}};
  compiled->weighted_metrics.resize(1);
  static_cast<ModelImpl&>(*model.impl()).compiled = compiled;
  return model;
}

void mark(const Model& model, double value) {
  model.set_weights({Tensor::of<float>({1, 1}, {static_cast<float>(value)})});
}

double marked(const Model& model) { return static_cast<double>(*model.get_weights()[0].data<float>()); }

double number(const Json& value) {
  if (!value.is_string()) return value.get<double>();
  const std::string text = value.get<std::string>();
  if (text == "nan") return std::nan("");
  return text == "inf" ? std::numeric_limits<double>::infinity() : -std::numeric_limits<double>::infinity();
}

Logs logs_of(const Json& figures) {
  Logs logs;
  for (const auto& [name, value] : figures.items()) logs.set(name, number(value));
  return logs;
}

}  // namespace fovea::test
