// bench_images: images a second that are read and resized, of the JPEG files in a folder: each step alone,
// resizing by vectors beside the formula pixel by pixel, and decoding at a fraction of the size.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <functional>

#include "core/format.h"
#include "data/resize.h"
#include "tests/data/resize_formula.h"

namespace {

using namespace fovea;

constexpr const char* kUsage =
    "bench_images FOLDER [--size N] [--images N] [--rounds N]\n"
    "  FOLDER      JPEG files, anywhere below it\n"
    "  --size N    side that images are resized to (150)\n"
    "  --images N  so many of them, spread over all (200)\n"
    "  --rounds N  how often; the best time of each step counts (5)\n"
    "One thread, in its processor time.\n";

struct Options {
  std::string folder;
  std::int64_t size = 150, images = 200, rounds = 5;
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    std::int64_t* number = name == "--size"     ? &options.size
                           : name == "--images" ? &options.images
                           : name == "--rounds" ? &options.rounds
                                                : nullptr;
    if (number != nullptr && i + 1 < argc) {
      *number = std::atoll(argv[++i]);
    } else {
      options.folder = name;
    }
  }
  if (options.folder.empty() || options.folder.starts_with("--") || options.size < 1 || options.images < 1 ||
      options.rounds < 1) {
    std::fputs(kUsage, options.folder == "--help" ? stdout : stderr);
    std::exit(options.folder == "--help" ? 0 : 2);
  }
  return options;
}

double now() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

std::vector<std::vector<std::uint8_t>> read_files(const Options& options) {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(options.folder)) {
    const std::string ending = entry.path().extension().string();
    if (ending == ".jpg" || ending == ".jpeg") paths.push_back(entry.path().string());
  }
  if (paths.empty()) throw Error(options.folder + ": has no JPEG files");
  std::sort(paths.begin(), paths.end());
  const std::size_t count = std::min(paths.size(), static_cast<std::size_t>(options.images));
  std::vector<std::vector<std::uint8_t>> files;
  for (std::size_t i = 0; i < count; ++i) files.push_back(read_named_file(paths[i * paths.size() / count]));
  return files;
}

void run(const Options& options) {
  const auto files = read_files(options);
  ImageOptions image_options{.image_size = {options.size, options.size}};
  const ResizePlan plan = plan_resize(image_options);
  image_options.scaled_decoding = true;
  const ResizePlan scaled = plan_resize(image_options);
  std::vector<Image> decoded;
  double pixels = 0;
  for (const auto& file : files) {
    decoded.push_back(decode_image(file, 3));
    pixels += static_cast<double>(decoded.back().height * decoded.back().width) * 1e-6;
  }
  std::vector<float> out(static_cast<std::size_t>(plan.elements()));
  struct Step {
    const char* name;
    std::function<void(std::size_t)> work;
    double best = 1e30;
  };
  Step steps[] = {
      {"resize by the formula", [&](std::size_t i) { resize_by_formula(decoded[i], plan, out); }},
      {"resize", [&](std::size_t i) { resize(decoded[i], plan, out); }},
      {"decode", [&](std::size_t i) { decode_image(files[i], 3); }},
      {"decode and resize", [&](std::size_t i) { resize(decode_image(files[i], 3), plan, out); }},
      {"decode scaled and resize",
       [&](std::size_t i) { resize(decode_image(files[i], 3, scaled.decoded_size()), scaled, out); }},
  };
  for (std::int64_t round = 0; round < options.rounds; ++round) {
    for (Step& step : steps) {
      const double begin = now();
      for (std::size_t i = 0; i < files.size(); ++i) step.work(i);
      step.best = std::min(step.best, now() - begin);
    }
  }
  const auto count = static_cast<double>(files.size());
  std::printf("%zu images of %.2f megapixels to %lldx%lld\n", files.size(), pixels / count,
              static_cast<long long>(options.size), static_cast<long long>(options.size));
  for (const Step& step : steps)
    std::printf("%-26s %9.0f images/s %9.1f us\n", step.name, count / step.best, step.best / count * 1e6);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(parse(argc, argv));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_images: %s\n", error.what());
    return 1;
  }
  return 0;
}
