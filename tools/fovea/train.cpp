#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "commands.h"
#include "core/format.h"
#include "errors.h"
#include "fovea/applications.h"
#include "fovea/training.h"
#include "model_source.h"
#include "models/model_impl.h"
#include "report.h"
#include "training_run.h"

namespace fovea::program {
namespace {

// Images up to this side go to lenet, larger ones to the convnet at its own size.
constexpr std::int64_t small_side = 64, photograph_side = 150;
constexpr std::int64_t default_epochs = 20, default_epochs_of_shapes = 5;

struct TrainOptions : TrainingOptions {
  std::optional<std::string> model;
  std::optional<std::string> image_size;
  std::optional<std::string> dtype_policy;
  bool scaled_decoding = false;
};

/// The model before its outputs are known, and the images it is for.
struct Choice {
  std::string name;  ///< an architecture, or empty
  Model opened;      ///< a model from a file
  ImageOptions image;
  std::string model_reason, size_reason;
};

/// "150" or "150x200", height first.
std::array<std::int64_t, 2> parse_size(const std::string& text) {
  std::array<std::int64_t, 2> size = {0, 0};
  const std::size_t x = text.find('x');
  const auto number = [&](std::string_view part) {
    std::int64_t value = 0;
    const auto [end, status] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (status != std::errc() || end != part.data() + part.size() || value < 1 || value > 4096) {
      usage_error("--image-size: a side like 150 or HEIGHTxWIDTH like 150x200, up to 4096. Received: {}",
                  text);
    }
    return value;
  };
  size[0] = number(std::string_view(text).substr(0, x));
  size[1] = x == std::string::npos ? size[0] : number(std::string_view(text).substr(x + 1));
  return size;
}

bool is_small(const std::array<std::int64_t, 2>& size) { return std::max(size[0], size[1]) <= small_side; }

/// Photographs are resized; small images, arrays and drawn shapes keep their size.
void choose_size(const DataSource& source, const TrainOptions& options, Choice& choice) {
  std::array<std::int64_t, 2>& size = choice.image.image_size;
  if (options.image_size) {
    size = parse_size(*options.image_size);
    choice.size_reason = "as asked";
    const bool fixed = source.kind == DataKind::idx || source.kind == DataKind::cifar10;
    if (fixed && size != source.image_size) {
      usage_error("--image-size {}: {} has images of {}, which are not resized", *options.image_size,
                  source.text, size_text(source.image_size));
    }
    if (source.kind != DataKind::synthetic_shapes) return;
    if (size[0] != size[1]) usage_error("--image-size {}: drawn shapes are square", *options.image_size);
    if (source.size_is_given && size != source.image_size) {
      usage_error("--image-size {} contradicts size={} of {}", *options.image_size, source.image_size[0],
                  source.text);
    }
    return;
  }
  if (source.kind != DataKind::image_folder) {
    size = source.image_size;
    choice.size_reason = "as they are";
  } else if (is_small(source.image_size) && source.image_size[0] > 0) {
    size = source.image_size;
    choice.size_reason = "the images are that small";
  } else {
    size = {photograph_side, photograph_side};
    choice.size_reason = "photographs are resized";
  }
}

void require_size(const DataSource& source, const TrainOptions& options, const Choice& choice) {
  const ImageOptions& image = choice.image;
  if (options.image_size && parse_size(*options.image_size) != image.image_size) {
    usage_error("--image-size {}: {} takes images of {}", *options.image_size, *options.model,
                size_text(image.image_size));
  }
  if (source.kind == DataKind::image_folder) return;
  const bool drawn_at_will = source.kind == DataKind::synthetic_shapes && !source.size_is_given &&
                             image.image_size[0] == image.image_size[1];
  if (!drawn_at_will && source.image_size != image.image_size) {
    fail("{} takes images of {}, those of {} are {}", *options.model, size_text(image.image_size),
         source.text, size_text(source.image_size));
  }
  if ((image.color_mode == "grayscale" ? 1 : 3) != source.channels) {
    fail("{} takes {} images, those of {} have {}", *options.model, image.color_mode, source.text,
         counted(source.channels, "channel"));
  }
}

Choice choose(const DataSource& source, const TrainOptions& options) {
  Choice choice;
  if (options.model && !is_architecture(*options.model)) {
    choice.opened = open_model_file(*options.model, true);
    choice.image = preprocessing_of(choice.opened);
    choice.model_reason = options.model->ends_with(".json") ? "new weights" : "with its weights";
    choice.size_reason = "what it takes";
    require_size(source, options, choice);
    return choice;
  }
  if (source.channels == 1) choice.image.color_mode = "grayscale";
  choose_size(source, options, choice);
  const bool small = is_small(choice.image.image_size);
  choice.name = options.model.value_or(small ? "lenet" : "convnet");
  choice.model_reason = options.model ? "as asked"
                        : small       ? fmt::format("images up to {0}x{0}", small_side)
                                      : fmt::format("images larger than {0}x{0}", small_side);
  return choice;
}

/// A model that is trained on keeps how its images were decoded.
void choose_decoding(const DataSource& source, const TrainOptions& options, Choice& choice) {
  if (!options.scaled_decoding) return;
  if (source.kind != DataKind::image_folder) {
    usage_error("--scaled-decoding is for folders of JPEG files; {} is {}", source.text,
                name_of(source.kind));
  }
  if (choice.opened.impl() && !choice.image.scaled_decoding && choice.opened.info().preprocessing) {
    fail("--scaled-decoding: {} was trained on images that were not decoded so; leave the option out",
         *options.model);
  }
  choice.image.scaled_decoding = true;
}

Model make_model(const Choice& choice, std::int64_t outputs) {
  const std::int64_t channels = choice.image.color_mode == "grayscale" ? 1 : 3;
  const std::array<std::int64_t, 2> size = choice.image.image_size;
  try {
    return applications::make(choice.name, {.input_shape = {size[0], size[1], channels}, .outputs = outputs});
  } catch (const Error& error) {
    throw UsageError(error.what());  // such as images that are too small for it
  }
}

/// A model that was compiled when it was saved keeps what no option changes, its optimizer's state included.
Task compile(const Model& model, std::int64_t classes, const TrainOptions& options, bool new_model) {
  const bool changes = options.optimizer || options.loss || options.metrics;
  if (model.compiled() && !changes) {
    if (options.learning_rate) model.optimizer().set_learning_rate(*options.learning_rate);
    return task_of_compiled(model, classes);
  }
  const Task task =
      new_model ? task_for_classes(classes, options.loss) : task_for_model(model, classes, options.loss);
  model.compile(
      {.optimizer = make_optimizer(options), .loss = loss_of(task), .metrics = make_metrics(options)});
  return task;
}

bool has_rescaling(const LayerImpl& layer) {
  const ModelImpl* model = as_model(layer);
  if (model == nullptr) return layer.class_name() == "Rescaling";
  return std::any_of(model->layers().begin(), model->layers().end(),
                     [](const auto& inner) { return has_rescaling(*inner); });
}

void print_model(const Model& model, const Choice& choice) {
  const std::string name = choice.name.empty() ? model.name() : choice.name;
  print_row("images", fmt::format("{}, {} ({}){}", size_text(choice.image.image_size),
                                  choice.image.color_mode, choice.size_reason,
                                  choice.image.scaled_decoding ? ", JPEG files decoded scaled" : ""));
  print_row("model", fmt::format("{}, {} ({})", name, counted(model.count_params(), "parameter"),
                                 choice.model_reason));
  if (!has_rescaling(*model.impl())) {
    print_note("the model has no Rescaling layer, so it sees pixel values from 0 to 255");
  }
}

/// Of its layers: "float32"; of the first other one where they differ.
std::string policy_of(const LayerImpl& layer) {
  const ModelImpl* model = as_model(layer);
  if (model == nullptr) return std::string(layer.dtype_policy.name());
  for (const auto& inner : model->layers()) {
    const std::string policy = policy_of(*inner);
    if (inner->class_name() != "InputLayer" && policy != "float32") return policy;
  }
  return "float32";
}

Json settings_json(const Model& model, const Choice& choice, const Data& data, const Task& task,
                   const TrainOptions& options) {
  Json settings = common_settings(model, data, task, options);
  settings["model"] = options.model.value_or(choice.name);
  settings["image_size"] = data.image.image_size;
  settings["dtype_policy"] = policy_of(*model.impl());
  return settings;
}

int train(TrainOptions& options) {
  set_threads(options.threads);
  set_random_seed(options.seed);
  if (options.dtype_policy) {
    if (options.model && !is_architecture(*options.model))
      usage_error("--dtype-policy is for new architectures; the layers of {} say what they compute in",
                  *options.model);
    set_dtype_policy(DTypePolicy(*options.dtype_policy));
  }
  const RunFolder folder = RunFolder::choose(options.output);
  const DataSource source = recognise(options.data);
  if (options.epochs == 0) {
    options.epochs = source.kind == DataKind::synthetic_shapes ? default_epochs_of_shapes : default_epochs;
  }
  Choice choice = choose(source, options);
  choose_decoding(source, options, choice);
  const Data data = open_training_data(source, choice.image, options);
  print_broken(data.broken);
  const auto classes = static_cast<std::int64_t>(data.class_names.size());
  const bool new_model = !choice.opened.impl();
  const Model model =
      new_model ? make_model(choice, task_for_classes(classes, options.loss).outputs) : choice.opened;
  const Task task = compile(model, classes, options, new_model);
  if (options.tune) tune_for(model);

  print_data(source, data);
  print_model(model, choice);
  print_compiled(model, task, options);
  print_row("epochs", fmt::format("{} at most", options.epochs));
  print_memory(model, data, options.batch_size);
  print_row("output", folder.path());
  TrainingRun run(model, data, task, options, folder, settings_json(model, choice, data, task, options));
  fmt::print("\n");
  run.fit(options.epochs);
  return run.finish();
}

}  // namespace

void add_train(CLI::App& program, const std::vector<std::string>& command_line, int& exit_code) {
  const auto options = std::make_shared<TrainOptions>();
  options->command_line = command_line;
  CLI::App& command = *program.add_subcommand("train", "Train a model on a folder of images.");
  command.group("Commands");
  command
      .add_option(
          "DATA", options->data,
          "a folder with one folder of images per class (or train/ and validation/, val/ or test/ with such "
          "folders), a folder of IDX files (MNIST) or of CIFAR-10's binary batches, or synthetic:shapes, "
          "drawn "
          "images to try it on: synthetic:shapes?count=2000&size=150&classes=4&seed=0 says how many")
      ->required();
  command
      .add_option("--model", options->model,
                  "convnet or lenet, a Keras config .json, or a .keras or .h5 file to train on from its "
                  "weights (default: "
                  "lenet for images up to 64x64, convnet for larger ones)")
      ->option_text("MODEL");
  command
      .add_option(
          "--image-size", options->image_size,
          "side, or HEIGHTxWIDTH, that images are resized to (default: 150; the images' own up to 64x64)")
      ->option_text("SIZE");
  command
      .add_option(
          "--dtype-policy", options->dtype_policy,
          "what the layers of a new model compute in: float32, or mixed_bfloat16, which keeps weights and "
          "losses in float32 and halves the memory of what is between the layers (default: float32)")
      ->option_text("NAME")
      ->check(known_name([](const std::string& name) { require_layer_policy(DTypePolicy(name), "train"); }));
  command.add_flag(
      "--scaled-decoding", options->scaled_decoding,
      "decode large JPEG files at a half, a quarter or an eighth of their size, not below --image-size: "
      "much faster, with other pixels than Keras'; the model's file says so, and predict does the same");
  command.add_option("--epochs", options->epochs, "passes over the images, at most (default: 20; shapes: 5)")
      ->option_text("N")
      ->check(whole_number(1));
  add_training_options(command, *options);
  command.footer(
      "Example: fovea train photos --epochs 30 --output runs/photos\n"
      "where photos/ holds cats/ and dogs/ with an image file for each photograph.");
  command.callback([options, &exit_code] { exit_code = train(*options); });
}

}  // namespace fovea::program
