#include "plan/choose_kernel.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "core/json_fields.h"
#include "plan/measure_kernels.h"
#include "plan/measured_kernels.h"

namespace fovea {
namespace {

constexpr int kApart = -1, kUnknown = -2;

/// One choice in the making.
class Chooser {
 public:
  Chooser(const Region& region, Candidates candidates) : region_(region), candidates_(std::move(candidates)) {
    const std::size_t ways = candidates_.kernels.size() + (candidates_.may_be_apart ? 1 : 0);
    result.is_choice = ways > 1;
    const int preferred = candidates_.preferred;
    result.report.preferred =
        preferred < 0 ? kTakenApart : candidates_.kernels[static_cast<std::size_t>(preferred)]->name();
    result.report.table_key = candidates_.table_key;
    result.report.batch = candidates_.batch;
    result.report.operations = candidates_.operations;
  }

  /// Takes the way of that name; false when there is none.
  bool take(std::string_view name, const char* why) {
    const int found = find(name);
    if (found == kUnknown) return false;
    take(found, why);
    return true;
  }

  void take(int way, const char* why) {
    result.report.choice.why = why;
    if (way == candidates_.preferred) result.report.peak_share = candidates_.peak_share;
    if (way == kApart) {
      result.report.choice.kernel = kTakenApart;
      result.declined = fmt::format("taken apart ({})", why);
      return;
    }
    result.kernel = std::move(candidates_.kernels[static_cast<std::size_t>(way)]);
    result.report.choice.kernel = result.kernel->name();
  }

  void take_preferred() {
    take(candidates_.preferred, candidates_.from_table ? "table" : "order");
    if (result.kernel == nullptr) result.declined = candidates_.reasons;
  }

  /// Measures every way; the fastest.
  std::size_t measure(bool packs_each_run, ThreadPool& threads,
                      const std::function<double()>& seconds_apart) {
    std::vector<const Kernel*> kernels;
    for (const auto& kernel : candidates_.kernels) kernels.push_back(kernel.get());
    const double apart = candidates_.may_be_apart ? seconds_apart() : 0;
    const std::vector<double> best = measure_kernels(region_, kernels, packs_each_run, threads);
    for (std::size_t i = 0; i < kernels.size(); ++i)
      result.report.seconds.emplace_back(std::string(kernels[i]->name()), best[i]);
    if (candidates_.may_be_apart)
      result.report.seconds.emplace_back(std::string(kTakenApart), std::min(apart, seconds_apart()));
    return fastest_way(result.report.seconds, result.report.preferred);
  }

  ChosenKernel result;

 private:
  int find(std::string_view name) const {
    for (std::size_t i = 0; i < candidates_.kernels.size(); ++i) {
      if (candidates_.kernels[i]->name() == name) return static_cast<int>(i);
    }
    return name == kTakenApart && candidates_.may_be_apart ? kApart : kUnknown;
  }

  const Region& region_;
  Candidates candidates_;
};

std::string list(const Region& region, const std::vector<int>& values) {
  std::string text;
  for (const int value : values)
    text += (text.empty() ? "" : ", ") + region.values[static_cast<std::size_t>(value)].str();
  return text;
}

}  // namespace

std::string choice_shapes(const Region& region, bool packs_each_run) {
  std::string text = list(region, region.inputs) + " -> " + list(region, region.outputs);
  for (const Region::Step& step : region.steps) {
    text += fmt::format("; {} {} -> {}", describe(const_cast<Op&>(*step.op)), fmt::join(step.inputs, ","),
                        fmt::join(step.outputs, ","));
  }
  return packs_each_run ? text : text + "; weights packed once";
}

std::string choice_key(const KernelChoice& choice) { return choice.region + ": " + choice.shapes; }

std::size_t fastest_way(const std::vector<std::pair<std::string, double>>& seconds,
                        std::string_view preferred) {
  constexpr double kClearly = 0.97, kForMemory = 0.75;
  const auto counted = [&](const auto& way) {
    const double factor = way.first == preferred ? kClearly : 1.0;
    return way.second * (way.first == kTakenApart ? factor / kForMemory : factor);
  };
  std::size_t best = 0;
  for (std::size_t i = 1; i < seconds.size(); ++i) {
    if (counted(seconds[i]) < counted(seconds[best])) best = i;
  }
  return best;
}

ChosenKernel choose_kernel(const Region& region, const Backend& backend, const KernelSelection& selection,
                           bool packs_each_run, const std::function<double()>& seconds_apart) {
  Candidates candidates = backend.candidates(region);
  if (candidates.kernels.empty()) {
    ChosenKernel declined;
    declined.declined = candidates.reasons;
    return declined;
  }
  Chooser chooser(region, std::move(candidates));
  ChosenKernel& result = chooser.result;
  if (!result.is_choice) {
    chooser.take_preferred();
    return std::move(result);
  }
  result.report.choice.region = region.str();
  result.report.choice.shapes = choice_shapes(region, packs_each_run);
  const std::string key = choice_key(result.report.choice);
  if (const auto known = selection.record.find(key); known != selection.record.end()) {
    if (chooser.take(known->second, "record")) return std::move(result);
    result.not_possible = known->second;
  }
  if (selection.measured != nullptr) {
    const auto known = selection.measured->find(key);
    if (known && chooser.take(known->kernel, "measured")) {
      result.report.choice.milliseconds = known->milliseconds;
      return std::move(result);
    }
    if (selection.threads != nullptr) {
      const std::size_t fastest = chooser.measure(packs_each_run, *selection.threads, seconds_apart);
      const auto [kernel, seconds] = result.report.seconds[fastest];
      chooser.take(kernel, "measured");
      result.report.choice.milliseconds = seconds * 1e3;
      selection.measured->add(key, {kernel, seconds * 1e3});
      return std::move(result);
    }
  }
  chooser.take_preferred();
  return std::move(result);
}

}  // namespace fovea
