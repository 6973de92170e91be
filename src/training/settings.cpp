#include <atomic>
#include <mutex>

#include "training/runtime.h"

// What holds for the whole process: the threads, the backend and what is kept packed.

namespace fovea {
namespace {

std::mutex settings_mutex;
std::shared_ptr<ThreadPool> pool;
int wanted_threads = 0;
std::atomic<bool> use_reference{false}, prepack{true};

}  // namespace

std::shared_ptr<ThreadPool> compute_threads() {
  const std::lock_guard lock(settings_mutex);
  if (!pool) pool = std::make_shared<ThreadPool>(wanted_threads);
  return pool;
}

void set_threads(int threads) {
  if (threads < 0 || threads > 1024) fail("set_threads: must be 0 to 1024. Received: {}", threads);
  const std::lock_guard lock(settings_mutex);
  wanted_threads = threads;
  pool.reset();
}

void set_backend(std::string_view name) {
  if (name != "cpu" && name != "reference")
    fail("set_backend: must be 'cpu' or 'reference'. Received: '{}'", name);
  use_reference = name == "reference";
}

void set_prepacking(bool wanted) { prepack = wanted; }

bool prepacking() { return prepack; }

DType weights_dtype(const ModelImpl& model) {
  for (const Variable& weight : model.collect_weights(false)) return weight.spec().dtype;
  return DType::float32;
}

const Backend& backend_for(const ModelImpl& model) {
  if (use_reference) return reference_backend();
  for (const Variable& weight : model.collect_weights(false)) {
    if (weight.spec().dtype == DType::float64) return reference_backend();
  }
  return cpu_backend();
}

}  // namespace fovea
