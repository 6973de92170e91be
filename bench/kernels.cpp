// bench_kernels: GFLOP/s of each convolution pass for each `bench` line of shapes/conv2d.txt, against the FMA
// peak measured in the same run.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <new>
#include <string>
#include <vector>

#include "backends/cpu/kernels/conv2d/conv2d.h"
#include "backends/cpu/kernels/conv2d/shape_file.h"
#include "bench/fma_peak.h"

namespace {

using fovea::ThreadPool;
using fovea::cpu::Conv2DShape;

struct Options {
  int threads = 2;
  int rounds = 10;
  std::string filter;
  std::string clock = "wall";
  std::string shapes = FOVEA_SHAPES_DIR "/conv2d.txt";
};

constexpr const char* kUsage =
    "bench_kernels [--filter TEXT] [--threads N] [--rounds N] [--shapes FILE]\n"
    "  --filter TEXT   only rows whose \"conv2d/<shape>/<pass>\" contains TEXT\n"
    "  --threads N     threads of the pool (2)\n"
    "  --rounds N      interleaved rounds; the best of each row counts (10)\n"
    "  --clock CLOCK   wall, or cpu for a machine that others use too, with --threads 1 (wall)\n"
    "  --shapes FILE   lines as in bench/shapes/conv2d.txt\n";

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (i + 1 >= argc || name.rfind("--", 0) != 0) {
      std::fputs(kUsage, name == "--help" ? stdout : stderr);
      std::exit(name == "--help" ? 0 : 2);
    }
    const char* value = argv[++i];
    if (name == "--filter") {
      options.filter = value;
    } else if (name == "--clock") {
      options.clock = value;
    } else if (name == "--threads") {
      options.threads = std::atoi(value);
    } else if (name == "--rounds") {
      options.rounds = std::atoi(value);
    } else if (name == "--shapes") {
      options.shapes = value;
    } else {
      std::fprintf(stderr, "unknown option %s\n%s", name.c_str(), kUsage);
      std::exit(2);
    }
  }
  const bool cpu = options.clock == "cpu";
  if ((!cpu && options.clock != "wall") || (cpu && options.threads != 1)) {
    std::fprintf(stderr, "--clock %s --threads %d\n%s", options.clock.c_str(), options.threads, kUsage);
    std::exit(2);
  }
  return options;
}

/// Memory at 64 bytes, filled with small numbers.
class Buffer {
 public:
  explicit Buffer(std::size_t floats)
      : data_(static_cast<float*>(::operator new (floats * sizeof(float) + 64, std::align_val_t{64}))) {
    std::uint32_t state = 1;
    for (std::size_t i = 0; i < floats; ++i) {
      state = state * 1664525U + 1013904223U;
      data_[i] = static_cast<float>(state >> 8) * 0x1p-24F - 0.5F;
    }
  }
  ~Buffer() { ::operator delete (data_, std::align_val_t{64}); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  float* data() { return data_; }

 private:
  float* data_;
};

struct Row {
  std::string name;
  double operations;
  std::function<void()> run;
  double best = 1e30;
};

/// Seconds on the wall, or of processor time, which leaves out what others on the machine took. The latter is
/// only offered for one thread: a pool's waiting threads count in it, its sleeping ones do not.
double now(const Options& options) {
  if (options.clock == "cpu") return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double seconds_of(const std::function<void()>& run, const Options& options) {
  const double begin = now(options);
  run();
  return now(options) - begin;
}

/// The three passes of one shape, in turns, and the peak between them; prints a line each.
void measure(const fovea::cpu::NamedConv2DShape& named, const Options& options, ThreadPool& pool) {
  const Conv2DShape& s = named.shape;
  const std::string prefix = "conv2d/" + named.name + "/";
  const double outputs = static_cast<double>(s.batch * s.out_height * s.out_width * s.filters);
  const double operations =
      2 * outputs * static_cast<double>(s.kernel_h * s.kernel_w * s.in_channels / s.groups);
  std::vector<Row> rows;
  const auto add = [&](const char* pass, std::function<void()> run) {
    if ((prefix + pass).find(options.filter) != std::string::npos) {
      rows.push_back({prefix + pass, operations, std::move(run)});
    }
  };
  const auto floats = [](std::int64_t count) { return static_cast<std::size_t>(count); };
  Buffer x(floats(s.batch * s.height * s.width * s.in_channels));
  Buffer dx(floats(s.batch * s.height * s.width * s.in_channels));
  Buffer y(static_cast<std::size_t>(outputs));
  Buffer dy(static_cast<std::size_t>(outputs));
  const std::size_t weights = floats(s.kernel_h * s.kernel_w * s.in_channels / s.groups * s.filters);
  Buffer w(weights), dw(weights), bias(floats(s.filters)), db(floats(s.filters));
  Buffer workspace(
      std::max({fovea::cpu::conv2d_forward_workspace(s), fovea::cpu::conv2d_backward_input_workspace(s),
                fovea::cpu::conv2d_backward_filter_workspace(s)}) /
      sizeof(float));
  add("forward", [&] {
    fovea::cpu::conv2d_forward(s, x.data(), w.data(), bias.data(), fovea::cpu::ConvActivation::relu, y.data(),
                               workspace.data(), pool);
  });
  add("backward_input",
      [&] { fovea::cpu::conv2d_backward_input(s, dy.data(), w.data(), dx.data(), workspace.data(), pool); });
  add("backward_filter", [&] {
    fovea::cpu::conv2d_backward_filter(s, x.data(), dy.data(), dw.data(), db.data(), workspace.data(), pool);
  });
  if (rows.empty()) return;

  double peak = 0;
  for (int round = 0; round < options.rounds; ++round) {
    peak = std::max(peak, fovea::bench::measure_fma_peak(pool, [&] { return now(options); }));
    for (Row& row : rows) row.best = std::min(row.best, seconds_of(row.run, options));
  }
  for (const Row& row : rows) {
    const double speed = row.operations / row.best * 1e-9;
    std::printf("%-36s %10.3f %10.1f %10.1f %7.1f %%\n", row.name.c_str(), row.best * 1e3, speed, peak,
                100 * speed / peak);
  }
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Options options = parse(argc, argv);
    ThreadPool pool(options.threads);
    std::printf("%s, %d threads, best of %d interleaved rounds by the %s clock, packing included\n",
                fovea::bench::instruction_set(), pool.threads(), options.rounds, options.clock.c_str());
    std::printf("%-36s %10s %10s %10s %9s\n", "row", "ms", "GFLOP/s", "FMA peak", "of peak");
    for (const auto& shape : fovea::cpu::read_conv2d_shapes(options.shapes)) {
      if (shape.bench) measure(shape, options, pool);
    }
    std::printf("repeat a row: bench_kernels --filter conv2d/layer2/forward\n");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_kernels: %s\n", error.what());
    return 1;
  }
  return 0;
}
