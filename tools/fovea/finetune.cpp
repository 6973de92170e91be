#include <fmt/core.h>

#include "commands.h"
#include "core/format.h"
#include "errors.h"
#include "fovea/applications.h"
#include "fovea/training.h"
#include "model_source.h"
#include "report.h"
#include "training_run.h"

namespace fovea::program {
namespace {

constexpr std::int64_t default_epochs = 5;
// How much slower the base is tuned than its new head was trained.
constexpr double tuning_share = 0.1;

struct FinetuneOptions : TrainingOptions {
  std::string base;
  std::int64_t unfreeze = 2, finetune_epochs = default_epochs;
};

using applications::NewHead;

void require_images(const DataSource& source, const FinetuneOptions& options, const ImageOptions& image) {
  if (source.kind == DataKind::image_folder) return;
  const bool gray = image.color_mode == "grayscale";
  const bool drawn_at_will = source.kind == DataKind::synthetic_shapes && !source.size_is_given &&
                             image.image_size[0] == image.image_size[1];
  if ((drawn_at_will || source.image_size == image.image_size) && source.channels == (gray ? 1 : 3)) return;
  fail("{} takes images of {}, {}; those of {} are {} with {}", options.base, size_text(image.image_size),
       image.color_mode, source.text, size_text(source.image_size), counted(source.channels, "channel"));
}

NewHead cut(const Model& base, const Task& task, const FinetuneOptions& options) {
  NewHead head = applications::replace_head(base, {.outputs = task.outputs});
  const auto available = static_cast<std::int64_t>(applications::tunable_layers(head).size());
  if (options.unfreeze > available) {
    usage_error("--unfreeze {}: {} has {} with weights below the cut", options.unfreeze, options.base,
                counted(available, "layer"));
  }
  return head;
}

void compile(const Model& model, const Task& task, const FinetuneOptions& options, double rate_share) {
  const Optimizer optimizer = make_optimizer(options);
  optimizer.set_learning_rate(optimizer.learning_rate() * rate_share);
  model.compile({.optimizer = optimizer, .loss = loss_of(task), .metrics = make_metrics(options)});
}

void print_surgery(const Model& base, const NewHead& head, const Task& task, const FinetuneOptions& options) {
  print_row("base", fmt::format("{}, {}", options.base, counted(base.count_params(), "parameter")));
  print_row("cut", fmt::format("behind its layer '{}'; left out: {}", head.features.name(),
                               head.removed.empty() ? "nothing" : joined_first(head.removed, 8)));
  const std::string output =
      task.outputs == 1 ? "one sigmoid unit" : fmt::format("{} softmax units", task.outputs);
  std::int64_t weights = 0;
  for (const Variable& weight : head.model.trainable_weights()) weights += weight.spec().shape.elements();
  print_row("new head", fmt::format("{}dropout 0.2 and a Dense layer of {}, on {} for an image: {} to train; "
                                    "the base is frozen",
                                    head.pooling.empty() ? "" : head.pooling + ", ", output,
                                    counted(head.feature_count, "feature"), counted(weights, "parameter")));
}

Json settings_json(const NewHead& head, const Data& data, const Task& task, const FinetuneOptions& options) {
  Json settings = common_settings(head.model, data, task, options);
  settings["base"] = options.base;
  settings["unfreeze"] = options.unfreeze;
  settings["finetune_epochs"] = options.finetune_epochs;
  settings["cut_behind"] = head.features.name();
  settings["left_out"] = head.removed;
  return settings;
}

int finetune(FinetuneOptions& options) {
  set_threads(options.threads);
  set_random_seed(options.seed);
  if (options.epochs == 0) options.epochs = default_epochs;
  const RunFolder folder = RunFolder::choose(options.output);
  const Model base = open_model_file(options.base, false);
  const ImageOptions image = preprocessing_of(base);
  note_plain_preprocessing(base, options.base);
  const DataSource source = recognise(options.data);
  require_images(source, options, image);
  const Data data = open_training_data(source, image, options);
  print_broken(data.broken);
  const Task task = task_for_classes(static_cast<std::int64_t>(data.class_names.size()), options.loss);
  const NewHead head = cut(base, task, options);
  compile(head.model, task, options, 1);
  if (options.tune) tune_for(head.model);

  print_data(source, data);
  print_surgery(base, head, task, options);
  print_compiled(head.model, task, options);
  print_memory(head.model, data, options.batch_size);
  print_row("output", folder.path());
  TrainingRun run(head.model, data, task, options, folder, settings_json(head, data, task, options));
  fmt::print("\n");
  print_text(fmt::format("Phase 1: the new head alone, {}.", counted(options.epochs, "epoch")));
  const bool tune = options.unfreeze > 0 && options.finetune_epochs > 0;
  if (run.fit(options.epochs, tune) && tune) {
    const std::vector<std::string> names = applications::unfreeze_top(head, options.unfreeze);
    compile(head.model, task, options, tuning_share);
    fmt::print("\n");
    print_text(
        fmt::format("Phase 2: also {} of the base ({}), {} at a tenth of the rate, {:.4g}.",
                    names.size() == 1 ? "the last layer" : fmt::format("the last {} layers", names.size()),
                    joined_first(names, 8), counted(options.finetune_epochs, "epoch"),
                    head.model.optimizer().learning_rate()));
    run.fit(options.finetune_epochs);
  }
  return run.finish();
}

}  // namespace

void add_finetune(CLI::App& program, const std::vector<std::string>& command_line, int& exit_code) {
  const auto options = std::make_shared<FinetuneOptions>();
  options->command_line = command_line;
  CLI::App& command =
      *program.add_subcommand("finetune", "Give a trained model a new head for other classes.");
  command.group("Commands");
  command.add_option("DATA", options->data, "as for `fovea train`")->required();
  command.add_option("--base", options->base, "the trained model, a .keras or .h5 file")
      ->option_text("MODEL")
      ->required();
  command
      .add_option("--unfreeze", options->unfreeze,
                  "layers with weights that are tuned in the second phase, counted from the cut; "
                  "BatchNormalization stays frozen and does not count; 0: no second phase (default: 2)")
      ->option_text("N")
      ->check(whole_number(0));
  command
      .add_option("--epochs", options->epochs,
                  "passes over the images with the base frozen, at most (default: 5)")
      ->option_text("N")
      ->check(whole_number(1));
  command
      .add_option("--finetune-epochs", options->finetune_epochs,
                  "passes with the last layers unfrozen, at most (default: 5)")
      ->option_text("N")
      ->check(whole_number(0));
  add_training_options(command, *options);
  command.footer(
      "The base is cut behind its last Flatten or global pooling layer, and a Dense\n"
      "layer for the new classes takes the place of the rest; a base without a top, or\n"
      "with a convolution as its classifier, is pooled first. First this head is\n"
      "trained on what the frozen base sees, then the last layers of the base are tuned\n"
      "with it at a tenth of the learning rate.\n\n"
      "Example: fovea finetune birds --base runs/1/best.keras --unfreeze 3");
  command.callback([options, &exit_code] { exit_code = finetune(*options); });
}

}  // namespace fovea::program
