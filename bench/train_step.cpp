// bench_train_step: a training step of the reference net (docs/design.md), or another one, through the public
// API, in images a second; then the same step kernel by kernel.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bench/model_case.h"
#include "optimizers/optimizer_impl.h"
#include "training/step_graph.h"

namespace {

using namespace fovea;

struct Options {
  std::string net = "convnet";
  int threads = 2;
  int steps = 10;
  std::int64_t batch = 32;
  bool bfloat16 = false;   ///< under mixed_bfloat16
  bool list = false;       ///< every step of the program, not only sums by kernel
  bool cpu_clock = false;  ///< processor time, for a machine that others use too
};

constexpr const char* kUsage =
    "bench_train_step [--net NET] [--threads N] [--steps N] [--batch N] [--bf16] [--cpu] [--list]\n"
    "  --net NET    one of fovea::applications, with one output: convnet, lenet; or a config.json (convnet)\n"
    "  --threads N  threads (2)\n"
    "  --steps N    steps after two that are not counted; the median and the best are printed (10)\n"
    "  --batch N    images a step (32)\n"
    "  --bf16       with layers that compute in bfloat16 (mixed_bfloat16)\n"
    "  --cpu        processor time instead of the wall's, with --threads 1: leaves out what others took\n"
    "  --list       every step of the program, beside the sums by kernel\n";

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--list" || name == "--cpu" || name == "--bf16") {
      (name == "--list" ? options.list : name == "--cpu" ? options.cpu_clock : options.bfloat16) = true;
      continue;
    }
    if (name == "--net" && i + 1 < argc) {
      options.net = argv[++i];
      continue;
    }
    const int value = i + 1 < argc ? std::atoi(argv[i + 1]) : 0;
    if (value < 1 || (name != "--threads" && name != "--steps" && name != "--batch")) {
      std::fputs(kUsage, name == "--help" ? stdout : stderr);
      std::exit(name == "--help" ? 0 : 2);
    }
    if (name == "--threads") options.threads = value;
    if (name == "--steps") options.steps = value;
    if (name == "--batch") options.batch = value;
    ++i;
  }
  if (options.cpu_clock && options.threads != 1) {
    std::fprintf(stderr, "--cpu counts waiting threads too: use it with --threads 1\n");
    std::exit(2);
  }
  return options;
}

bool use_cpu_clock = false;

