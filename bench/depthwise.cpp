#include "backends/cpu/kernels/depthwise/depthwise.h"

#include <algorithm>

#include "backends/cpu/kernels/depthwise/shape_file.h"
#include "bench/measure.h"

namespace fovea::bench {
namespace {

/// The three passes of one shape. Bytes are those of images, gradients and weights, each read or written
/// once.
void measure_shape(const cpu::NamedDepthwiseShape& named, Bench& bench) {
  const cpu::DepthwiseShape& s = named.shape;
  const std::string prefix = "depthwise/" + named.name + "/";
  const std::int64_t inputs = s.batch * s.height * s.width * s.channels;
  const std::int64_t outputs = s.batch * s.out_height * s.out_width * s.out_channels();
  const std::int64_t weights = s.taps() * s.out_channels();
  const bool any = bench.wanted(prefix + "forward") || bench.wanted(prefix + "backward_input") ||
                   bench.wanted(prefix + "backward_filter");
  if (!any) return;
  const auto floats = [](std::int64_t count) { return static_cast<std::size_t>(count); };
  Buffer x(floats(inputs)), dx(floats(inputs)), y(floats(outputs)), dy(floats(outputs));
  Buffer w(floats(weights)), dw(floats(weights)), bias(floats(s.out_channels()));
  Buffer workspace(std::max({cpu::depthwise_forward_workspace(s), cpu::depthwise_backward_input_workspace(s),
                             cpu::depthwise_backward_filter_workspace(s)}) /
                   sizeof(float));
  std::vector<Row> rows;
  const auto add = [&](const char* pass, std::function<void()> run) {
    if (!bench.wanted(prefix + pass)) return;
    Row row{prefix + pass, Row::Unit::operations, 2 * static_cast<double>(outputs * s.taps()),
            std::move(run)};
    row.bytes = static_cast<double>(inputs + outputs + weights) * sizeof(float);
    rows.push_back(std::move(row));
  };
  add("forward", [&] {
    cpu::depthwise_forward(s, x.data(), w.data(), bias.data(), {true, 6}, y.data(), workspace.data(),
                           bench.pool());
  });
  add("backward_input", [&] {
    cpu::depthwise_backward_input(s, dy.data(), w.data(), dx.data(), workspace.data(), bench.pool());
  });
  add("backward_filter", [&] {
    cpu::depthwise_backward_filter(s, x.data(), dy.data(), dw.data(), workspace.data(), bench.pool());
  });
  bench.measure(std::move(rows));
}

}  // namespace

void measure_depthwise_convolutions(Bench& bench) {
  for (const auto& shape : cpu::read_depthwise_shapes(FOVEA_SHAPES_DIR "/depthwise.txt")) {
    if (shape.bench) measure_shape(shape, bench);
  }
}

}  // namespace fovea::bench
