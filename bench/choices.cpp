// bench_choices: writes the table of kernels for the instruction set in use, src/backends/cpu/choices/*.inc.
// Plans the nets of a list, measures every way to compute each part where there is more than one, and prints
// the fastest.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <map>
#include <sstream>

#include "backends/cpu/choice_table.h"
#include "bench/fma_peak.h"
#include "bench/model_case.h"
#include "core/format.h"
#include "plan/measured_kernels.h"
#include "training/runtime.h"

namespace {

using namespace fovea;
using namespace fovea::bench;

constexpr const char* kUsage =
    "bench_choices [--list FILE] [--threads N] [--rounds N]\n"
    "  --list FILE   lines of net, train or predict, batch (bench/shapes/choices.txt)\n"
    "  --threads N   threads (1: processor time, which other work on the machine hardly disturbs)\n"
    "  --rounds N    how often the list is gone through; the best time counts (2)\n"
    "FOVEA_MAX_ISA=avx2 measures AVX2. The rows go to standard output:\n"
    "  bench_choices > src/backends/cpu/choices/avx512.inc\n";

struct Options {
  std::string list = FOVEA_SHAPES_DIR "/choices.txt";
  int threads = 1, rounds = 2;
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (i + 1 < argc && name == "--list") {
      options.list = argv[++i];
    } else if (i + 1 < argc && name == "--threads" && std::atoi(argv[i + 1]) > 0) {
      options.threads = std::atoi(argv[++i]);
    } else if (i + 1 < argc && name == "--rounds" && std::atoi(argv[i + 1]) > 0) {
      options.rounds = std::atoi(argv[++i]);
    } else {
      std::fputs(kUsage, name == "--help" ? stdout : stderr);
      std::exit(name == "--help" ? 0 : 2);
    }
  }
  return options;
}

std::string short_name(const std::string& kernel) {
  const std::string_view method = cpu::method_of(kernel);
  return method.empty() ? kernel : std::string(method);
}

/// One row: best seconds of each method, of all rounds and all regions with that key and batch.
struct Row {
  std::vector<std::pair<std::string, double>> seconds;
  std::string preferred;
  double operations = 0;
};
using Rows = std::map<std::pair<std::string, std::int64_t>, Row>;

void add_rows(const Program& program, Rows& rows) {
  for (const ChoiceReport& report : program.choices()) {
    if (report.table_key.empty() || report.seconds.empty()) continue;
    Row& row = rows[{report.table_key, report.batch}];
    row.preferred = short_name(report.preferred);
    row.operations = report.operations;
    for (const auto& [kernel, seconds] : report.seconds) {
      const std::string name = short_name(kernel);
      const auto known = std::find_if(row.seconds.begin(), row.seconds.end(),
                                      [&](const auto& entry) { return entry.first == name; });
      if (known == row.seconds.end()) {
        row.seconds.emplace_back(name, seconds);
      } else {
        known->second = std::min(known->second, seconds);
      }
    }
  }
}

void plan(const std::string& net, bool train, std::int64_t batch, const std::shared_ptr<ThreadPool>& threads,
          Rows& rows) {
  const std::string file = FOVEA_SHAPES_DIR "/../models/" + net + ".json";
  const ModelCase made = make_model_case(std::ifstream(file) ? file : net, batch, 1);
  auto& model = static_cast<ModelImpl&>(*made.model.impl());
  made.model.compile({.optimizer = make_optimizer("momentum"), .loss = made.loss});
  KernelSelection selection;
  selection.measured = std::make_shared<MeasuredKernels>();
  selection.threads = threads;
  if (train) {
    const BatchSpecs specs{{made.x.spec()}, {made.y.spec()}};
    add_rows(*make_training_program(model, specs, cpu_backend(), selection).program, rows);
  } else {
    add_rows(*make_inference_program(model, {made.x.spec()}, cpu_backend(), nullptr, selection).program,
             rows);
  }
}

void print(const Rows& rows, double peak) {
  for (const auto& [key, row] : rows) {
    const auto& best = row.seconds[fastest_way(row.seconds, row.preferred)];
    const double percent = 100 * row.operations / best.second / peak;
    fmt::print("FOVEA_CHOICE(\"{}\", {}, \"{}\", {:.0f})  //", key.first, key.second, best.first, percent);
    for (const auto& [method, seconds] : row.seconds) fmt::print(" {} {:.3f} ms", method, seconds * 1e3);
    fmt::print("\n");
  }
}

/// Of the thread: the peak is that of one.
double seconds_now() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// The list's lines, as often as there are rounds.
std::vector<std::string> lines_of(const Options& options) {
  std::vector<std::string> lines;
  for (int round = 0; round < options.rounds; ++round) {
    std::ifstream list(options.list);
    if (!list) throw Error("cannot read " + options.list);
    for (std::string line; std::getline(list, line);) lines.push_back(line);
  }
  return lines;
}

void run(const Options& options) {
  const auto threads = std::make_shared<ThreadPool>(options.threads);
  const std::string instruction_set = cpu_backend().instruction_set();
  Rows rows;
  ThreadPool one(1);
  double peak = 0;
  for (const std::string& line : lines_of(options)) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string net, mode;
    std::int64_t batch = 0;
    if (!(words >> net)) continue;
    words >> mode >> batch;
    if (!words || (mode != "train" && mode != "predict") || batch < 1)
      throw Error(options.list + ": " + line);
    std::fprintf(stderr, "%s\n", line.c_str());
    plan(net, mode == "train", batch, threads, rows);
    peak = std::max(peak, measure_fma_peak(one, seconds_now) * 1e9 * options.threads);
  }
  fmt::print(
      "// Written by bench_choices: \"{}\", {}, {}, {:.0f} GFLOP/s of multiply-adds. What, images, the "
      "fastest way, "
      "its\n// percentage of that in terms of the direct formula.\n",
      cpu_model(), instruction_set,
      options.threads == 1 ? "1 thread" : fmt::format("{} threads", options.threads), peak / 1e9);
  print(rows, peak);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(parse(argc, argv));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_choices: %s\n", error.what());
    return 1;
  }
  return 0;
}
