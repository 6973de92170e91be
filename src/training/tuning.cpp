#include <cstdlib>

#include "core/log.h"
#include "plan/measured_kernels.h"
#include "training/runtime.h"

// start_tuning and stop_tuning, which hold for the whole process, and what plans get to see of them.

namespace fovea {
namespace {

std::mutex tuning_mutex;
std::uint64_t version = 0;  ///< odd while tuning
std::string folder;
/// Of the instruction set and the number of threads that were last planned for.
std::shared_ptr<MeasuredKernels> measured;
std::string measured_for;

/// Empty when no variable says where.
std::string cache_folder() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  if (const std::string own = variable("FOVEA_CACHE_DIR"); !own.empty()) return own;
  if (const std::string cache = variable("XDG_CACHE_HOME"); !cache.empty()) return cache + "/fovea";
  if (const std::string home = variable("HOME"); !home.empty()) return home + "/.cache/fovea";
  return {};
}

void open_measured(const Backend& backend, int threads) {
  const std::string wanted = fmt::format("{} {}", backend.instruction_set(), threads);
  if (measured && measured_for == wanted) return;
  measured_for = wanted;
  if (folder.empty()) {
    log_message("tuning: neither FOVEA_CACHE_DIR nor HOME is set, so what is measured is not remembered");
    measured = std::make_shared<MeasuredKernels>();
    return;
  }
  measured = std::make_shared<MeasuredKernels>(
      folder, MeasuredMachine{cpu_model(), backend.instruction_set(), backend.kernels_version(), threads});
  if (!measured->problem().empty()) log_message("tuning: " + measured->problem());
}

}  // namespace

void start_tuning(const TuningOptions& options) {
  const std::lock_guard lock(tuning_mutex);
  version += version % 2 == 0 ? 1 : 2;
  folder = options.folder.empty() ? cache_folder() : options.folder;
  measured = nullptr;
}

void stop_tuning() {
  const std::lock_guard lock(tuning_mutex);
  version += version % 2;
}

std::uint64_t tuning_version() {
  const std::lock_guard lock(tuning_mutex);
  return version;
}

KernelSelection kernel_selection(const ModelImpl& model, const Backend& backend, bool measure) {
  KernelSelection selection;
  selection.prepacks = prepacking();
  if (&backend != &cpu_backend()) return selection;
  for (const KernelChoice& choice : model.record.choices)
    selection.record.emplace(choice_key(choice), choice.kernel);
  const std::shared_ptr<ThreadPool> threads = compute_threads();
  const std::lock_guard lock(tuning_mutex);
  if (version % 2 == 0) return selection;
  open_measured(backend, threads->threads());
  selection.measured = measured;
  if (measure) selection.threads = threads;
  return selection;
}

void remember_measurements() {
  std::shared_ptr<MeasuredKernels> kernels;
  {
    const std::lock_guard lock(tuning_mutex);
    if (version % 2 == 0 || !measured) return;
    kernels = measured;
  }
  try {
    if (const std::size_t count = kernels->save(); count > 0) {
      log_message(
          fmt::format("tuning: {} parts of the model were measured; their kernels are remembered in '{}'",
                      count, kernels->path()));
    }
  } catch (const Error& error) {
    log_message(fmt::format("tuning: what was measured is not remembered: {}", error.what()));
  }
}

}  // namespace fovea
