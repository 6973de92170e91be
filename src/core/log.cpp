#include "core/log.h"

#include <functional>
#include <mutex>

namespace fovea {

void set_log_callback(std::function<void(std::string_view)> callback);

namespace {

std::mutex log_mutex;
std::function<void(std::string_view)> log_callback;

}  // namespace

void set_log_callback(std::function<void(std::string_view)> callback) {
  const std::lock_guard lock(log_mutex);
  log_callback = std::move(callback);
}

void log_message(std::string_view message) {
  std::function<void(std::string_view)> callback;
  {
    const std::lock_guard lock(log_mutex);
    callback = log_callback;
  }
  if (callback) callback(message);
}

}  // namespace fovea
