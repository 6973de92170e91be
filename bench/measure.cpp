#include "bench/measure.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <new>

#include "bench/fma_peak.h"

namespace fovea::bench {
namespace {

constexpr const char* kUsage =
    "bench_kernels [--filter TEXT] [--threads N] [--rounds N] [--shapes FILE]\n"
    "  --filter TEXT   only rows whose name contains TEXT: conv2d, depthwise, pool, matmul, elementwise, "
    "reduce,\n"
    "                  softmax, batch_norm, augment, dropout, transpose, optimizer\n"
    "  --threads N     threads of the pool (2)\n"
    "  --rounds N      interleaved rounds; the best of each row counts (10)\n"
    "  --clock CLOCK   wall, or cpu for a machine that others use too, with --threads 1 (wall)\n"
    "  --shapes FILE   convolutions, as in bench/shapes/conv2d.txt\n";

// Four times the largest cache of today's desktops and small servers.
constexpr std::int64_t kStreamFloats = 32 * 1024 * 1024;

}  // namespace

Options parse_options(int argc, char** argv) {
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

double now(const Options& options) {
  if (options.clock == "cpu") return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Buffer::Buffer(std::size_t floats)
    : data_(static_cast<float*>(::operator new (floats * sizeof(float) + 64, std::align_val_t{64}))) {
  std::uint32_t state = 1;
  for (std::size_t i = 0; i < floats; ++i) {
    state = state * 1664525U + 1013904223U;
    data_[i] = static_cast<float>(state >> 8) * 0x1p-24F - 0.5F;
  }
}

Buffer::~Buffer() { ::operator delete (data_, std::align_val_t{64}); }

Bench::Bench(const Options& options, ThreadPool& pool)
    : options_(options), pool_(pool), from_(kStreamFloats), to_(kStreamFloats) {}

bool Bench::wanted(const std::string& name) const { return name.find(options_.filter) != std::string::npos; }

void Bench::print_head() const {
  std::printf("%s, %d threads, best of %d interleaved rounds by the %s clock\n", instruction_set(),
              pool_.threads(), options_.rounds, options_.clock.c_str());
  std::printf("%-44s %10s %17s %10s %9s\n", "row", "ms", "speed", "peak", "of peak");
}

double Bench::memory_peak() {
  constexpr std::int64_t kPieces = 64;
  const double begin = now(options_);
  pool_.parallel_for(kPieces, [&](std::int64_t piece) {
    const float* from = from_.data() + piece * (kStreamFloats / kPieces);
    float* to = to_.data() + piece * (kStreamFloats / kPieces);
    for (std::int64_t i = 0; i < kStreamFloats / kPieces; ++i) to[i] = from[i] * 0.5F;
  });
  return 2.0 * static_cast<double>(kStreamFloats) * sizeof(float) / (now(options_) - begin) * 1e-9;
}

void Bench::measure(std::vector<Row> rows) {
  if (rows.empty()) return;
  double fma = 0, memory = 0;
  for (int round = 0; round < options_.rounds; ++round) {
    fma = std::max(fma, measure_fma_peak(pool_, [&] { return now(options_); }));
    memory = std::max(memory, memory_peak());
    for (Row& row : rows) {
      // What fits into the caches is measured there: once right after the other.
      for (int again = 0; again < 2; ++again) {
        const double begin = now(options_);
        row.run();
        row.best = std::min(row.best, now(options_) - begin);
      }
    }
  }
  for (const Row& row : rows) {
    const bool operations = row.unit == Row::Unit::operations;
    const double speed = row.work / row.best * 1e-9, peak = operations ? fma : memory;
    std::printf("%-44s %10.3f %9.1f %s %10.1f %7.1f %%", row.name.c_str(), row.best * 1e3, speed,
                operations ? "GFLOP/s" : "GB/s   ", peak, 100 * speed / peak);
    if (row.bytes != 0) {
      const double bandwidth = row.bytes / row.best * 1e-9;
      std::printf("  %9.1f GB/s %8.1f %7.1f %%", bandwidth, memory, 100 * bandwidth / memory);
    }
    std::printf("\n");
  }
  std::fflush(stdout);
}

}  // namespace fovea::bench
