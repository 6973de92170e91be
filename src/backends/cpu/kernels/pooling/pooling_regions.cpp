#include "backends/cpu/kernel_list.h"
#include "backends/cpu/kernels/pooling/pooling.h"
#include "ops/pool2d.h"

// Which regions the pooling kernels take: a pooling alone, its gradient alone.

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

class Backward final : public Kernel {
 public:
  explicit Backward(const PoolShape& shape) : shape_(shape) {}
  std::string_view name() const override { return "pool2d_backward:gather"; }
  void run(const KernelContext& c) const override {
    const auto* winners = shape_.kind == ops::PoolKind::average ? nullptr : input<std::int32_t>(c, 1);
    pool_backward(shape_, input<float>(c, 0), winners, output<float>(c, 0), c.threads);
  }

 private:
  PoolShape shape_;
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
  if (region.steps.size() != 1) return decline("takes the op alone");
  if (spec_of(region, region.outputs[0]).dtype != DType::float32) return decline("takes float32 only");
  return std::make_unique<Backward>(
      shape_of(op.attributes, op.x_shape, spec_of(region, region.steps[0].inputs[0]).shape));
}

}  // namespace fovea::cpu
