#include "run_record.h"

#include <cmath>
#include <utility>

#include "models/model_impl.h"
#include "saving/model_info.h"

namespace fovea::program {
namespace {

double rounded(double seconds) { return std::round(seconds * 1000) / 1000; }

}  // namespace

RunRecord::RunRecord(RunFolder folder, Json content)
    : folder_(std::move(folder)), content_(std::move(content)) {
  content_["status"] = "running";
  content_["epochs"] = Json::array();
  folder_.write_json("run.json", content_);
}

void RunRecord::add_kernels(const KernelRecord& kernels) {
  kernels_ = merged(kernels_, kernels);
  content_["kernels"] = kernels_to_json(kernels_);
}

void RunRecord::add_epoch(Json epoch, const KernelRecord& kernels) {
  add_kernels(kernels);
  content_["epochs"].push_back(std::move(epoch));
  folder_.write_json("run.json", content_);
}

void RunRecord::set_status(const char* status, Json more) {
  content_["status"] = status;
  content_.update(more);
  folder_.write_json("run.json", content_);
}

void EpochRecorder::on_epoch_begin(std::int64_t, const Logs&) {
  begin_ = last_batch_ = Clock::now();
  batches_ = 0;
}

void EpochRecorder::on_train_batch_end(std::int64_t, const Logs&) {
  last_batch_ = Clock::now();
  ++batches_;
}

void EpochRecorder::on_epoch_end(std::int64_t epoch, Logs& logs) {
  const auto seconds = [&](Clock::time_point end) {
    return std::chrono::duration<double>(end - begin_).count();
  };
  const double training = seconds(last_batch_);
  Json entry{{"epoch", epoch + 1},
             {"seconds", rounded(seconds(Clock::now()))},
             {"training_seconds", rounded(training)}};
  if (batches_ > 0 && training > 0) {
    const double share = static_cast<double>(batches_) / static_cast<double>(parameters().steps);
    entry["images_per_second"] = rounded(share * static_cast<double>(parameters().samples) / training);
  }
  for (const auto& [name, value] : logs) entry[name] = value;  // one that is not finite is written as null
  record_->add_epoch(std::move(entry), model().kernels());
}

}  // namespace fovea::program
