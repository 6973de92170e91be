// bench_fma_peak [THREADS]: the float32 peak of so many threads (2), as a line of JSON: GFLOP/s, instruction
// set.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "backends/cpu/instruction_set.h"
#include "bench/fma_peak.h"

int main(int argc, char** argv) {
  try {
    fovea::cpu::limit_instruction_set_from_environment();
    fovea::ThreadPool pool(argc > 1 ? std::atoi(argv[1]) : 2);
    double best = 0;
    for (int round = 0; round < 10; ++round) {
      best = std::max(best, fovea::bench::measure_fma_peak(pool, [] {
                        const auto now = std::chrono::steady_clock::now().time_since_epoch();
                        return std::chrono::duration<double>(now).count();
                      }));
    }
    std::printf("{\"gflops\": %.1f, \"instruction_set\": \"%s\"}\n", best, fovea::bench::instruction_set());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_fma_peak: %s\n", error.what());
    return 1;
  }
  return 0;
}
