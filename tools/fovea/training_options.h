#pragma once

#include <CLI/App.hpp>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "data_source.h"
#include "fovea/error.h"
#include "fovea/metrics.h"
#include "fovea/model.h"
#include "fovea/optimizers.h"
#include "run_folder.h"

namespace fovea::program {

/// What `train` and `finetune` have in common. Unset options are chosen by what the data is.
struct TrainingOptions {
  std::string data;
  std::optional<std::string> validation;
  std::optional<double> validation_split;
  std::int64_t epochs = 0, batch_size = 32, patience = 5;
  std::optional<std::string> optimizer, loss, metrics;
  std::optional<double> learning_rate;
  std::uint64_t seed = 0;
  int threads = 0;
  bool tune = false;
  std::optional<std::string> output;
  bool strict = false;

  std::vector<std::string> command_line;
};

/// Accepts whole numbers from `least` to `most`.
CLI::Validator whole_number(std::int64_t least, std::int64_t most = 1'000'000'000);
/// Accepts what `make` accepts; its error is the message.
template <class Make>
CLI::Validator known_name(Make make) {
  return CLI::Validator(
      [make](std::string& text) -> std::string {
        try {
          make(text);
          return {};
        } catch (const Error& error) {
          return error.what();
        }
      },
      "");
}
void add_training_options(CLI::App& command, TrainingOptions& options);
void add_threads_option(CLI::App& command, int& threads);
void add_tune_option(CLI::App& command, bool& tune);
/// What --tune does: fast kernels for this machine, whatever the model's file says of those that it was made
/// with.
void tune_for(const Model& model);
void add_batch_size_option(CLI::App& command, std::int64_t& batch_size);

Optimizer make_optimizer(const TrainingOptions& options);
std::vector<Metric> make_metrics(const TrainingOptions& options);
/// The data, with the part to validate on: its own, --validation's, or a fifth split off.
Data open_training_data(const DataSource& source, const ImageOptions& image, const TrainingOptions& options);
/// Lists broken images on standard error.
void print_broken(const std::vector<BrokenFile>& broken);

}  // namespace fovea::program
