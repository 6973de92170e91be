#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>

#include "commands.h"
#include "data_source.h"
#include "errors.h"
#include "model_source.h"
#include "report.h"

namespace fovea::program {
namespace {

// As Keras: the terminal's width less 4, but no more than these.
constexpr int row_width = 88, branched_width = 108;

/// Breaks lines of text (not those of the table) that a terminal would break anywhere.
std::string fit_to_terminal(const std::string& text) {
  if (!is_terminal(STDOUT_FILENO)) return text;
  constexpr int indent = 16;  // where explanations begin
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    const std::size_t first = std::min(line.find_first_not_of(' '), line.size());
    // Wrapping joins words with one space: what stands before the sentence is kept as it is.
    const std::size_t start = first > 0 ? std::min<std::size_t>(indent, line.size()) : 0;
    const bool is_text = line.size() > static_cast<std::size_t>(columns()) && first > 0;
    result += is_text ? line.substr(0, start) + wrapped(line.substr(start), columns(), indent, indent) : line;
    result += '\n';
    at = end + 1;
  }
  return result;
}

int summary(const std::string& name, bool explain) {
  const Model model = open_model(name, false);
  const int widest = model.impl()->class_name() == "Sequential" ? row_width : branched_width;
  const std::string table =
      model.summary({.line_length = std::min(widest, std::max(columns() - 4, 40)), .explain = explain});
  fmt::print("{}", fit_to_terminal(table));
  const ModelInfo& info = model.info();
  if (!info.class_names.empty()) print_row("classes", joined_first(info.class_names, 20));
  if (info.preprocessing) {
    print_row("images",
              fmt::format("{}, {}, {}{}", size_text(info.preprocessing->image_size),
                          info.preprocessing->color_mode, info.preprocessing->interpolation,
                          info.preprocessing->scaled_decoding ? ", JPEG files decoded scaled" : ""));
  }
  return exit_ok;
}

}  // namespace

void add_summary(CLI::App& program, int& exit_code) {
  const auto model = std::make_shared<std::string>();
  const auto explain = std::make_shared<bool>(false);
  CLI::App& command =
      *program.add_subcommand("summary", "The layers of a model, their shapes and parameters.");
  command.group("Commands");
  command.add_option("MODEL", *model, "a .keras or .h5 file, a Keras config .json, or convnet or lenet")
      ->required();
  command.add_flag("--explain", *explain,
                   "say below the table how each shape and number of parameters comes about");
  command.footer("Example: fovea summary convnet --explain");
  command.callback([model, explain, &exit_code] { exit_code = summary(*model, *explain); });
}

}  // namespace fovea::program
