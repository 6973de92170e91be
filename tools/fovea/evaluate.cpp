#include <fmt/core.h>

#include <chrono>

#include "commands.h"
#include "confusion.h"
#include "core/format.h"
#include "errors.h"
#include "fovea/training.h"
#include "model_source.h"
#include "report.h"
#include "task.h"
#include "training_options.h"

namespace fovea::program {
namespace {

struct EvaluationOptions {
  std::string model, data, confusion_matrix;
  std::int64_t batch_size = 32;
  int threads = 0;
  bool tune = false;
  bool strict = false;
};

/// Labels are positions in the list of classes, so model and data must have the same list.
void require_classes(const Model& model, const Data& data, const EvaluationOptions& options) {
  const std::vector<std::string>& known = model.info().class_names;
  if (known.empty() || known == data.class_names) return;
  fail("{} was trained on the classes {}, but {} has {}", options.model, joined_first(known, 5), options.data,
       joined_first(data.class_names, 5));
}

Task compile_for(const Model& model, std::int64_t classes) {
  if (model.compiled()) return task_of_compiled(model, classes);
  const Task task = task_for_model(model, classes, {});
  model.compile({.loss = loss_of(task), .metrics = {"acc"}});
  return task;
}

int evaluate(const EvaluationOptions& options) {
  set_threads(options.threads);
  const Model model = open_model_file(options.model, true);
  if (options.tune) tune_for(model);
  const DataSource source = recognise(options.data);
  DataOptions data_options;
  data_options.image = preprocessing_of(model);
  note_plain_preprocessing(model, options.model);
  data_options.strict = options.strict;
  data_options.threads = options.threads;
  const Data data = open_data(source, data_options);
  print_broken(data.broken);
  require_classes(model, data, options);
  const auto classes = static_cast<std::int64_t>(data.class_names.size());
  const Task task = compile_for(model, classes);
  const DatasetPtr images = data.validation ? data.validation : data.train;

  print_row("model", fmt::format("{}, {}", options.model, counted(model.count_params(), "parameter")));
  print_row("data", fmt::format("{}: {} of {} ({})", options.data, counted(images->size(), "image"),
                                counted(classes, "class", "classes"),
                                data.validation ? data.validation_from : "all there are"));
  const auto confusions = classes > 1 ? count_confusions(model, task, classes) : nullptr;
  const auto begin = std::chrono::steady_clock::now();
  const Logs logs =
      model.evaluate(with_labels(images, task.labels, classes), {.batch_size = options.batch_size});
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
  for (const auto& [name, value] : logs) {
    if (name != kConfusion) print_row(name, fmt::format("{:.4f}", value));
  }
  print_row("time", fmt::format("{:.1f} s ({:.0f} images/s)", time.count(),
                                static_cast<double>(images->size()) / time.count()));
  if (!data.broken.empty()) {
    print_row("left out", counted(static_cast<std::int64_t>(data.broken.size()), "broken image"));
  }
  if (confusions) print_confusions(*confusions, data.class_names);
  if (!options.confusion_matrix.empty()) {
    if (!confusions) fail("--confusion-matrix: {} has one class", options.data);
    write_confusions(options.confusion_matrix, *confusions, data.class_names);
    print_row("written", options.confusion_matrix);
  }
  return exit_ok;
}

}  // namespace

void add_evaluate(CLI::App& program, int& exit_code) {
  const auto options = std::make_shared<EvaluationOptions>();
  CLI::App& command =
      *program.add_subcommand("evaluate", "Loss and metrics of a model on a folder of images.");
  command.group("Commands");
  command.add_option("MODEL", options->model, "a .keras or .h5 file")->required();
  command
      .add_option("DATA", options->data,
                  "as for `fovea train`; of data with a validation or test part, that part is used")
      ->required();
  add_batch_size_option(command, options->batch_size);
  add_threads_option(command, options->threads);
  add_tune_option(command, options->tune);
  command.add_flag("--strict", options->strict, "stop at a broken image instead of leaving it out");
  command
      .add_option(
          "--confusion-matrix", options->confusion_matrix,
          "write how often each class was taken for each, a row for each class that images are of, as a "
          ".csv")
      ->option_text("FILE");
  command.footer("Example: fovea evaluate runs/1/best.keras photos");
  command.callback([options, &exit_code] { exit_code = evaluate(*options); });
}

}  // namespace fovea::program