/// Seconds.
double now() {
  if (use_cpu_clock) return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void print_speed(const char* what, std::vector<double> seconds, std::int64_t batch) {
  std::sort(seconds.begin(), seconds.end());
  const double median = seconds[seconds.size() / 2], best = seconds.front();
  std::printf("%-24s %8.3f ms median %8.3f ms best %8.1f images/s median %8.1f best\n", what, median * 1e3,
              best * 1e3, static_cast<double>(batch) / median, static_cast<double>(batch) / best);
}

/// Takes what the cpu backend takes, and notes the seconds of every run of every kernel.
class TimedBackend final : public Backend {
 public:
  struct Entry {
    std::string region, kernel;
    std::vector<double> seconds;
  };

  std::string_view name() const override { return "timed"; }
  Implementation implement(const Region& region) const override {
    Implementation made = cpu_backend().implement(region);
    auto* kernel = std::get_if<std::unique_ptr<Kernel>>(&made);
    if (kernel == nullptr) return made;
    entries_.push_back(std::make_shared<Entry>());
    entries_.back()->region =
        region.str() + " " + region.values[static_cast<std::size_t>(region.outputs.at(0))].shape.str();
    entries_.back()->kernel = (*kernel)->name();
    return std::make_unique<Timed>(std::move(*kernel), entries_.back());
  }
  const std::vector<std::shared_ptr<Entry>>& entries() const { return entries_; }

 private:
  class Timed final : public Kernel {
   public:
    Timed(std::unique_ptr<Kernel> kernel, std::shared_ptr<Entry> entry)
        : kernel_(std::move(kernel)), entry_(std::move(entry)) {}
    std::string_view name() const override { return kernel_->name(); }
    std::size_t workspace_bytes() const override { return kernel_->workspace_bytes(); }
    bool in_place() const override { return kernel_->in_place(); }
    int packed_input() const override { return kernel_->packed_input(); }
    std::string packed_form() const override { return kernel_->packed_form(); }
    std::size_t packed_bytes() const override { return kernel_->packed_bytes(); }
    void pack(const void* weights, void* packed, ThreadPool& threads) const override {
      const double begin = now();
      kernel_->pack(weights, packed, threads);
      packing_ = now() - begin;
    }
    void run(const KernelContext& context) const override {
      const double begin = now();
      kernel_->run(context);
      entry_->seconds.push_back(now() - begin + packing_);
      packing_ = 0;
    }

   private:
    std::unique_ptr<Kernel> kernel_;
    std::shared_ptr<Entry> entry_;
    mutable double packing_ = 0;  ///< of the run to come
  };
  mutable std::vector<std::shared_ptr<Entry>> entries_;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

bench::ModelCase case_of(const Options& options) {
  return bench::make_model_case(options.net, options.batch, 255, options.bfloat16);
}

void measure_public_api(const Options& options) {
  const bench::ModelCase made = case_of(options);
  made.model.compile({.optimizer = "adam", .loss = made.loss, .metrics = {"acc"}});
  std::vector<double> seconds;
  for (int step = 0; step < options.steps + 2; ++step) {
    const double begin = now();
    made.model.train_on_batch(made.x, made.y);
    if (step >= 2) seconds.push_back(now() - begin);
  }
  print_speed("train_on_batch", seconds, options.batch);
}

void measure_kernels(const Options& options) {
  const bench::ModelCase made = case_of(options);
  made.model.compile({.optimizer = "adam", .loss = made.loss});
  auto& impl = dynamic_cast<ModelImpl&>(*made.model.impl());
  const TimedBackend backend;
  const StepProgram step = make_training_program(impl, {{made.x.spec()}, {made.y.spec()}, false}, backend);
  const ContextPtr context = step.program->new_context();
  const float rate = 1e-3F;
  std::int64_t iteration = 0;
  const std::int64_t random_state[2] = {1, 1};
  std::vector<const void*> feeds(step.program->feed_count());
  const auto put = [&](std::string_view name, const void* from) {
    const int position = step.program->feed_index(name);
    if (position >= 0) feeds[static_cast<std::size_t>(position)] = from;
  };
  put(feed_name('x', 0), made.x.raw());
  put(feed_name('y', 0), made.y.raw());
  put(kLearningRateFeed, &rate);
  put(kIterationFeed, &iteration);
  put(kRandomStateFeed, random_state);
  const std::vector<void*> outputs(step.program->output_specs().size());
  ThreadPool threads(options.threads);
  std::vector<double> seconds;
  for (int i = 0; i < options.steps + 2; ++i) {
    ++iteration;
    const double begin = now();
    step.program->run(*context, feeds.data(), outputs.data(), threads);
    if (i >= 2) seconds.push_back(now() - begin);
  }
  print_speed("program", seconds, options.batch);

  std::map<std::string, double> by_kernel;
  double total = 0;
  for (const auto& entry : backend.entries()) {
    const double own = median(entry->seconds);
    by_kernel[entry->kernel] += own;
    total += own;
  }
  std::vector<std::pair<double, std::string>> order;
  for (const auto& [kernel, own] : by_kernel) order.emplace_back(own, kernel);
  std::sort(order.rbegin(), order.rend());
  std::printf("\n%-44s %10s %8s\n", "kernel (medians, added up)", "ms", "share");
  for (const auto& [own, kernel] : order) {
    std::printf("%-44s %10.3f %7.1f %%\n", kernel.c_str(), own * 1e3, 100 * own / total);
  }
  if (!options.list) return;
  std::printf("\n%-72s %-44s %10s\n", "step", "kernel", "ms");
  for (const auto& entry : backend.entries()) {
    if (entry->seconds.empty()) continue;
    std::printf("%-72s %-44s %10.3f\n", entry->region.c_str(), entry->kernel.c_str(),
                median(entry->seconds) * 1e3);
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Options options = parse(argc, argv);
    use_cpu_clock = options.cpu_clock;
    set_threads(options.threads);
    std::printf("%s, batch %lld\n", options.net.c_str(), static_cast<long long>(options.batch));
    measure_public_api(options);
    measure_kernels(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_train_step: %s\n", error.what());
    return 1;
  }
  return 0;
}
