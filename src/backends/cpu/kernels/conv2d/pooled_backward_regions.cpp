#include "backends/cpu/epilogue.h"
#include "backends/cpu/kernel_list.h"
#include "backends/cpu/kernels/conv2d/pooled_gradient.h"
#include "backends/cpu/kernels/conv2d/regions.h"
#include "backends/cpu/kernels/conv2d/winograd.h"
#include "ops/conv2d.h"
#include "ops/pool2d.h"

// The backward passes of convolution + bias + pooling + ReLU as one region: [slope of the ReLU +] gradient of
// the pooling, and what reads that: the gradients by bias, input and weights.

namespace fovea::cpu {
namespace {

class PooledBackward final : public Kernel {
 public:
  explicit PooledBackward(const PooledBackwardRegion& region)
      : shape_(region.shape), wide_(sparse_wide_backward_filter_takes(region.shape)), places_(region) {}
  std::string_view name() const override {
    if (places_.dx < 0) return "conv2d_pool_backward:sparse";
    return places_.dw < 0 ? "conv2d_pool_backward:winograd" : "conv2d_pool_backward:winograd+sparse";
  }
  std::size_t workspace_bytes() const override {
    const std::size_t bytes = places_.dx < 0 ? 0 : winograd_backward_input_workspace(shape_);
    if (places_.dw < 0) return bytes;
    return std::max(bytes, wide_ ? sparse_wide_backward_filter_workspace(shape_)
                                 : sparse_backward_filter_workspace(shape_));
  }
  void run(const KernelContext& c) const override {
    const PooledGradient gradient{input<float>(c, places_.dy), input<std::uint8_t>(c, places_.winners),
                                  input<float>(c, places_.after)};
    if (places_.dx >= 0) {
      winograd_pooled_backward_input(shape_, gradient, input<float>(c, places_.w),
                                     output<float>(c, places_.dx), c.workspace, c.threads);
    }
    if (places_.dw >= 0) {
      const auto pass = wide_ ? sparse_wide_backward_filter : sparse_backward_filter;
      pass(shape_, input<float>(c, places_.x), gradient, output<float>(c, places_.dw),
           output<float>(c, places_.db), c.workspace, c.threads);
    }
  }

 private:
  Conv2DShape shape_;
  bool wide_;
  PooledBackwardRegion places_;
};

bool has_windows_of_2x2(const ops::Pool2DAttributes& a) {
  return a.kind != ops::PoolKind::average && a.window.height == 2 && a.window.width == 2 &&
         a.strides.height == 2 && a.strides.width == 2 && a.padding.top == 0 && a.padding.bottom == 0 &&
         a.padding.left == 0 && a.padding.right == 0;
}

}  // namespace

std::variant<PooledBackwardRegion, Declined> read_pooled_backward(const Region& region) {
  PooledBackwardRegion places;
  std::size_t step = 0;
  int dy = region.steps[0].inputs[0];
  if (const auto* slope = op_as<UnaryBackwardOp>(region, 0)) {
    if (!slope->is_plain_relu()) return decline("step 0 is no slope of a ReLU");
    places.after = position_of(region.inputs, region.steps[0].inputs[0]);
    dy = region.steps[0].inputs[1];
    ++step;
  }
  const auto* pool = op_as<Pool2DBackwardOp>(region, step);
  if (pool == nullptr || !has_windows_of_2x2(pool->attributes))
    return decline("step {} is no gradient of a max or min pooling of 2x2 windows", step);
  const Region::Step& gather = region.steps[step];
  if (step == 1 && gather.inputs[0] != region.steps[0].outputs[0])
    return decline("the pooling's gradient is not the slope's");
  places.dy = position_of(region.inputs, dy);
  places.winners = position_of(region.inputs, gather.inputs[1]);

  const int map = gather.outputs[0];
  Conv2DShape& shape = places.shape;
  std::size_t written = 0;
  for (++step; step < region.steps.size(); ++step, ++written) {
    const Region::Step& reader = region.steps[step];
    const int result = position_of(region.outputs, reader.outputs[0]);
    if (sums_columns(region, step, map)) {
      places.db = result;
    } else if (const auto* by_input = op_as<Conv2DBackwardInputOp>(region, step)) {
      if (reader.inputs[0] != map) return decline("step {} is not the map's gradient", step);
      shape = conv2d_shape(by_input->attributes, by_input->x_shape, spec_of(region, reader.inputs[1]).shape,
                           pool->x_shape);
      places.w = position_of(region.inputs, reader.inputs[1]);
      places.dx = result;
    } else if (const auto* by_weights = op_as<Conv2DBackwardFilterOp>(region, step)) {
      if (reader.inputs[1] != map) return decline("step {} is not the map's gradient", step);
      shape = conv2d_shape(by_weights->attributes, spec_of(region, reader.inputs[0]).shape,
                           by_weights->kernel_shape, pool->x_shape);
      places.x = position_of(region.inputs, reader.inputs[0]);
      places.dw = result;
    } else {
      return decline("takes no {} as step {}", reader.op->class_name(), step);
    }
    if (result < 0) return decline("step {} is read inside", step);
  }
  if (places.dx < 0 && places.dw < 0) return decline("no convolution reads the pooling's gradient");
  if (places.db >= 0 && places.dw < 0)
    return decline("the gradient by the bias comes with that by the weights");
  if (region.outputs.size() != written) return decline("an inner value is read outside");
  if (places.dx >= 0 && !winograd_can(shape))
    return decline("the gradient by the input is nothing for Winograd");
  if (places.dw >= 0 && !sparse_wide_backward_filter_takes(shape) && !sparse_backward_filter_takes(shape))
    return decline("the sparse gradients do not take the convolution");
  return places;
}

Implementation make_conv2d_pool_backward(const Region& region) {
  const auto read = read_pooled_backward(region);
  if (const auto* declined = std::get_if<Declined>(&read)) return *declined;
  const auto& places = std::get<PooledBackwardRegion>(read);
  if (spec_of(region, region.inputs[static_cast<std::size_t>(places.dy)]).dtype != DType::float32)
    return decline("takes float32 only");
  auto kernel = std::make_unique<PooledBackward>(places);
  if (places.dx >= 0 && !winograd_takes(places.shape))
    return Discouraged{std::move(kernel), "Winograd does not pay for the gradient by the input"};
  return kernel;
}

}  // namespace fovea::cpu
