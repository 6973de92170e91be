#include "backends/cpu/choice_table.h"

#include "backends/cpu/kernel_list.h"
#include "backends/cpu/kernels/conv2d/regions.h"
#include "ops/conv2d.h"
#include "ops/pool2d.h"

namespace fovea::cpu {
namespace {

#define FOVEA_CHOICE(key, batch, method, percent) {key, batch, method, percent},
constexpr MeasuredChoice avx512[] = {
#include "backends/cpu/choices/avx512.inc"
};
constexpr MeasuredChoice avx2[] = {
#include "backends/cpu/choices/avx2.inc"
};
#undef FOVEA_CHOICE

/// The shape of a convolution's pass.
Conv2DShape shape_of(const Region& region, const Region::Step& step, const Conv2DBase& op) {
  const Shape& first = spec_of(region, step.inputs[0]).shape;
  const Shape& second = spec_of(region, step.inputs[1]).shape;
  if (const auto* by_input = dynamic_cast<const Conv2DBackwardInputOp*>(&op))
    return conv2d_shape(op.attributes, by_input->x_shape, second, first);
  if (const auto* by_weights = dynamic_cast<const Conv2DBackwardFilterOp*>(&op))
    return conv2d_shape(op.attributes, first, by_weights->kernel_shape, second);
  return conv2d_shape(op.attributes, first, second, spec_of(region, step.outputs[0]).shape);
}

std::string size_text(const Conv2DShape& s) {
  std::string text = fmt::format("{}x{}", s.kernel_h, s.kernel_w);
  if (s.stride_h != 1 || s.stride_w != 1) text += fmt::format(" stride {}x{}", s.stride_h, s.stride_w);
  if (s.dilation_h != 1 || s.dilation_w != 1)
    text += fmt::format(" dilation {}x{}", s.dilation_h, s.dilation_w);
  if (s.groups != 1) text += fmt::format(" groups {}", s.groups);
  return fmt::format("{} {}x{}x{} to {}x{}x{}", text, s.height, s.width, s.in_channels, s.out_height,
                     s.out_width, s.filters);
}

}  // namespace

TableKey table_key(const Region& region) {
  TableKey result;
  std::string passes, size;
  for (std::size_t i = 0; i < region.steps.size(); ++i) {
    const Region::Step& step = region.steps[i];
    const std::string_view name = step.op->class_name();
    if (const auto* convolution = dynamic_cast<const Conv2DBase*>(step.op)) {
      if (spec_of(region, step.inputs[0]).dtype != DType::float32) return {};
      const Conv2DShape s = shape_of(region, step, *convolution);
      size = size_text(s);
      result.batch = s.batch;
      result.operations += 2.0 * static_cast<double>(s.batch * s.out_height * s.out_width * s.filters) *
                           static_cast<double>(s.kernel_h * s.kernel_w * s.in_channels / s.groups);
    } else if (op_as<Pool2DOp>(region, i) == nullptr && op_as<Pool2DBackwardOp>(region, i) == nullptr) {
      continue;  // what costs little
    }
    passes += (passes.empty() ? "" : "+") + std::string(name);
  }
  if (size.empty()) return {};
  result.key = passes + " " + size;
  return result;
}

std::span<const MeasuredChoice> choice_table(std::string_view instruction_set) {
  if (instruction_set == "avx512") return avx512;
  if (instruction_set == "avx2") return avx2;
  return {};
}

const MeasuredChoice* look_up(std::span<const MeasuredChoice> table, const TableKey& key) {
  const MeasuredChoice* best = nullptr;
  for (const MeasuredChoice& row : table) {
    if (key.key.empty() || row.key != key.key) continue;
    const bool serves = row.batch >= key.batch, served = best != nullptr && best->batch >= key.batch;
    if (best == nullptr || (serves ? !served || row.batch < best->batch : !served && row.batch > best->batch))
      best = &row;
  }
  return best;
}

void apply_table(std::span<const MeasuredChoice> table, const Region& region, Candidates& candidates) {
  TableKey key = table_key(region);
  const MeasuredChoice* const row = look_up(table, key);
  candidates.table_key = std::move(key.key);
  candidates.batch = key.batch;
  candidates.operations = key.operations;
  if (row == nullptr) return;
  constexpr int kApart = -1, kNone = -2;
  int found = row->method == kTakenApart && candidates.may_be_apart ? kApart : kNone;
  for (std::size_t i = 0; i < candidates.kernels.size() && found == kNone; ++i) {
    if (method_of(candidates.kernels[i]->name()) == row->method) found = static_cast<int>(i);
  }
  if (found == kNone) return;
  candidates.preferred = found;
  candidates.from_table = true;
  candidates.peak_share = row->percent_of_peak / 100;
}

std::string_view method_of(std::string_view kernel) {
  const std::size_t colon = kernel.find(':');
  if (colon == std::string_view::npos) return {};
  const std::string_view rest = kernel.substr(colon + 1);
  return rest.substr(0, rest.find('+'));
}

}  // namespace fovea::cpu
