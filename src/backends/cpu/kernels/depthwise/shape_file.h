#pragma once

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "backends/cpu/kernels/depthwise/depthwise.h"

namespace fovea::cpu {

/// A line of bench/shapes/depthwise.txt, which tests and benchmarks share; its head says what the columns
/// are.
struct NamedDepthwiseShape {
  std::string name;
  bool bench = false;
  std::int64_t pad_bottom = 0, pad_right = 0;
  DepthwiseShape shape;
};

inline std::vector<NamedDepthwiseShape> read_depthwise_shapes(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path);
  std::vector<NamedDepthwiseShape> shapes;
  for (std::string line; std::getline(file, line);) {
    line = line.substr(0, line.find('#'));
    std::istringstream words(line);
    NamedDepthwiseShape named;
    std::string use;
    if (!(words >> use)) continue;
    DepthwiseShape& s = named.shape;
    words >> named.name >> s.batch >> s.height >> s.width >> s.channels >> s.multiplier >> s.kernel_h >>
        s.kernel_w >> s.stride_h >> s.stride_w >> s.pad_top >> s.pad_left >> named.pad_bottom >>
        named.pad_right >> s.dilation_h >> s.dilation_w;
    if (!words || (use != "bench" && use != "test")) throw std::runtime_error(path + ": " + line);
    named.bench = use == "bench";
    s.out_height =
        (s.height + s.pad_top + named.pad_bottom - (s.kernel_h - 1) * s.dilation_h - 1) / s.stride_h + 1;
    s.out_width =
        (s.width + s.pad_left + named.pad_right - (s.kernel_w - 1) * s.dilation_w - 1) / s.stride_w + 1;
    shapes.push_back(named);
  }
  return shapes;
}

}  // namespace fovea::cpu
