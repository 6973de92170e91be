#include <algorithm>
#include <fstream>

#include "callbacks/output_file.h"
#include "callbacks/python_text.h"
#include "callbacks/state.h"
#include "core/csv.h"
#include "core/format.h"

// Source: keras/src/callbacks/csv_logger.py, which writes through Python's csv module (dialect "excel": lines
// end in \r\n, a field is quoted only when it must be).

namespace fovea {
namespace {

bool has_first_line(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return file.peek() != std::ifstream::traits_type::eof();
}

std::vector<std::string> columns_of(const Logs& logs) {
  std::vector<std::string> columns;
  for (const auto& [name, value] : logs) columns.push_back(name);
  std::sort(columns.begin(), columns.end());
  const auto validates = [](const std::string& name) { return name.rfind("val_", 0) == 0; };
  if (std::any_of(columns.begin(), columns.end(), validates)) return columns;
  // Validation may come in a later epoch, and the header is written now.
  for (std::size_t i = 0, count = columns.size(); i < count; ++i) columns.push_back("val_" + columns[i]);
  return columns;
}

}  // namespace

struct CSVLogger::State {
  void append_field(std::string& line, const std::string& text) const {
    if (!line.empty()) line += options.separator;
    line += csv_field(text, options.separator[0]);
  }

  void write_header() const {
    std::string line;
    append_field(line, "epoch");
    for (const std::string& name : columns) append_field(line, name);
    file->write(line + "\r\n");
  }

  std::string filename;
  CSVLoggerOptions options;
  std::unique_ptr<OutputFile> file;
  bool needs_header = true;
  std::vector<std::string> columns;  ///< after "epoch"; empty until the first epoch's end
};

CSVLogger::CSVLogger(const std::string& filename, const CSVLoggerOptions& options)
    : state_(std::make_shared<State>()) {
  if (options.separator.size() != 1 || std::string("\"\r\n").find(options.separator) != std::string::npos) {
    fail("CSVLogger: separator must be one character, not a quote or a line's end. Received: '{}'",
         options.separator);
  }
  state_->filename = filename;
  state_->options = options;
}

void CSVLogger::on_train_begin(const Logs&) {
  State& state = *state_;
  state.file.reset();
  state.needs_header = !state.options.append || !has_first_line(state.filename);
  state.columns.clear();
  state.file = std::make_unique<OutputFile>("CSVLogger", state.filename, state.options.append ? "a" : "w");
}

void CSVLogger::on_epoch_end(std::int64_t epoch, Logs& logs) {
  State& state = *state_;
  if (!state.file) fail("CSVLogger: an epoch of '{}' ended before training began", state.filename);
  if (state.columns.empty()) state.columns = columns_of(logs);
  if (state.needs_header) state.write_header();
  state.needs_header = false;
  std::string line = std::to_string(epoch);
  for (const std::string& name : state.columns) {
    const double* value = logs.find(name);
    state.append_field(line, value != nullptr ? python_text(*value) : "NA");
  }
  state.file->write(line + "\r\n");
  state.file->flush();
}

void CSVLogger::on_train_end(const Logs&) { state_->file.reset(); }

void CSVLogger::state(StateVisitor& visitor) { visit_names(visitor, "columns", state_->columns); }

}  // namespace fovea
