#include <fmt/core.h>

#include <algorithm>
#include <cstring>

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
  std::int64_t top = 3;
  bool json = false;
  int threads = 0;
  bool tune = false;
};

/// What came of one file: its classes, or why it could not be read.
struct Result {
  std::string file, error;
  std::vector<Ranked> classes;
};

constexpr std::size_t images_at_once = 32;

/// Images are read and classified so many at a time, in the order given.
std::vector<Result> classify(const Model& model, const std::vector<std::string>& files) {
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
    const auto ranked = rank_classes(model, model.predict(batch));
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

int predict(const PredictionOptions& options) {
  set_threads(options.threads);
  const Model model = open_model_file(options.model, false);
  if (options.tune) tune_for(model);
  if (!model.info().preprocessing) {
    const ImageOptions image = preprocessing_of(model);
    print_note(
        fmt::format("{} keeps no preprocessing; images are resized to {}, {}, with values from 0 to 255",
                    options.model, size_text(image.image_size), image.color_mode));
  }
  const std::vector<std::string> names = class_names_of(model);
  std::vector<Result> results = classify(model, options.images);
  Json list = Json::array();
  int broken = 0;
  for (Result& result : results) {
    result.classes.resize(std::min(result.classes.size(), static_cast<std::size_t>(options.top)));
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
  CLI::App& command = *program.add_subcommand("predict", "Classify image files.");
  command.group("Commands");
  command
      .add_option("MODEL", options->model,
                  "a .keras or .h5 file; class names and image size are read from it")
      ->required();
  command.add_option("IMAGE", options->images, "BMP, GIF, JPEG, PNG or WebP files")->required();
  command.add_option("--top", options->top, "classes shown for an image, the most likely first (default: 3)")
      ->option_text("N")
      ->check(whole_number(1));
  command.add_flag("--json", options->json, "print a JSON list, an object for each image");
  add_threads_option(command, options->threads);
  add_tune_option(command, options->tune);
  command.footer("Example: fovea predict runs/1/best.keras cat.jpg dog.jpg");
  command.callback([options, &exit_code] { exit_code = predict(*options); });
}

}  // namespace fovea::program
