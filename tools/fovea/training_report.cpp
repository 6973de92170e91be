#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "core/format.h"
#include "predictions.h"
#include "report.h"
#include "training_run.h"

// What a training says before its first step and after its last.

namespace fovea::program {
namespace {

constexpr std::size_t classes_shown = 10;
constexpr std::int64_t examples_shown = 5;

/// The epoch with the lowest figure of that name, or null.
const Json* best_epoch(const Json& epochs, const std::string& monitor) {
  const Json* best = nullptr;
  for (const Json& epoch : epochs) {
    const auto value = epoch.find(monitor);
    if (value == epoch.end() || !value->is_number() || !std::isfinite(value->get<double>())) continue;
    if (best == nullptr || value->get<double>() < (*best)[monitor].get<double>()) best = &epoch;
  }
  return best;
}

double sum_of(const Json& epochs, const char* name) {
  double sum = 0;
  for (const Json& epoch : epochs) sum += epoch[name].get<double>();
  return sum;
}

/// The losses and metrics of an epoch, those of the validation when there was one.
std::string figures_of(const Json& epoch, bool validated) {
  std::vector<std::string> figures;
  for (const auto& [name, value] : epoch.items()) {
    const bool is_time = name == "epoch" || name.ends_with("seconds") || name == "images_per_second";
    if (is_time || !value.is_number() || name.starts_with("val_") != validated) continue;
    figures.push_back(fmt::format("{} {:.4f}", name, value.get<double>()));
  }
  return joined(figures);
}

/// Positions spread over a dataset.
std::vector<std::int64_t> spread(std::int64_t size, std::int64_t wanted) {
  std::vector<std::int64_t> positions;
  const std::int64_t count = std::min(size, wanted);
  for (std::int64_t i = 0; i < count; ++i) positions.push_back(i * size / count);
  return positions;
}

}  // namespace

void print_data(const DataSource& source, const Data& data) {
  const std::int64_t images = data.train->size() + (data.validation ? data.validation->size() : 0);
  print_row("data",
            fmt::format("{}, {}: {} of {}", source.text, name_of(source.kind), counted(images, "image"),
                        counted(static_cast<std::int64_t>(data.class_names.size()), "class", "classes")));
  std::vector<std::string> classes;
  for (std::size_t i = 0; i < data.class_names.size(); ++i) {
    classes.push_back(fmt::format(
        "{} ({})", data.class_names[i],
        thousands(data.train_per_class[i] + (data.validation ? data.validation_per_class[i] : 0))));
  }
  print_row("classes", joined_first(classes, classes_shown));
  print_row("split", data.validation
                         ? fmt::format("{} to train; {} to validate ({})", thousands(data.train->size()),
                                       thousands(data.validation->size()), data.validation_from)
                         : fmt::format("{} to train, none to validate", thousands(data.train->size())));
}

void print_compiled(const Model& model, const Task& task, const TrainingOptions& options) {
  print_row("loss", fmt::format("{} ({})", task.loss, task.reason));
  print_row("optimizer", fmt::format("{}, learning rate {:.4g}", model.optimizer().name(),
                                     model.optimizer().learning_rate()));
  print_row("batch", counted(options.batch_size, "image"));
}

void print_memory(const Model& model, const Data& data, std::int64_t batch_size) {
  const std::int64_t step = model.training_bytes(std::min(batch_size, data.train->size())),
                     needed = step + data.cache_bytes;
  print_row("memory",
            fmt::format("about {}: {} for a training step, {} for images kept", readable_bytes(needed),
                        readable_bytes(step), readable_bytes(data.cache_bytes)));
  const std::int64_t machine = memory_of_the_machine();
  if (needed > machine) {
    fail("training needs about {}, but this machine has {}; try a smaller --batch-size or smaller images",
         readable_bytes(needed), readable_bytes(machine));
  }
}

void TrainingRun::print_result() const {
  const Json& epochs = record_.content()["epochs"];
  const double seconds = sum_of(epochs, "training_seconds");
  const double images = static_cast<double>(data_.train->size()) * static_cast<double>(epochs.size());
  std::string text = fmt::format("{} in {:.1f} s of training ({:.0f} images/s)",
                                 counted(static_cast<std::int64_t>(epochs.size()), "epoch"), seconds,
                                 seconds > 0 ? images / seconds : 0);
  if (stopping_ && stopping_->stopped_epoch() > 0) {
    text += fmt::format("; stopped, since {} had not improved for {}", monitor_,
                        counted(options_.patience, "epoch"));
  }
  print_row("done", text);
  if (const Json* best = best_epoch(epochs, monitor_)) {
    print_row("best", fmt::format("epoch {}: {}", (*best)["epoch"].get<std::int64_t>(),
                                  figures_of(*best, data_.validation != nullptr)));
  }
  if (!data_.broken.empty()) {
    print_row("left out", fmt::format("{}, named above and in {}",
                                      counted(static_cast<std::int64_t>(data_.broken.size()), "broken image"),
                                      folder_.file("run.json")));
  }
}

/// Classifies a few images that were not trained on, with the best model as it stands in its file.
void TrainingRun::print_examples() const {
  if (!data_.validation) return;
  const Model best = load_model(folder_.best(), {.compile = false});
  const std::vector<std::int64_t> positions = spread(data_.validation->size(), examples_shown);
  Batch batch = data_.validation->make_batch(static_cast<std::int64_t>(positions.size()));
  data_.validation->fill(positions, batch);
  const auto ranked = rank_classes(best, best.predict(batch.inputs[0]));
  fmt::print("\n");
  print_text(fmt::format("{} that it was not trained on, classified by the best model:",
                         counted(static_cast<std::int64_t>(positions.size()), "image")));
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const std::int64_t id = batch.sample_ids[i];
    const auto label = static_cast<std::size_t>(batch.targets[0].values<std::int32_t>()[i]);
    const auto taken_for = static_cast<std::size_t>(ranked[i].front().label);
    const std::string name = data_.validation_files.empty()
                                 ? fmt::format("image {}", id)
                                 : data_.validation_files[static_cast<std::size_t>(id)];
    fmt::print("  {}: {}, {}taken for {} ({})\n", name, data_.class_names[label],
               taken_for == label ? "" : "wrongly ", data_.class_names[taken_for],
               percent(ranked[i].front().probability));
  }
}

void TrainingRun::print_files() const {
  fmt::print("\n");
  print_text(fmt::format("Everything is in {}:", folder_.path()));
  print_row("best.keras", fmt::format("the model with the lowest {}", monitor_));
  print_row("last.keras", "the model after the last epoch");
  print_row("history.csv", "the figures of each epoch");
  print_row("run.json", "all settings, the data and the seconds of each epoch");
  print_row("tensorboard", "logs for TensorBoard");
  fmt::print("\nNext: fovea predict {} IMAGE...\n", folder_.best());
}

}  // namespace fovea::program
