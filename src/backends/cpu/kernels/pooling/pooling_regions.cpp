#include "backends/cpu/epilogue.h"
#include "backends/cpu/kernel_list.h"
#include "backends/cpu/kernels/pooling/pooling.h"
#include "ops/pool2d.h"

// Which regions the pooling kernels take: a pooling [+ ReLU]; [slope of a ReLU after it +] its gradient [+
// slope of the activation before it] [+ sum over all but the channels].

namespace fovea::cpu {
namespace {

PoolShape shape_of(const ops::Pool2DAttributes& a, const Shape& x, const Shape& y) {
  PoolShape s;
  s.kind = a.kind;
  s.batch = x[0];
  s.height = x[1];
  s.width = x[2];
  s.channels = x[3];
  s.out_height = y[1];
  s.out_width = y[2];
  s.window_h = a.window.height;
  s.window_w = a.window.width;
  s.stride_h = a.strides.height;
  s.stride_w = a.strides.width;
  s.pad_top = a.padding.top;
  s.pad_left = a.padding.left;
  return s;
}

class Forward final : public Kernel {
 public:
  Forward(const PoolShape& shape, bool relu, int y, int winners)
      : shape_(shape), relu_(relu), y_(y), winners_(winners) {}
  std::string_view name() const override { return relu_ ? "pool2d:channels+relu" : "pool2d:channels"; }
  void run(const KernelContext& c) const override {
    pool_forward(shape_, input<float>(c, 0), relu_, output<float>(c, y_), output<std::uint8_t>(c, winners_),
                 c.threads);
  }

 private:
  PoolShape shape_;
  bool relu_;
  int y_, winners_;
};

/// Positions among the region's inputs and outputs, -1 for what there is not.
struct BackwardPlaces {
  int after = -1, dy = 0, winners = -1, source = -1, dx = -1, sums = -1;
};

class Backward final : public Kernel {
 public:
  Backward(const PoolShape& shape, const BackwardPlaces& places, const UnaryBackwardOp* activation)
      : shape_(shape), places_(places) {
    if (activation != nullptr) activation_ = std::make_unique<UnaryBackwardOp>(*activation);
  }
  std::string_view name() const override {
    const bool sums = places_.sums >= 0;
    if (places_.after >= 0)
      return sums ? "pool2d_backward:slope+gather+sums" : "pool2d_backward:slope+gather";
    if (activation_ == nullptr) return sums ? "pool2d_backward:gather+sums" : "pool2d_backward:gather";
    return sums ? "pool2d_backward:gather+slope+sums" : "pool2d_backward:gather+slope";
  }
  std::size_t workspace_bytes() const override { return pool_backward_workspace(shape_, places_.sums >= 0); }
  void run(const KernelContext& c) const override {
    const PoolBackwardExtras extras{input<float>(c, places_.after), activation_.get(),
                                    input<float>(c, places_.source), output<float>(c, places_.sums)};
    pool_backward(shape_, input<float>(c, places_.dy), input<std::uint8_t>(c, places_.winners),
                  output<float>(c, places_.dx), extras, c.workspace, c.threads);
  }

 private:
  PoolShape shape_;
  BackwardPlaces places_;
  std::unique_ptr<const UnaryBackwardOp> activation_;
};

}  // namespace

Implementation make_pool2d(const Region& region) {
  const auto& op = *op_as<Pool2DOp>(region, 0);
  const Region::Step& step = region.steps[0];
  if (spec_of(region, step.inputs[0]).dtype != DType::float32) return decline("takes float32 only");
  int value = step.outputs[0];
  std::size_t taken = 1;
  const auto* activation = op_as<UnaryOp>(region, 1);
  if (activation != nullptr) {
    if (op.attributes.kind == ops::PoolKind::average || !activation->is_plain_relu())
      return decline("the activation is no ReLU of an extreme");
    value = region.steps[1].outputs[0];
    ++taken;
  }
  if (taken != region.steps.size())
    return decline("takes no {} as step {}", region.steps[taken].op->class_name(), taken);
  const int y = position_of(region.outputs, value);
  if (y < 0) return decline("only the winners are read");
  const int winners = step.outputs.size() < 2 ? -1 : position_of(region.outputs, step.outputs[1]);
  if (region.outputs.size() != (winners < 0 ? 1U : 2U)) return decline("an inner value is read outside");
  if (winners >= 0 && spec_of(region, step.outputs[1]).dtype != DType::uint8)
    return decline("a window has more than 256 elements");
  PoolShape shape =
      shape_of(op.attributes, spec_of(region, step.inputs[0]).shape, spec_of(region, step.outputs[0]).shape);
  shape.marks_dead = op.marks_dead;
  return std::make_unique<Forward>(shape, activation != nullptr, y, winners);
}

namespace {

/// From the pooling's gradient on, which is step `first` of the region; `places.after` is set when a ReLU's
/// slope stands before it.
Implementation read_backward(const Region& region, std::size_t first, BackwardPlaces places, int dy) {
  const auto& op = *op_as<Pool2DBackwardOp>(region, first);
  const Region::Step& gather = region.steps[first];
  if (spec_of(region, gather.outputs[0]).dtype != DType::float32) return decline("takes float32 only");
  places.dy = position_of(region.inputs, dy);
  if (gather.inputs.size() > 1) {
    places.winners = position_of(region.inputs, gather.inputs[1]);
    if (spec_of(region, gather.inputs[1]).dtype != DType::uint8)
      return decline("a window has more than 256 elements");
  }
  int value = gather.outputs[0];
  std::size_t step = first + 1, written = 1;
  const auto* activation = op_as<UnaryBackwardOp>(region, step);
  if (activation != nullptr) {
    const Region::Step& slope = region.steps[step];
    places.source = position_of(region.inputs, slope.inputs[0]);
    if (slope.inputs[1] != value || places.source < 0)
      return decline("step {} is no slope of this gradient", step);
    value = slope.outputs[0];
    ++step;
  }
  if (sums_columns(region, step, value)) {
    places.sums = position_of(region.outputs, region.steps[step].outputs[0]);
    ++step, ++written;
  }
  places.dx = position_of(region.outputs, value);
  if (step != region.steps.size())
    return decline("takes no {} as step {}", region.steps[step].op->class_name(), step);
  if (places.dx < 0 || region.outputs.size() != written) return decline("an inner value is read outside");
  const PoolShape shape = shape_of(op.attributes, op.x_shape, spec_of(region, dy).shape);
  if (places.after >= 0 && (activation != nullptr || !pool_backward_takes_relu(shape)))
    return decline("a slope before the gradient only with disjoint windows, and no other slope");
  return std::make_unique<Backward>(shape, places, activation);
}

}  // namespace

Implementation make_pool2d_backward(const Region& region) {
  return read_backward(region, 0, {}, region.steps[0].inputs[0]);
}

Implementation make_relu_pool2d_backward(const Region& region) {
  const Region::Step& slope = region.steps[0];
  if (!op_as<UnaryBackwardOp>(region, 0)->is_plain_relu()) return decline("step 0 is no slope of a ReLU");
  if (op_as<Pool2DBackwardOp>(region, 1) == nullptr || region.steps[1].inputs[0] != slope.outputs[0])
    return decline("step 1 is no gradient of a pooling");
  BackwardPlaces places;
  places.after = position_of(region.inputs, slope.inputs[0]);
  return read_backward(region, 1, places, slope.inputs[1]);
}

}  // namespace fovea::cpu
