#include "backends/cpu/epilogue.h"
#include "backends/cpu/kernel_list.h"
#include "backends/cpu/kernels/pooling/pooling.h"
#include "ops/pool2d.h"

// Which regions the pooling kernels take: a pooling alone; its gradient [+ slope of the activation before it]
// [+ sum over all but the channels].

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
  Forward(const PoolShape& shape, int y, int winners) : shape_(shape), y_(y), winners_(winners) {}
  std::string_view name() const override { return "pool2d:channels"; }
  void run(const KernelContext& c) const override {
    pool_forward(shape_, input<float>(c, 0), output<float>(c, y_), output<std::int32_t>(c, winners_),
                 c.threads);
  }

 private:
  PoolShape shape_;
  int y_, winners_;
};

/// Positions among the region's inputs and outputs, -1 for what there is not.
struct BackwardPlaces {
  int dy = 0, winners = -1, source = -1, dx = -1, sums = -1;
};

class Backward final : public Kernel {
 public:
  Backward(const PoolShape& shape, const BackwardPlaces& places, const UnaryBackwardOp* activation)
      : shape_(shape), places_(places) {
    if (activation != nullptr) activation_ = std::make_unique<UnaryBackwardOp>(*activation);
  }
  std::string_view name() const override {
    if (places_.sums >= 0) return "pool2d_backward:gather+slope+sums";
    return activation_ == nullptr ? "pool2d_backward:gather" : "pool2d_backward:gather+slope";
  }
  std::size_t workspace_bytes() const override { return pool_backward_workspace(shape_, places_.sums >= 0); }
  void run(const KernelContext& c) const override {
    const PoolBackwardTail tail{activation_.get(), input<float>(c, places_.source),
                                output<float>(c, places_.sums)};
    pool_backward(shape_, input<float>(c, places_.dy), input<std::int32_t>(c, places_.winners),
                  output<float>(c, places_.dx), tail, c.workspace, c.threads);
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
  if (region.steps.size() != 1) return decline("takes the op alone");
  if (spec_of(region, step.inputs[0]).dtype != DType::float32) return decline("takes float32 only");
  const int y = position_of(region.outputs, step.outputs[0]);
  if (y < 0) return decline("only the winners are read");
  const int winners = step.outputs.size() < 2 ? -1 : position_of(region.outputs, step.outputs[1]);
  return std::make_unique<Forward>(
      shape_of(op.attributes, spec_of(region, step.inputs[0]).shape, spec_of(region, step.outputs[0]).shape),
      y, winners);
}

Implementation make_pool2d_backward(const Region& region) {
  const auto& op = *op_as<Pool2DBackwardOp>(region, 0);
  const Region::Step& first = region.steps[0];
  if (spec_of(region, first.outputs[0]).dtype != DType::float32) return decline("takes float32 only");
  BackwardPlaces places;
  places.dy = position_of(region.inputs, first.inputs[0]);
  if (first.inputs.size() > 1) places.winners = position_of(region.inputs, first.inputs[1]);
  int value = first.outputs[0];
  std::size_t step = 1, written = 1;
  const auto* activation = op_as<UnaryBackwardOp>(region, step);
  if (activation != nullptr) {
    const Region::Step& slope = region.steps[step];
    places.source = position_of(region.inputs, slope.inputs[0]);
    if (slope.inputs[1] != value || places.source < 0) return decline("step 1 is no slope of this gradient");
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
  return std::make_unique<Backward>(
      shape_of(op.attributes, op.x_shape, spec_of(region, first.inputs[0]).shape), places, activation);
}

}  // namespace fovea::cpu
