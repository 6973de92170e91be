// bench_model: steps of any model of Keras' config.json through the public API, for people and, as JSON, for
// bench/compare.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "bench/model_case.h"

namespace {

using namespace fovea;
using namespace fovea::bench;

constexpr const char* kUsage =
    "bench_model --model FILE [OPTIONS]\n"
    "  --model FILE      Keras' config.json; or the name of one of fovea::applications\n"
    "  --mode MODE       train (a train_on_batch a step) or predict (train)\n"
    "  --batch N         images a step (32)\n"
    "  --threads N       threads (2)\n"
    "  --optimizer NAME  adam, or momentum: SGD with 0.9 (adam)\n"
    "  --loss NAME       Keras' name (the crossentropy that fits the outputs)\n"
    "  --pixels X        the images' largest value (1)\n"
    "  --bf16            with layers that compute in bfloat16 (mixed_bfloat16)\n"
    "  --steps N         steps after three that are not counted (10)\n"
    "  --json            one line of JSON: seconds of each step and up to the first one's end, peak memory\n"
    "  --serve           reads `run SECONDS STEPS`, whichever takes longer, or `steps N` from standard "
    "input,\n"
    "                    line by line, and answers each with a line of JSON; a first answer follows one "
    "step\n";

struct Options {
  std::string model, mode = "train", optimizer = "adam", loss;
  int threads = 2, steps = 10;
  std::int64_t batch = 32;
  double pixels = 1;
  bool json = false, serve = false, bfloat16 = false;
};

[[noreturn]] void end_with_usage(bool asked) {
  std::fputs(kUsage, asked ? stdout : stderr);
  std::exit(asked ? 0 : 2);
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--json" || name == "--serve" || name == "--bf16") {
      (name == "--json" ? options.json : name == "--serve" ? options.serve : options.bfloat16) = true;
      continue;
    }
    if (i + 1 >= argc) end_with_usage(name == "--help");
    const char* value = argv[++i];
    if (name == "--model") {
      options.model = value;
    } else if (name == "--mode") {
      options.mode = value;
    } else if (name == "--optimizer") {
      options.optimizer = value;
    } else if (name == "--loss") {
      options.loss = value;
    } else if (name == "--batch") {
      options.batch = std::atoi(value);
    } else if (name == "--threads") {
      options.threads = std::atoi(value);
    } else if (name == "--steps") {
      options.steps = std::atoi(value);
    } else if (name == "--pixels") {
      options.pixels = std::atof(value);
    } else {
      end_with_usage(false);
    }
  }
  const bool known_mode = options.mode == "train" || options.mode == "predict";
  if (options.model.empty() || !known_mode || options.batch < 1 || options.threads < 1 || options.steps < 1) {
    end_with_usage(false);
  }
  return options;
}

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Of the process, in bytes; 0 where the system does not say.
long long peak_memory() {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("VmHWM:", 0) == 0) return std::atoll(line.c_str() + 6) * 1024;
  }
  return 0;
}

/// One step, ready to be run again and again.
std::function<void()> make_step(const Options& options) {
  const ModelCase made = make_model_case(options.model, options.batch, options.pixels, options.bfloat16);
  if (options.mode == "predict") {
    return [made, batch = options.batch] { made.model.predict(made.x, {.batch_size = batch}); };
  }
  made.model.compile({.optimizer = make_optimizer(options.optimizer),
                      .loss = options.loss.empty() ? made.loss : options.loss});
  return [made] { made.model.train_on_batch(made.x, made.y); };
}

/// Seconds of each step: as many as `least`, and on until `seconds` have passed.
std::vector<double> timed(const std::function<void()>& step, double seconds, int least) {
  std::vector<double> taken;
  for (const double begin = now(); static_cast<int>(taken.size()) < least || now() - begin < seconds;) {
    const double before = now();
    step();
    taken.push_back(now() - before);
  }
  return taken;
}

std::string json_list(const std::vector<double>& values) {
  std::ostringstream text;
  text.precision(9);
  for (const double value : values) text << (text.tellp() > 0 ? ", " : "") << value;
  return "[" + text.str() + "]";
}

void serve(const std::function<void()>& step) {
  step();
  std::printf("{\"seconds\": []}\n");
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string command;
    double seconds = 0;
    int least = 0;
    words >> command;
    if (command == "run") words >> seconds;
    words >> least;
    if (!words || (command != "run" && command != "steps")) throw Error("no such command: " + line);
    std::printf("{\"seconds\": %s}\n", json_list(timed(step, seconds, least)).c_str());
    std::fflush(stdout);
  }
}

void print(const Options& options, double first, std::vector<double> seconds) {
  if (options.json) {
    std::printf(
        "{\"mode\": \"%s\", \"batch\": %lld, \"threads\": %d, \"first_step_seconds\": %.6f, \"seconds\": %s, "
        "\"peak_memory_bytes\": %lld}\n",
        options.mode.c_str(), static_cast<long long>(options.batch), options.threads, first,
        json_list(seconds).c_str(), peak_memory());
    return;
  }
  std::sort(seconds.begin(), seconds.end());
  const double best = seconds.front(), median = seconds[seconds.size() / 2];
  const auto batch = static_cast<double>(options.batch);
  std::printf("%s %s, batch %lld: %.3f ms best, %.3f median; %.1f images/s best, %.1f median\n",
              options.mode.c_str(), options.model.c_str(), static_cast<long long>(options.batch), best * 1e3,
              median * 1e3, batch / best, batch / median);
  std::printf("the first step ended %.0f ms after the start; at most %.0f MB\n", first * 1e3,
              static_cast<double>(peak_memory()) / 1e6);
}

}  // namespace

int main(int argc, char** argv) {
  const double start = now();
  try {
    const Options options = parse(argc, argv);
    set_threads(options.threads);
    const std::function<void()> step = make_step(options);
    if (options.serve) {
      serve(step);
      return 0;
    }
    step();
    const double first = now() - start;
    timed(step, 0, 2);
    print(options, first, timed(step, 0, options.steps));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_model: %s\n", error.what());
    return 1;
  }
  return 0;
}
