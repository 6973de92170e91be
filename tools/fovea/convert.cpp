#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "arrays.h"
#include "commands.h"
#include "core/atomic_file.h"
#include "core/format.h"
#include "errors.h"
#include "fovea/applications.h"
#include "model_source.h"
#include "models/model_impl.h"
#include "report.h"

namespace fovea::program {
namespace {

struct ConversionOptions {
  std::string input, output;
  std::optional<std::string> model, preprocessing, class_names;
  bool no_compile = false;
};

enum class FileKind { archive, legacy, weights, config };

constexpr const char* endings = ".keras, .h5, .hdf5, .weights.h5 or .json";

FileKind kind_of(const std::string& path) {
  const std::string ending = std::filesystem::path(path).extension().string();
  if (path.ends_with(".weights.h5")) return FileKind::weights;
  if (ending == ".keras") return FileKind::archive;
  if (ending == ".h5" || ending == ".hdf5") return FileKind::legacy;
  if (ending == ".json") return FileKind::config;
  usage_error("{}: must end in {}", path, endings);
}

/// Throws Error that says how to go on, for a model that can be read without its training alone.
Model open_compiled(const std::string& path) {
  try {
    return open_model_file(path, true);
  } catch (const Error& error) {
    try {
      open_model_file(path, false);
    } catch (const Error&) {
      fail("{}", error.what());
    }
    fail("{} (here: --no-compile, which leaves the training out)", error.what());
  }
}

Model read_model(const std::string& path, bool compile) {
  const Model model = compile ? open_compiled(path) : open_model_file(path, false);
  // A config has its compilation in it.
  if (!compile) static_cast<ModelImpl&>(*model.impl()).compiled = nullptr;
  return model;
}

Model read_input(const ConversionOptions& options) {
  const FileKind kind = kind_of(options.input);
  const bool compile = !options.no_compile;
  if (!options.model) {
    if (kind == FileKind::weights)
      usage_error("{}: holds weights alone; --model says which model they are of", options.input);
    return read_model(options.input, compile);
  }
  if (kind == FileKind::config)
    usage_error("--model goes with a file of weights. Received: {}", options.input);
  if (kind_of(*options.model) == FileKind::weights)
    usage_error("--model: must be a whole model or a Keras config .json. Received: {}", *options.model);
  const Model model = read_model(*options.model, compile);
  model.load_weights(options.input);
  return model;
}

/// The lines of a text file, one for each class in the model's order.
std::vector<std::string> read_class_names(const std::string& path, const Model& model) {
  std::ifstream file(path);
  std::vector<std::string> names;
  for (std::string line; std::getline(file, line);) {
    if (line.ends_with('\r')) line.pop_back();
    names.push_back(line);
  }
  if (!file.eof()) fail("--class-names: {}: the file cannot be read", path);
  const std::int64_t wanted = class_count_of(model);
  if (std::any_of(names.begin(), names.end(), [](const std::string& name) { return name.empty(); }))
    fail("--class-names: {}: has an empty line; each line names a class", path);
  if (static_cast<std::int64_t>(names.size()) != wanted) {
    fail("--class-names: {}: must have a line for each of the model's {} classes. Received: {}", path, wanted,
         counted(static_cast<std::int64_t>(names.size()), "line"));
  }
  return names;
}

/// What the options add, in the file and for its readers.
Model completed(const Model& given, const ConversionOptions& options) {
  Model model = given;
  if (options.preprocessing) {
    model = applications::with_preprocessing(model, *options.preprocessing);
    model.info().preprocessing = preprocessing_if_any(model);
  }
  if (options.class_names) model.info().class_names = read_class_names(*options.class_names, model);
  return model;
}

/// What has no place in the file that is written.
void print_what_is_lost(const ConversionOptions& options, const Model& model, FileKind output) {
  const bool made = kind_of(options.input) == FileKind::config && output != FileKind::config;
  if (made) print_note(fmt::format("{} has no weights; new ones were drawn", options.input));
  const ModelInfo& info = model.info();
  const bool keeps = output == FileKind::archive || output == FileKind::legacy;
  if (!keeps && (!info.class_names.empty() || info.preprocessing)) {
    print_note(fmt::format(
        "the names of the classes and the preprocessing have no place in {}; .keras and .h5 files "
        "keep them",
        options.output));
  }
}

void write_output(const Model& model, const std::string& path, FileKind kind) {
  switch (kind) {
    case FileKind::archive:
    case FileKind::legacy:
      return model.save(path);
    case FileKind::weights:
      return model.save_weights(path);
    case FileKind::config:
      return write_atomically(path, model_to_json(model));
  }
}

int convert(const ConversionOptions& options) {
  const FileKind output = kind_of(options.output);
  require_other_file(options.input, options.output);
  if (options.model) require_other_file(*options.model, options.output);
  require_folder_of(options.output);
  if (output == FileKind::weights && (options.preprocessing || options.class_names))
    usage_error("--preprocessing and --class-names go with a whole model. Received: {}", options.output);
  const Model model = completed(read_input(options), options);
  write_output(model, options.output, output);
  print_what_is_lost(options, model, output);
  print_row("model", fmt::format("{}, {}, {}", model.name(),
                                 counted(static_cast<std::int64_t>(model.layers().size()), "layer"),
                                 counted(model.count_params(), "parameter")));
  print_row("training",
            model.compiled() ? "compiled, optimizer " + model.optimizer().name() : "not compiled");
  print_row("written", options.output);
  return exit_ok;
}

}  // namespace

void add_convert(CLI::App& program, int& exit_code) {
  const auto options = std::make_shared<ConversionOptions>();
  CLI::App& command = *program.add_subcommand("convert", "Write a model in another of Keras' formats.");
  command.group("Commands");
  command
      .add_option("IN", options->input,
                  "a .keras or .h5 file, a Keras config .json, or with --model a file of weights")
      ->required();
  command
      .add_option(
          "OUT", options->output,
          "what its ending says: .keras, .h5 or .hdf5 (Keras' legacy format), .weights.h5 (weights and "
          "the optimizer's state), or .json (the architecture)")
      ->required();
  command
      .add_option("--model", options->model,
                  "the model that gets IN's weights: a .keras or .h5 file, or a Keras config .json")
      ->option_text("MODEL");
  command.add_flag("--no-compile", options->no_compile,
                   "leave out loss, metrics, and optimizer with its state");
  command
      .add_option("--preprocessing", options->preprocessing,
                  "put what the model expects of pixels in front of it, as layers: tf (-1 to 1), torch or "
                  "caffe (as Keras' preprocess_input), or unit (0 to 1); it then takes pixels from 0 to 255")
      ->option_text("MODE")
      ->check(CLI::IsMember(applications::preprocessing_modes()));
  command
      .add_option("--class-names", options->class_names,
                  "a text file with a line for each class, whose names the model's file then keeps")
      ->option_text("FILE");
  command.footer(
      "Example: fovea convert net.keras net.h5\n"
      "         fovea convert vgg16.h5 net.keras --preprocessing caffe");
  command.callback([options, &exit_code] { exit_code = convert(*options); });
}

}  // namespace fovea::program
