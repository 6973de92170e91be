#include "plan/measure_kernels.h"

#include <algorithm>
#include <cstring>
#include <ctime>
#include <limits>

#include "core/arena.h"
#include "core/cache_lines.h"
#include "ops/pool2d.h"
#include "plan/packing.h"

namespace fovea {
namespace {

// A sample is long enough for the clock; a kernel gets a few, and more while they cost little.
constexpr double kShortestSample = 200e-6, kEnoughSeconds = 0.06;
constexpr int kFewestRounds = 3, kMostRounds = 20, kMostRepeats = 200;

/// Seconds of processor time for one thread, which leaves out what others on the machine took; of several
/// threads, those that wait would count in it.
double now(const ThreadPool& threads) {
  timespec time{};
  clock_gettime(threads.threads() == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// Inputs and outputs of a region, one after another.
class Buffers {
 public:
  explicit Buffers(const Region& region) : arena_(place(region)) {
    for (std::size_t i = 0; i < region.inputs.size(); ++i) fill(region, region.inputs[i], offsets_[i]);
    for (std::size_t i = 0; i < offsets_.size(); ++i) {
      std::byte* const at = arena_.data() + offsets_[i];
      if (i < region.inputs.size()) {
        inputs_.push_back(at);
      } else {
        outputs_.push_back(at);
      }
    }
  }
  const void* const* inputs() const { return inputs_.data(); }
  void* const* outputs() const { return outputs_.data(); }

 private:
  std::int64_t place(const Region& region) {
    std::int64_t bytes = 0;
    const auto add = [&](int value) {
      offsets_.push_back(bytes);
      bytes += whole_lines(region.values[static_cast<std::size_t>(value)].bytes());
    };
    for (const int value : region.inputs) add(value);
    for (const int value : region.outputs) add(value);
    return std::max<std::int64_t>(bytes, 64);
  }

  /// Numbers in [-1, 1), half of them negative, as gradients and what ReLUs see are; integers are zero, as
  /// labels may be, but winners of poolings are spread over their windows.
  void fill(const Region& region, int value, std::int64_t offset) {
    const TensorSpec& spec = region.values[static_cast<std::size_t>(value)];
    std::byte* const to = arena_.data() + offset;
    std::uint32_t state = 12345;
    const auto next = [&] { return state = state * 1664525U + 1013904223U; };
    if (spec.dtype == DType::float32) {
      auto* const numbers = reinterpret_cast<float*>(to);
      for (std::int64_t i = 0; i < spec.shape.elements(); ++i)
        numbers[i] = static_cast<float>(next() >> 8) * 0x1p-23F - 1;
      return;
    }
    std::memset(to, 0, static_cast<std::size_t>(spec.bytes()));
    if (spec.dtype != DType::uint8) return;
    for (const Region::Step& step : region.steps) {
      const auto* pool = dynamic_cast<const Pool2DBackwardOp*>(step.op);
      if (pool == nullptr || step.inputs.size() < 2 || step.inputs[1] != value) continue;
      const std::int64_t window = pool->attributes.window.height * pool->attributes.window.width;
      // Without the slope of a ReLU before it, every second window is dead.
      const std::int64_t below = &step == region.steps.data() && window <= kDeadWindow ? 2 * window : window;
      for (std::int64_t i = 0; i < spec.shape.elements(); ++i) {
        const std::int64_t number = static_cast<std::int64_t>(next() >> 8) % below;
        to[i] = static_cast<std::byte>(number < window ? number : kDeadWindow);
      }
    }
  }

  std::vector<std::int64_t> offsets_;
  Arena arena_;
  std::vector<const void*> inputs_;
  std::vector<void*> outputs_;
};

}  // namespace

std::vector<double> measure_kernels(const Region& region, const std::vector<const Kernel*>& kernels,
                                    bool packs_each_run, ThreadPool& threads) {
  const Buffers buffers(region);
  std::size_t bytes = 64;
  for (const Kernel* kernel : kernels) bytes = std::max(bytes, packing_workspace(*kernel));
  Arena workspace(static_cast<std::int64_t>(bytes));
  const auto run = [&](const Kernel& kernel, int times) {
    const int packed = kernel.packed_input();
    const bool pack_first = packed >= 0 && !packs_each_run;
    if (pack_first) kernel.pack(buffers.inputs()[packed], workspace.data(), threads);
    const double begin = now(threads);
    for (int i = 0; i < times; ++i) {
      if (pack_first) {
        kernel.run({buffers.inputs(), buffers.outputs(), workspace.data() + packed_part(kernel), threads,
                    workspace.data()});
      } else {
        pack_and_run(kernel, buffers.inputs(), buffers.outputs(), workspace.data(), threads);
      }
    }
    return (now(threads) - begin) / times;
  };
  std::vector<double> best(kernels.size(), std::numeric_limits<double>::infinity());
  std::vector<int> repeats;
  for (const Kernel* kernel : kernels) {
    run(*kernel, 1);  // pages, caches, the clock rate
    const double once = std::max(run(*kernel, 1), 1e-9);
    repeats.push_back(std::clamp(static_cast<int>(kShortestSample / once), 1, kMostRepeats));
  }
  const double begin = now(threads);
  for (int round = 0; round < kMostRounds; ++round) {
    const double spent = now(threads) - begin;
    if (round >= kFewestRounds && spent > kEnoughSeconds * static_cast<double>(kernels.size())) break;
    for (std::size_t i = 0; i < kernels.size(); ++i)
      best[i] = std::min(best[i], run(*kernels[i], repeats[i]));
  }
  return best;
}

}  // namespace fovea
