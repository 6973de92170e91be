// bench_load FILE STEPS [--no-prepacking]: loads a model, predicts one random image some times, and says as
// JSON how long both took and how much memory the process held at most before, after loading and at the end.
// For bench/compare/applications.py.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

#include "fovea/fovea.h"

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// The largest resident size so far, of this program alone: getrusage counts what started it too.
long long peak_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmHWM:", 0) == 0) return std::atoll(line.c_str() + 6) * 1024;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const bool lean = argc == 4 && std::string(argv[3]) == "--no-prepacking";
  if (argc != 3 && !lean) {
    std::fputs("usage: bench_load MODEL STEPS [--no-prepacking]\n", stderr);
    return 2;
  }
  fovea::set_prepacking(!lean);
  fovea::set_log_callback([](std::string_view message) {
    std::fprintf(stderr, "%.*s\n", static_cast<int>(message.size()), message.data());
  });
  try {
    const long long before = peak_bytes();
    const Clock::time_point begin = Clock::now();
    const fovea::Model model = fovea::load_model(argv[1]);
    const double load = seconds_since(begin);
    const long long loaded = peak_bytes();
    long long weights = 0;
    for (const fovea::Variable& weight : model.weights()) weights += weight.spec().bytes();

    fovea::Shape shape = model.inputs()[0].shape();
    shape.set(0, 1);
    fovea::Tensor image(shape, fovea::DType::float32);
    for (std::int64_t i = 0; i < image.size(); ++i)
      image.data<float>()[i] = static_cast<float>(i * 7919 % 256);
    model.predict_all({image});  // plans, packs weights
    const int steps = std::atoi(argv[2]);
    const Clock::time_point start = Clock::now();
    for (int i = 0; i < steps; ++i) model.predict_all({image});
    const double rate = steps / seconds_since(start);
    std::printf(
        "{\"load_seconds\": %.6f, \"peak_before\": %lld, \"peak_after_load\": %lld, \"peak_at_end\": %lld, "
        "\"weight_bytes\": %lld, \"images_per_second\": %.4f}\n",
        load, before, loaded, peak_bytes(), weights, rate);
  } catch (const fovea::Error& error) {
    std::fprintf(stderr, "bench_load: %s\n", error.what());
    return 1;
  }
}
