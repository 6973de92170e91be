#include "callbacks/monitor.h"

#include <cmath>

#include "core/format.h"
#include "core/log.h"
#include "models/model_impl.h"

// Source: keras/src/callbacks/monitor_callback.py.

namespace fovea {
namespace {

bool larger_is_better(const Metric& metric) {
  return metric.impl() ? metric.impl()->larger_is_better() : true;  // without impl it is an accuracy
}

/// The metric that is logged as `key`, or null. Of several outputs, "<output>_<metric>" is known beside the
/// metric's own name.
const Metric* find_metric(const Compiled& compiled, std::string_view key) {
  for (const bool weighted : {false, true}) {
    const auto& by_output = weighted ? compiled.weighted_metrics : compiled.metrics;
    for (std::size_t i = 0; i < by_output.size(); ++i) {
      for (const Metric& metric : by_output[i]) {
        const std::string name = metric.key(), prefix = compiled.names[i] + "_";
        if (key == name || key == prefix + name) return &metric;
        if (weighted && (key == "weighted_" + name || key == prefix + "weighted_" + name)) return &metric;
      }
    }
  }
  return nullptr;
}

bool is_loss(const Compiled* compiled, std::string_view key) {
  if (key == "loss") return true;
  if (compiled == nullptr || compiled->names.size() < 2) return false;
  for (const std::string& output : compiled->names) {
    if (key == output + "_loss") return true;
  }
  return false;
}

}  // namespace

Monitor::Monitor(std::string callback, std::string figure, const std::string& mode, double min_delta,
                 std::optional<double> first_best)
    : best(first_best),
      callback_(std::move(callback)),
      figure_(std::move(figure)),
      min_delta_(std::abs(min_delta)) {
  if (mode == "min") {
    direction_ = Direction::smaller;
  } else if (mode == "max") {
    direction_ = Direction::larger;
  } else if (mode != "auto") {
    log_message(fmt::format("{} mode '{}' is unknown, fallback to auto mode.", callback_, mode));
  }
}

void Monitor::find_direction(const Model& model) {
  if (direction_ != Direction::unknown) return;
  std::string_view key = figure_;
  if (key.substr(0, 4) == "val_") key.remove_prefix(4);
  const auto& impl = static_cast<const ModelImpl&>(*model.impl());
  const Compiled* compiled = impl.compiled.get();
  const Metric* metric = compiled != nullptr ? find_metric(*compiled, key) : nullptr;
  if (metric == nullptr && !is_loss(compiled, key)) {
    fail(
        "{}: monitor '{}' is neither the loss nor a metric that the model was compiled with, so mode 'auto' "
        "cannot tell whether it should grow or fall. Give mode 'max' or 'min'",
        callback_, figure_);
  }
  direction_ = metric != nullptr && larger_is_better(*metric) ? Direction::larger : Direction::smaller;
}

bool Monitor::improves(double value, const std::optional<double>& reference) const {
  if (!reference) return true;
  // Keras compares with its ops, which make float32 of Python's numbers: what differs by less than float32
  // can tell is no improvement.
  const auto limit = static_cast<float>(*reference);
  return direction_ == Direction::larger ? static_cast<float>(value - min_delta_) > limit
                                         : static_cast<float>(value + min_delta_) < limit;
}

std::string names_of(const Logs& logs) {
  std::string names;
  for (const auto& [name, value] : logs) names += (names.empty() ? "" : ",") + name;
  return names;
}

}  // namespace fovea
