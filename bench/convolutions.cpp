#include <algorithm>

#include "backends/cpu/kernels/conv2d/conv2d.h"
#include "backends/cpu/kernels/conv2d/shape_file.h"
#include "backends/cpu/kernels/conv2d/winograd.h"
#include "bench/measure.h"
#ifdef FOVEA_BENCH_ONEDNN
#include "bench/onednn.h"
#endif

namespace fovea::bench {
namespace {

std::size_t floats(std::int64_t count) { return static_cast<std::size_t>(count); }

/// The three passes of one shape, packing included.
void measure_shape(const cpu::NamedConv2DShape& named, Bench& bench) {
  const cpu::Conv2DShape& s = named.shape;
  const std::string prefix = "conv2d/" + named.name + "/";
  const std::int64_t outputs = s.batch * s.out_height * s.out_width * s.filters;
  const double operations =
      2 * static_cast<double>(outputs * (s.kernel_h * s.kernel_w * s.in_channels / s.groups));
  std::vector<Row> rows;
  const auto add = [&](const char* pass, std::function<void()> run) {
    if (bench.wanted(prefix + pass)) {
      rows.push_back({prefix + pass, Row::Unit::operations, operations, std::move(run)});
    }
  };
  const bool any = bench.wanted(prefix + "forward") || bench.wanted(prefix + "backward_input") ||
                   bench.wanted(prefix + "backward_filter");
  if (!any) return;
  Buffer x(floats(s.batch * s.height * s.width * s.in_channels));
  Buffer dx(floats(s.batch * s.height * s.width * s.in_channels));
  Buffer y(floats(outputs)), dy(floats(outputs));
  const std::size_t weights = floats(s.kernel_h * s.kernel_w * s.in_channels / s.groups * s.filters);
  Buffer w(weights), dw(weights), bias(floats(s.filters)), db(floats(s.filters));
  std::size_t bytes = std::max({cpu::conv2d_packed_bytes(s), cpu::conv2d_backward_input_workspace(s),
                                cpu::conv2d_backward_filter_workspace(s)});
  if (cpu::winograd_takes(s)) {
    bytes = std::max({bytes, cpu::winograd_packed_bytes(s), cpu::winograd_backward_input_workspace(s),
                      cpu::winograd_backward_filter_workspace(s)});
  }
  Buffer workspace(bytes / sizeof(float));
  add("forward", [&] {
    cpu::conv2d_pack(s, w.data(), workspace.data(), bench.pool());
    cpu::conv2d_forward(s, x.data(), workspace.data(), {.bias = bias.data(), .relu = true}, y.data(),
                        bench.pool());
  });
  add("backward_input",
      [&] { cpu::conv2d_backward_input(s, dy.data(), w.data(), dx.data(), workspace.data(), bench.pool()); });
  add("backward_filter", [&] {
    cpu::conv2d_backward_filter(s, x.data(), dy.data(), dw.data(), db.data(), workspace.data(), bench.pool());
  });
  if (cpu::winograd_takes(s)) {
    add("forward_winograd", [&] {
      cpu::winograd_pack(s, w.data(), workspace.data(), bench.pool());
      cpu::winograd_forward(s, x.data(), workspace.data(), {.bias = bias.data(), .relu = true}, y.data(),
                            bench.pool());
    });
    add("backward_input_winograd", [&] {
      cpu::winograd_backward_input(s, dy.data(), w.data(), dx.data(), workspace.data(), bench.pool());
    });
    add("backward_filter_winograd", [&] {
      cpu::winograd_backward_filter(s, x.data(), dy.data(), dw.data(), workspace.data(), bench.pool());
    });
  }
#ifdef FOVEA_BENCH_ONEDNN
  add_onednn_rows(s, bench.options().threads, [&](const std::string& pass, std::function<void()> run) {
    add(pass.c_str(), std::move(run));
  });
#endif
  bench.measure(std::move(rows));
}

}  // namespace

void measure_convolutions(Bench& bench) {
  for (const auto& shape : cpu::read_conv2d_shapes(bench.options().shapes)) {
    if (shape.bench) measure_shape(shape, bench);
  }
}

}  // namespace fovea::bench
