// bench_kernels: the speed of each kernel family, against what the machine can do in the same run.

#include <cstdio>
#include <exception>

#include "backends/cpu/instruction_set.h"
#include "bench/measure.h"

int main(int argc, char** argv) {
  try {
    fovea::cpu::limit_instruction_set_from_environment();
    fovea::ThreadPool pool(fovea::bench::parse_options(argc, argv).threads);
    fovea::bench::Bench bench(fovea::bench::parse_options(argc, argv), pool);
    bench.print_head();
    fovea::bench::measure_convolutions(bench);
    fovea::bench::measure_depthwise_convolutions(bench);
    fovea::bench::measure_programs(bench);
#ifndef FOVEA_BENCH_ONEDNN
    std::printf("without oneDNN's rows: libdnnl-dev was not there when this was built\n");
#endif
    std::printf("repeat a row: bench_kernels --filter conv2d/layer2/forward\n");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_kernels: %s\n", error.what());
    return 1;
  }
  return 0;
}
