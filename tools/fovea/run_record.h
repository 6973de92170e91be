#pragma once

#include <chrono>

#include "fovea/callbacks.h"
#include "fovea/kernels.h"
#include "run_folder.h"

namespace fovea::program {

/// run.json: what was run, on what, and how it goes; written anew after each epoch.
class RunRecord {
 public:
  /// `content` holds what is known before the first step.
  RunRecord(RunFolder folder, Json content);

  /// With the kernels that the model is computed with now, beside those of earlier epochs.
  void add_epoch(Json epoch, const KernelRecord& kernels);
  void add_kernels(const KernelRecord& kernels);
  /// "running", "finished", "stopped early", "interrupted" or "failed", with more to tell.
  void set_status(const char* status, Json more = Json::object());
  const Json& content() const { return content_; }

 private:
  RunFolder folder_;
  Json content_;
  KernelRecord kernels_;
};

/// Times each epoch and puts its figures into the record.
class EpochRecorder : public Callback {
 public:
  explicit EpochRecorder(RunRecord& record) : record_(&record) {}
  void on_epoch_begin(std::int64_t epoch, const Logs& logs) override;
  void on_train_batch_end(std::int64_t batch, const Logs& logs) override;
  void on_epoch_end(std::int64_t epoch, Logs& logs) override;

 private:
  using Clock = std::chrono::steady_clock;
  RunRecord* record_;
  Clock::time_point begin_, last_batch_;
  std::int64_t batches_ = 0;
};

}  // namespace fovea::program
