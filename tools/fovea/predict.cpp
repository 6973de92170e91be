#include <fmt/core.h>

#include <algorithm>
#include <cstring>

#include "arrays.h"
#include "commands.h"
#include "core/format.h"
#include "core/json_fields.h"
#include "errors.h"
#include "fovea/training.h"
#include "model_source.h"
#include "predictions.h"
#include "report.h"
#include "training_options.h"

namespace fovea::program {
namespace {

struct PredictionOptions {
  std::string model;
  std::vector<std::string> images;
  std::optional<std::string> output;
  std::int64_t batch_size = 32;
  std::optional<std::int64_t> top;
  bool json = false;
  int threads = 0;
  bool tune = false;
  bool no_prepacking = false;
};

/// What came of one file: its classes, or why it could not be read.
struct Result {
  std::string file, error;
  std::vector<Ranked> classes;
};

constexpr std::int64_t default_top = 3;

/// Images are read and classified so many at a time, in the order given.
std::vector<Result> classify(const Model& model, const std::vector<std::string>& files,
                             std::int64_t batch_size) {
  const auto images_at_once = static_cast<std::size_t>(batch_size);
  const ImageOptions image = preprocessing_of(model);
  std::vector<Result> results;
  for (std::size_t first = 0; first < files.size(); first += images_at_once) {
    std::vector<Tensor> pixels;
    std::vector<std::size_t> read;
    for (std::size_t i = first; i < std::min(first + images_at_once, files.size()); ++i) {
      results.push_back({files[i], {}, {}});
      try {
        pixels.push_back(load_image(files[i], image));
        read.push_back(i);
      } catch (const Error& error) {
        results[i].error = error.what();
      }
    }
    if (pixels.empty()) continue;
    Shape shape{static_cast<std::int64_t>(pixels.size())};
    for (const std::int64_t size : pixels[0].shape()) shape.push_back(size);
    Tensor batch(shape);
    for (std::size_t i = 0; i < pixels.size(); ++i) {
      Tensor row = batch.rows(static_cast<std::int64_t>(i), 1);
      std::memcpy(row.raw(), pixels[i].raw(), static_cast<std::size_t>(pixels[i].bytes()));
    }
    const auto ranked = rank_classes(model, model.predict(batch, {.batch_size = batch_size}));
    for (std::size_t i = 0; i < read.size(); ++i) results[read[i]].classes = ranked[i];
  }
  return results;
}

Json to_json(const Result& result, const std::vector<std::string>& names) {
  Json json{{"file", result.file}};
  if (!result.error.empty()) {
    json["error"] = result.error;
    return json;
  }
  const auto entry = [&](const Ranked& ranked) {
    return Json{{"class", names[static_cast<std::size_t>(ranked.label)]},
                {"label", ranked.label},
                {"probability", ranked.probability}};
  };
  json.update(entry(result.classes.front()));
  json["top"] = Json::array();
  for (const Ranked& ranked : result.classes) json["top"].push_back(entry(ranked));
  return json;
}

void print_result(const Result& result, const std::vector<std::string>& names) {
  std::vector<std::string> classes;
  for (const Ranked& ranked : result.classes) {
    classes.push_back(
        fmt::format("{} {}", names[static_cast<std::size_t>(ranked.label)], percent(ranked.probability)));
  }
  fmt::print("{}: {}\n", result.file, joined(classes));
}

/// The model's outputs for arrays, without any preprocessing.
int predict_arrays(const PredictionOptions& options) {
  const std::string& input = options.images[0];
  const std::string& output = options.output.value();
  require_other_file(input, output);
  require_folder_of(output);
  const Model model = open_model_file(options.model, false);
  if (options.tune) tune_for(model);
  if (model.outputs().size() != 1 && output.ends_with(".npy")) {
    usage_error("--output: the model has {} outputs, which go into a .npz file. Received: {}",
                model.outputs().size(), output);
  }
  const std::vector<Tensor> inputs = load_inputs(model, input);
  const std::vector<Tensor> outputs = model.predict_all(inputs, {.batch_size = options.batch_size});
  save_outputs(model, outputs, output);
  const auto print_arrays = [](const char* what, const std::vector<std::string>& names,
                               const std::vector<Tensor>& arrays) {
    for (std::size_t i = 0; i < arrays.size(); ++i)
      print_row(what, fmt::format("{}: {}", names[i], arrays[i].spec().str()));
  };
  print_arrays("input", input_names(model), inputs);
  print_arrays("output", output_names(model), outputs);
  print_row("written", output);
  return exit_ok;
}

/// Arrays and images are told apart by their endings; each has options of its own.
bool wants_arrays(const PredictionOptions& options) {
  const auto arrays = std::count_if(options.images.begin(), options.images.end(), is_array_file);
  if (arrays == 0) {
    if (options.output)
      usage_error("--output goes with arrays, X.npy or X.npz. Received: {}", options.images[0]);
    return false;
  }
  if (options.images.size() > 1) {
    usage_error("one file of arrays is predicted at a time, without images. Received: {}",
                joined(options.images));
  }
  if (!options.output) usage_error("{}: --output says where its predictions go", options.images[0]);
  if (!is_array_file(*options.output))
    usage_error("--output: must end in .npy or .npz. Received: {}", *options.output);
  if (options.json || options.top)
    usage_error("{} goes with images. Received: {}", options.json ? "--json" : "--top", options.images[0]);
  return true;
}

int predict(const PredictionOptions& options) {
  const bool arrays = wants_arrays(options);
  set_threads(options.threads);
  set_prepacking(!options.no_prepacking);
  if (arrays) return predict_arrays(options);
  const Model model = open_model_file(options.model, false);
  if (options.tune) tune_for(model);
  note_plain_preprocessing(model, options.model);
  const std::vector<std::string> names = class_names_of(model);
  std::vector<Result> results = classify(model, options.images, options.batch_size);
  Json list = Json::array();
  int broken = 0;
  for (Result& result : results) {
    result.classes.resize(
        std::min(result.classes.size(), static_cast<std::size_t>(options.top.value_or(default_top))));
    if (!result.error.empty()) ++broken;
    if (options.json) {
      list.push_back(to_json(result, names));
    } else if (result.error.empty()) {
      print_result(result, names);
    }
  }
  if (options.json) fmt::print("{}\n", list.dump(2, ' ', false, Json::error_handler_t::replace));
  for (const Result& result : results) {
    if (!result.error.empty()) print_error(result.error);
  }
  return broken == 0 ? exit_ok : exit_error;
}

}  // namespace

void add_predict(CLI::App& program, int& exit_code) {
  const auto options = std::make_shared<PredictionOptions>();
  CLI::App& command =
      *program.add_subcommand("predict", "Classify image files, or compute a model's outputs for arrays.");
  command.group("Commands");
  command
      .add_option("MODEL", options->model,
                  "a .keras or .h5 file; class names and image size are read from it")
      ->required();
  command
      .add_option(
          "IMAGE", options->images,
          "BMP, GIF, JPEG, PNG or WebP files; or one file of NumPy arrays, which are not preprocessed: "
          ".npy, or .npz with an array for each input by its name")
      ->required();
  command
      .add_option("--output", options->output,
                  "where the outputs for arrays go: .npy, or .npz with an array for each output by its name")
      ->option_text("FILE");
  add_batch_size_option(command, options->batch_size);
  command.add_option("--top", options->top, "classes shown for an image, the most likely first (default: 3)")
      ->option_text("N")
      ->check(whole_number(1));
  command.add_flag("--json", options->json, "print a JSON list, an object for each image");
  add_threads_option(command, options->threads);
  add_tune_option(command, options->tune);
  command.add_flag("--no-prepacking", options->no_prepacking,
                   "make the forms of the weights that kernels read for each batch anew instead of keeping "
                   "them: less memory, slower");
  command.footer(
      "Example: fovea predict runs/1/best.keras cat.jpg dog.jpg\n"
      "         fovea predict net.keras x.npy --output y.npy");
  command.callback([options, &exit_code] { exit_code = predict(*options); });
}

}  // namespace fovea::program
