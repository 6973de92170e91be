#include "training_options.h"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <charconv>
#include <cmath>
#include <sstream>

#include "core/format.h"
#include "errors.h"
#include "fovea/losses.h"
#include "fovea/metrics.h"
#include "report.h"

namespace fovea::program {
namespace {

constexpr double default_validation_split = 0.2;

std::vector<std::string> split_at_commas(const std::string& text) {
  std::vector<std::string> parts;
  std::stringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) {
    if (!part.empty()) parts.push_back(part);
  }
  return parts;
}

/// A number that is accepted; "must be WHAT" otherwise.
CLI::Validator number(const char* what, bool (*accepts)(double)) {
  return CLI::Validator(
      [what, accepts](std::string& text) -> std::string {
        double value = 0;
        const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (status == std::errc() && end == text.data() + text.size() && accepts(value)) return {};
        return fmt::format("must be {}. Received: {}", what, text);
      },
      "");
}

}  // namespace

CLI::Validator whole_number(std::int64_t least, std::int64_t most) {
  return CLI::Validator(
      [least, most](std::string& text) -> std::string {
        std::int64_t value = 0;
        const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (status == std::errc() && end == text.data() + text.size() && value >= least && value <= most) {
          return {};
        }
        return fmt::format("must be a whole number from {} to {}. Received: {}", least, most, text);
      },
      "");
}

void add_threads_option(CLI::App& command, int& threads) {
  command.add_option("--threads", threads, "threads to compute with (default: one per core)")
      ->option_text("N")
      ->check(whole_number(0, 1024));
}

void add_tune_option(CLI::App& command, bool& tune) {
  command.add_flag("--tune", tune,
                   "measure which kernels are the fastest on this machine, remember it "
                   "(in $FOVEA_CACHE_DIR or ~/.cache/fovea) and use them; results differ in rounding");
}

void tune_for(const Model& model) {
  start_tuning();
  model.set_kernels({});
}

void add_batch_size_option(CLI::App& command, std::int64_t& batch_size) {
  command.add_option("--batch-size", batch_size, "images that go through the model together (default: 32)")
      ->option_text("N")
      ->check(whole_number(1));
}

void add_training_options(CLI::App& command, TrainingOptions& options) {
  add_batch_size_option(command, options.batch_size);
  command
      .add_option("--patience", options.patience,
                  "stop when the validation loss has not improved for so many epochs; 0: never (default: 5)")
      ->option_text("N")
      ->check(whole_number(0));
  command
      .add_option(
          "--validation", options.validation,
          "other data to validate on, with the same classes (default: the data's own validation part)")
      ->option_text("DIR");
  command
      .add_option(
          "--validation-split", options.validation_split,
          "share of the images to validate on instead; 0: none (default: 0.2, unless the data has a part "
          "of its own)")
      ->option_text("SHARE")
      ->check(
          number("a share of at least 0 and below 1", [](double share) { return share >= 0 && share < 1; }));
  command
      .add_option("--optimizer", options.optimizer, "by Keras' name: adam, rmsprop, sgd, ... (default: adam)")
      ->option_text("NAME")
      ->check(known_name([](const std::string& name) { Optimizer{name}; }));
  command.add_option("--learning-rate", options.learning_rate, "of the optimizer (default: its own)")
      ->option_text("RATE")
      ->check(number("a number above 0", [](double rate) { return rate > 0 && std::isfinite(rate); }));
  command
      .add_option("--loss", options.loss,
                  "by Keras' name (default: binary_crossentropy for two classes, "
                  "sparse_categorical_crossentropy for more)")
      ->option_text("NAME")
      ->check(known_name([](const std::string& name) { Loss{name}; }));
  command.add_option("--metrics", options.metrics, "figures to report, separated by commas (default: acc)")
      ->option_text("NAMES")
      ->check(known_name([](const std::string& names) {
        for (const std::string& name : split_at_commas(names)) Metric{name};
      }));
  command
      .add_option("--seed", options.seed,
                  "of the first weights, the order of images and the split (default: 0)")
      ->option_text("N")
      ->check(whole_number(0));
  add_threads_option(command, options.threads);
  add_tune_option(command, options.tune);
  command
      .add_option("--output", options.output,
                  "folder for the results, new or empty (default: runs/1, runs/2, ...)")
      ->option_text("DIR");
  command.add_flag("--strict", options.strict, "stop at a broken image instead of leaving it out");
}

Optimizer make_optimizer(const TrainingOptions& options) {
  const Optimizer optimizer(options.optimizer.value_or("adam"));
  if (options.learning_rate) optimizer.set_learning_rate(*options.learning_rate);
  return optimizer;
}

std::vector<Metric> make_metrics(const TrainingOptions& options) {
  std::vector<Metric> metrics;
  for (const std::string& name : split_at_commas(options.metrics.value_or("acc"))) metrics.emplace_back(name);
  return metrics;
}

Data open_training_data(const DataSource& source, const ImageOptions& image, const TrainingOptions& options) {
  if (options.validation && options.validation_split) {
    usage_error("give --validation or --validation-split, not both");
  }
  if (options.validation_split.value_or(0) > 0 && source.has_validation &&
      source.kind == DataKind::image_folder) {
    usage_error("{} has a validation folder beside train/, so --validation-split has nothing to do",
                source.text);
  }
  DataOptions data_options;
  data_options.image = image;
  data_options.seed = options.seed;
  data_options.strict = options.strict;
  data_options.threads = options.threads;
  if (!options.validation) {
    data_options.validation_split =
        options.validation_split.value_or(source.has_validation ? 0.0 : default_validation_split);
  }
  Data data = open_data(source, data_options);
  if (options.validation_split && *options.validation_split == 0) data.validation = nullptr;
  if (!options.validation) return data;

  const DataSource other = recognise(*options.validation);
  if (other.kind != DataKind::image_folder && other.image_size != image.image_size) {
    fail("{}: its images are {}, those of {} are {}", other.text, size_text(other.image_size), source.text,
         size_text(image.image_size));
  }
  data_options.validation_split = 0;
  Data validation = open_data(other, data_options);
  if (validation.class_names != data.class_names) {
    fail("{} and {} need the same classes. Received: {} and {}", source.text, other.text,
         joined_first(data.class_names, 5), joined_first(validation.class_names, 5));
  }
  data.validation = validation.train;
  data.validation_per_class = validation.train_per_class;
  data.validation_files = validation.train_files;
  data.validation_from = other.text;
  data.broken.insert(data.broken.end(), validation.broken.begin(), validation.broken.end());
  data.cache_bytes += validation.cache_bytes;
  return data;
}

void print_broken(const std::vector<BrokenFile>& broken) {
  for (const BrokenFile& file : broken) print_error("left out: " + file.file + ": " + file.reason);
}

}  // namespace fovea::program
