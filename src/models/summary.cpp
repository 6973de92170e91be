#include <algorithm>
#include <array>
#include <cmath>

#include "models/model_impl.h"

// The table that Keras prints (keras/src/utils/summary_utils.py): columns at fixed shares of the line, cells
// wrapped at spaces, words that do not fit cut with an ellipsis.

namespace fovea {
namespace {

constexpr int kLineLength = 88;
constexpr int kBranchedLineLength = 108;

struct Column {
  std::string title;
  int width;  ///< between the borders
  bool right = false;
};

using Cell = std::vector<std::string>;  ///< its lines

int display_width(const std::string& text) {
  return static_cast<int>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string cut(const std::string& word, int width) {
  return display_width(word) <= width
             ? word
             : word.substr(0, static_cast<std::size_t>(std::max(width - 1, 0))) + "…";
}

/// Lines of at most `width` characters, broken at spaces.
Cell wrap(const std::string& text, int width) {
  Cell lines(1);
  std::size_t at = 0;
  while (at <= text.size()) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string word = cut(text.substr(at, end - at), width);
    std::string& line = lines.back();
    if (line.empty()) {
      line = word;
    } else if (display_width(line) + 1 + display_width(word) <= width) {
      line += ' ' + word;
    } else {
      lines.push_back(word);
    }
    at = end + 1;
  }
  return lines;
}

std::string repeated(std::string_view text, int count) {
  std::string result;
  for (int i = 0; i < count; ++i) result += text;
  return result;
}

std::string rule(const std::vector<Column>& columns, std::string_view left, std::string_view line,
                 std::string_view middle, std::string_view right) {
  std::string result(left);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    result += repeated(line, columns[i].width);
    result += i + 1 < columns.size() ? middle : right;
  }
  return result + "\n";
}

std::string row(const std::vector<Column>& columns, const std::vector<Cell>& cells, std::string_view border) {
  std::size_t height = 1;
  for (const Cell& cell : cells) height = std::max(height, cell.size());
  std::string result;
  for (std::size_t line = 0; line < height; ++line) {
    result += border;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const std::string text = line < cells[i].size() ? cells[i][line] : "";
      const std::string space(
          static_cast<std::size_t>(std::max(columns[i].width - 2 - display_width(text), 0)), ' ');
      result += columns[i].right ? " " + space + text + " " : " " + text + space + " ";
      result += border;
    }
    result += "\n";
  }
  return result;
}

std::string with_commas(std::int64_t number) {
  std::string digits = std::to_string(number);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), ",");
  }
  return digits;
}

std::string readable_size(double bytes) {
  constexpr std::array<const char*, 5> kUnits = {"B", "KB", "MB", "GB", "TB"};
  std::size_t unit = 0;
  for (; bytes >= 1024 && unit + 1 < kUnits.size(); ++unit) bytes /= 1024;
  return fmt::format("{:.2f} {}", bytes, kUnits[unit]);
}

std::string total_line(const char* label, const std::vector<Variable>& weights) {
  std::int64_t count = 0, bytes = 0;
  for (const Variable& weight : weights) {
    count += weight.spec().shape.elements();
    bytes += weight.spec().bytes();
  }
  return fmt::format(" {}: {} ({})\n", label, with_commas(count), readable_size(static_cast<double>(bytes)));
}

std::int64_t count_params(const LayerImpl& layer) {
  std::int64_t count = 0;
  const ModelImpl* inner = as_model(layer);
  for (const Variable& weight : inner != nullptr ? inner->collect_weights(false) : layer.weights) {
    count += weight.spec().shape.elements();
  }
  return count;
}

class Summary {
 public:
  Summary(const ModelImpl& model, const SummaryOptions& options) : model_(model), options_(options) {
    for (const SymbolicTensor& input : model.inputs()) input_shapes_.push_back(input.shape());
    shapes_ = model.all_output_shapes(input_shapes_);
    in_a_row_ = model.class_name() == "Sequential";
    make_columns();
  }

  std::string str() const {
    std::string result = fmt::format("Model: \"{}\"\n", model_.shown_name());
    result += rule(columns_, "┏", "━", "┳", "┓");
    std::vector<Cell> titles;
    for (const Column& column : columns_) titles.push_back({column.title});
    result += row(columns_, titles, "┃");
    result += rule(columns_, "┡", "━", "╇", "┩");
    bool first = true;
    for (const auto& call : shown_calls()) {
      if (!first) result += rule(columns_, "├", "─", "┼", "┤");
      first = false;
      result += row(columns_, cells(*call), "│");
    }
    result += rule(columns_, "└", "─", "┴", "┘");
    result += totals();
    if (options_.explain) result += explanation();
    return result;
  }

