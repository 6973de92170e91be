#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data_source.h"
#include "fovea/model.h"
#include "run_record.h"
#include "task.h"
#include "training_options.h"

namespace fovea::program {

/// A training from its first printed line to its last: trains in one or more phases, records every epoch in
/// the run's folder, keeps the best and the last model, and stops in good order at Ctrl-C.
class TrainingRun {
 public:
  /// `model` is compiled. Makes the folder and writes run.json.
  TrainingRun(Model model, Data data, Task task, const TrainingOptions& options, const RunFolder& folder,
              Json settings);

  /// Trains for at most `epochs` more epochs; false when no other phase should follow. With `restore_best`,
  /// the model then has its best weights of this phase.
  bool fit(std::int64_t epochs, bool restore_best = false);
  /// Says what came of it; the program's exit code.
  int finish();

 private:
  std::vector<CallbackHandle> callbacks(bool restore_best);
  void keep_interrupted();
  void print_result() const;
  void print_examples() const;
  void print_files() const;

  Model model_;
  Data data_;
  Task task_;
  const TrainingOptions& options_;
  RunFolder folder_;
  std::string monitor_;
  RunRecord record_;
  std::shared_ptr<ModelCheckpoint> best_, last_;
  std::shared_ptr<EarlyStopping> stopping_;
  std::int64_t epochs_done_ = 0;
  bool diverged_ = false;
};

/// The settings that every training has, chosen defaults included, for run.json.
Json common_settings(const Model& model, const Data& data, const Task& task, const TrainingOptions& options);

/// What is known before the first step, a row each.
void print_data(const DataSource& source, const Data& data);
void print_compiled(const Model& model, const Task& task, const TrainingOptions& options);
void print_memory(const Model& model, const Data& data, std::int64_t batch_size);

}  // namespace fovea::program
