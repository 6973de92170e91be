#pragma once

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "backends/cpu/kernels/conv2d/conv2d.h"

namespace fovea::cpu {

/// A line of bench/shapes/conv2d.txt, which tests and benchmarks share; its head says what the columns are.
struct NamedConv2DShape {
  std::string name;
  bool bench = false;
  Conv2DShape shape;
};

inline std::vector<NamedConv2DShape> read_conv2d_shapes(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path);
  std::vector<NamedConv2DShape> shapes;
  for (std::string line; std::getline(file, line);) {
    line = line.substr(0, line.find('#'));
    std::istringstream words(line);
    NamedConv2DShape named;
    std::string use;
    if (!(words >> use)) continue;
    Conv2DShape& s = named.shape;
    std::int64_t pad_bottom = 0, pad_right = 0;
    words >> named.name >> s.batch >> s.height >> s.width >> s.in_channels >> s.filters >> s.kernel_h >>
        s.kernel_w >> s.stride_h >> s.stride_w >> s.pad_top >> s.pad_left >> pad_bottom >> pad_right >>
        s.dilation_h >> s.dilation_w >> s.groups;
    if (!words || (use != "bench" && use != "test")) throw std::runtime_error(path + ": " + line);
    named.bench = use == "bench";
    s.out_height = (s.height + s.pad_top + pad_bottom - (s.kernel_h - 1) * s.dilation_h - 1) / s.stride_h + 1;
    s.out_width = (s.width + s.pad_left + pad_right - (s.kernel_w - 1) * s.dilation_w - 1) / s.stride_w + 1;
    shapes.push_back(named);
  }
  return shapes;
}

}  // namespace fovea::cpu