 private:
  void make_columns() {
    const int length =
        options_.line_length > 0 ? options_.line_length : (in_a_row_ ? kLineLength : kBranchedLineLength);
    // Keras' positions along the line, and how many characters each column then gives to the borders.
    const std::vector<double> ends =
        in_a_row_ ? std::vector{0.45, 0.80, 1.0} : std::vector{0.3, 0.56, 0.74, 1.0};
    const std::vector<int> borders = in_a_row_ ? std::vector{1, 2, 1} : std::vector{1, 1, 2, 1};
    const std::vector<std::string> titles = {"Layer (type)", "Output Shape", "Param #", "Connected to"};
    int start = 0;
    for (std::size_t i = 0; i < ends.size(); ++i) {
      const int end = static_cast<int>(ends[i] * length + 1e-9);
      columns_.push_back({titles[i], std::max(end - start - borders[i], 8), i == 2});
      start = end;
    }
  }

  std::vector<std::shared_ptr<LayerCall>> shown_calls() const {
    std::vector<std::shared_ptr<LayerCall>> result;
    for (const auto& layer : model_.layers()) {
      const std::shared_ptr<LayerCall> call = model_.calls_of(*layer)[0];
      if (!in_a_row_ || !call->inputs.empty()) result.push_back(call);
    }
    return result;
  }

  std::vector<Cell> cells(const LayerCall& call) const {
    const LayerImpl& layer = *call.layer;
    std::string type(layer.class_name().substr(layer.class_name().rfind('>') + 1));
    const auto inner = [&](std::size_t i) { return columns_[i].width - 2; };
    std::vector<Cell> result;
    result.push_back(wrap(fmt::format("{} ({})", layer.name, type), inner(0)));
    std::string shapes;
    for (const Shape& shape : shapes_.at(&call)) shapes += (shapes.empty() ? "" : ", ") + shape.str();
    result.push_back(wrap(shapes, inner(1)));
    result.push_back({cut(with_commas(count_params(layer)), inner(2))});
    if (in_a_row_) return result;
    Cell sources;
    for (const SymbolicTensor& input : call.inputs) {
      sources.push_back(
          cut(fmt::format("{}[{}][{}]", input.call()->layer->name, call_number(*input.call()), input.index()),
              inner(3)));
    }
    result.push_back(sources.empty() ? Cell{"-"} : sources);
    return result;
  }

  /// Which call of its layer this is, counted within the model.
  int call_number(const LayerCall& call) const {
    int number = 0;
    for (const auto& other : model_.calls_of(*call.layer)) {
      if (other.get() == &call) break;
      ++number;
    }
    return number;
  }

  std::string totals() const {
    const std::vector<Variable> all = model_.collect_weights(false), trainable = model_.collect_weights(true);
    std::vector<Variable> frozen;
    for (const Variable& weight : all) {
      if (std::find(trainable.begin(), trainable.end(), weight) == trainable.end()) frozen.push_back(weight);
    }
    return total_line("Total params", all) + total_line("Trainable params", trainable) +
           total_line("Non-trainable params", frozen);
  }

  std::string explanation() const {
    std::string result = "\n";
    for (const auto& call : shown_calls()) {
      std::vector<Shape> inputs;
      for (const SymbolicTensor& input : call->inputs)
        inputs.push_back(shapes_.at(input.call().get())[input.index()]);
      if (inputs.empty()) continue;
      const LayerImpl& layer = *call->layer;
      result += fmt::format("{}: {} -> {}\n", layer.name, inputs[0].str(), shapes_.at(call.get())[0].str());
      const std::string shape = layer.explain_shape(inputs), parameters = layer.explain_parameters(inputs);
      if (!shape.empty()) result += fmt::format("    shape       {}\n", shape);
      if (!parameters.empty()) result += fmt::format("    parameters  {}\n", parameters);
    }
    return result;
  }

  const ModelImpl& model_;
  SummaryOptions options_;
  std::vector<Shape> input_shapes_;
  ModelImpl::Shapes shapes_;
  bool in_a_row_;
  std::vector<Column> columns_;
};

}  // namespace

std::string Model::summary(const SummaryOptions& options) const { return Summary(model(), options).str(); }

}  // namespace fovea
