#include "training_run.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <thread>
#include <utility>

#include "core/json_fields.h"
#include "errors.h"
#include "interrupt.h"
#include "models/model_impl.h"
#include "optimizers/optimizer_impl.h"
#include "report.h"

namespace fovea::program {
namespace {

namespace fs = std::filesystem;

Json per_class(const std::vector<std::string>& names, const std::vector<std::int64_t>& counts) {
  Json result = Json::object();
  for (std::size_t i = 0; i < names.size(); ++i) result[names[i]] = counts[i];
  return result;
}

Json data_json(const Data& data) {
  Json json{
      {"classes", data.class_names},
      {"train",
       {{"images", data.train->size()}, {"per_class", per_class(data.class_names, data.train_per_class)}}},
      {"validation", nullptr},
      {"broken", Json::array()}};
  if (data.validation) {
    json["validation"] = {{"images", data.validation->size()},
                          {"per_class", per_class(data.class_names, data.validation_per_class)},
                          {"from", data.validation_from}};
  }
  for (const BrokenFile& file : data.broken)
    json["broken"].push_back({{"file", file.file}, {"reason", file.reason}});
  return json;
}

Json model_json(const Model& model, const Data& data) {
  return {{"name", model.name()},
          {"parameters", model.count_params()},
          {"input",
           {{"image_size", data.image.image_size},
            {"color_mode", data.image.color_mode},
            {"interpolation", data.image.interpolation},
            {"scaled_decoding", data.image.scaled_decoding}}}};
}

Json describe(const Model& model, const Data& data, const TrainingOptions& options, const RunFolder& folder,
              Json settings) {
  settings["output"] = folder.path();
  return {{"fovea", FOVEA_VERSION},
          {"command", options.command_line},
          {"settings", std::move(settings)},
          {"data", data_json(data)},
          {"model", model_json(model, data)},
          {"memory",
           {{"training_bytes", model.training_bytes(std::min(options.batch_size, data.train->size()))},
            {"data_bytes", data.cache_bytes}}}};
}

Json metrics_json(const Model& model) {
  Json names = Json::array();
  const auto& impl = static_cast<const ModelImpl&>(*model.impl());
  for (const Metric& metric : impl.compiled->metrics[0]) names.push_back(metric.key());
  return names;
}

}  // namespace

Json common_settings(const Model& model, const Data& data, const Task& task, const TrainingOptions& options) {
  const int threads =
      options.threads > 0 ? options.threads : static_cast<int>(std::thread::hardware_concurrency());
  return {{"data", options.data},
          {"epochs", options.epochs},
          {"batch_size", options.batch_size},
          {"patience", options.patience},
          {"optimizer", write_object(*model.optimizer().impl(), "keras.optimizers")},
          {"loss", task.loss},
          {"metrics", metrics_json(model)},
          {"validation", options.validation ? Json(*options.validation) : Json(nullptr)},
          {"validation_split", data.validation_split},
          {"seed", options.seed},
          {"threads", threads},
          {"tune", options.tune},
          {"strict", options.strict}};
}

TrainingRun::TrainingRun(Model model, Data data, Task task, const TrainingOptions& options,
                         const RunFolder& folder, Json settings)
    : model_(std::move(model)),
      data_(std::move(data)),
      task_(std::move(task)),
      options_(options),
      folder_(folder),
      monitor_(data_.validation ? "val_loss" : "loss"),
      // Signals are caught before the record says that there is a run to stop.
      record_((catch_interrupts(), folder_.create(), folder_),
              describe(model_, data_, options_, folder_, std::move(settings))) {
  model_.info() = {.class_names = data_.class_names, .preprocessing = data_.image};
  ModelCheckpointOptions best;
  best.monitor = monitor_;
  best.save_best_only = true;
  best_ = std::make_shared<ModelCheckpoint>(folder_.best(), best);
  last_ = std::make_shared<ModelCheckpoint>(folder_.last(), ModelCheckpointOptions{.monitor = monitor_});
}

std::vector<CallbackHandle> TrainingRun::callbacks(bool restore_best) {
  std::vector<CallbackHandle> result;
  result.emplace_back(StopWhenInterrupted());
  result.emplace_back(TerminateOnNaN());
  result.emplace_back(best_);
  result.emplace_back(last_);
  result.emplace_back(CSVLogger(folder_.file("history.csv"), {.append = epochs_done_ > 0}));
  result.emplace_back(TensorBoard({.log_dir = folder_.file("tensorboard")}));
  if (options_.patience > 0 || restore_best) {
    EarlyStoppingOptions stopping;
    stopping.monitor = monitor_;
    stopping.patience = options_.patience > 0 ? options_.patience : options_.epochs;
    stopping.restore_best_weights = restore_best;
    stopping_ = std::make_shared<EarlyStopping>(stopping);
    result.emplace_back(stopping_);
  }
  result.emplace_back(EpochRecorder(record_));
  return result;
}

bool TrainingRun::fit(std::int64_t epochs, bool restore_best) {
  std::fflush(stdout);
  FitOptions fit;
  fit.batch_size = options_.batch_size;
  fit.initial_epoch = epochs_done_;
  fit.epochs = epochs_done_ + epochs;
  fit.verbose = 1;
  fit.callbacks = callbacks(restore_best);
  const auto classes = static_cast<std::int64_t>(data_.class_names.size());
  fit.validation_data = with_labels(data_.validation, task_.labels, classes);
  try {
    const History history = model_.fit(with_labels(data_.train, task_.labels, classes), fit);
    epochs_done_ += static_cast<std::int64_t>(history.epoch.size());
    for (const double loss : history["loss"]) diverged_ = diverged_ || !std::isfinite(loss);
  } catch (const ValidationInterrupted&) {
    // The epoch's training was over or stopped; nothing is lost but its figures.
  } catch (const std::exception& error) {
    record_.set_status("failed", {{"error", error.what()}});
    throw;
  }
  return !interrupted() && !diverged_;
}

void TrainingRun::keep_interrupted() {
  model_.save(folder_.last());
  std::string kept = fmt::format("interrupted in epoch {}; kept the model as it is in {}",
                                 record_.content()["epochs"].size() + 1, folder_.last());
  if (fs::exists(folder_.best())) {
    kept += fmt::format(" and the best one in {}", folder_.best());
  } else {
    model_.save(folder_.best());
    kept += fmt::format(" and, since no epoch was finished, in {} too", folder_.best());
  }
  record_.add_kernels(model_.kernels());
  record_.set_status("interrupted");
  print_text(kept);
}

int TrainingRun::finish() {
  fmt::print("\n");
  if (interrupted()) {
    keep_interrupted();
    return exit_interrupted;
  }
  if (diverged_) {
    const char* reason = "the loss became infinite or no number; try a smaller --learning-rate";
    record_.set_status("failed", {{"error", reason}});
    fail("{}", reason);
  }
  const bool stopped = stopping_ && stopping_->stopped_epoch() > 0;
  record_.set_status(stopped ? "stopped early" : "finished");
  print_result();
  print_examples();
  print_files();
  return exit_ok;
}

}  // namespace fovea::program
