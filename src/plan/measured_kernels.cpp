#include "plan/measured_kernels.h"

#include <cctype>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "core/atomic_file.h"
#include "core/format.h"
#include "core/json_fields.h"

namespace fovea {
namespace {

namespace fs = std::filesystem;

constexpr int kFormat = 1;
constexpr std::uintmax_t kMostBytes = std::uintmax_t{64} << 20;

Json to_json(const MeasuredMachine& machine) {
  return {{"cpu", machine.cpu},
          {"instruction_set", machine.instruction_set},
          {"kernels_version", machine.kernels_version},
          {"threads", machine.threads}};
}

/// Letters, digits and dashes of a text.
std::string plain(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
      result += c;
    } else if (!result.empty() && result.back() != '-') {
      result += '-';
    }
  }
  while (!result.empty() && result.back() == '-') result.pop_back();
  return result.substr(0, 100);
}

std::string file_name(const MeasuredMachine& machine) {
  return fmt::format("kernels-{}-{}-v{}-{}-threads.json", plain(machine.cpu), machine.instruction_set,
                     machine.kernels_version, machine.threads);
}

}  // namespace

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

MeasuredKernels::MeasuredKernels(const std::string& folder, const MeasuredMachine& machine)
    : path_((fs::path(folder) / file_name(machine)).string()), machine_(machine) {
  try {
    entries_ = read();
  } catch (const Error& error) {
    problem_ = fmt::format(
        "'{}' {}. It is left alone, and what is measured now is not remembered; remove it to start anew",
        path_, error.what());
  }
}

MeasuredKernels::Entries MeasuredKernels::read() const {
  std::error_code error;
  if (!fs::exists(path_, error) && !error) return {};
  if (!fs::is_regular_file(path_, error)) fail("cannot be read");
  if (fs::file_size(path_, error) > kMostBytes || error) fail("is too large for a file of measured kernels");
  std::ifstream file(path_, std::ios::binary);
  std::stringstream text;
  if (!file.is_open()) fail("cannot be read");
  text << file.rdbuf();
  const Json json = Json::parse(text.str(), nullptr, false);
  if (!json.is_object() || !json.contains("format") || !json.contains("machine") ||
      !json.contains("measured") || !json["measured"].is_object())
    fail("is damaged or no file of measured kernels");
  if (json["format"] != kFormat) fail("is of another format, written by another version of fovea");
  if (json["machine"] != to_json(machine_)) fail("was measured on another machine");
  Entries entries;
  for (const auto& [key, value] : json["measured"].items()) {
    const auto kernel = value.find("kernel"), milliseconds = value.find("milliseconds");
    if (!value.is_object() || kernel == value.end() || !kernel->is_string() || milliseconds == value.end() ||
        !milliseconds->is_number())
      fail("is damaged");
    entries[key] = {kernel->get<std::string>(), milliseconds->get<double>()};
  }
  return entries;
}

std::optional<MeasuredKernels::Entry> MeasuredKernels::find(std::string_view key) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end()) return {};
  return found->second;
}

void MeasuredKernels::add(const std::string& key, Entry entry) {
  const std::lock_guard lock(mutex_);
  entries_[key] = std::move(entry);
  ++added_;
}

std::size_t MeasuredKernels::save() {
  const std::lock_guard lock(mutex_);
  if (added_ == 0 || path_.empty() || !problem_.empty()) return 0;
  const std::size_t added = std::exchange(added_, 0);
  Entries all = entries_;
  all.merge(read());
  Json measured = Json::object();
  for (const auto& [key, entry] : all)
    measured[key] = {{"kernel", entry.kernel}, {"milliseconds", std::round(entry.milliseconds * 1e5) / 1e5}};
  const Json json{{"format", kFormat}, {"machine", to_json(machine_)}, {"measured", measured}};
  std::error_code error;
  fs::create_directories(fs::path(path_).parent_path(), error);
  write_atomically(path_, json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
  return added;
}

}  // namespace fovea
