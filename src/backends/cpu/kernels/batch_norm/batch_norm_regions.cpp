#include "backends/cpu/kernel_list.h"
#include "backends/cpu/kernels/batch_norm/batch_norm.h"
#include "ops/batch_norm.h"

// Which regions the batch normalisation kernels take: each op alone; results that nobody reads are left out.

namespace fovea::cpu {
namespace {

BatchNormShape shape_of(const Region& region, double epsilon) {
  const Shape& x = spec_of(region, region.steps[0].inputs[0]).shape;
  return {x.slice(0, -1).elements(), x[-1], epsilon};
}

/// Positions of the op's inputs and outputs among the region's.
struct Places {
  explicit Places(const Region::Step& step, const Region& region) {
    for (const int value : step.inputs) inputs.push_back(position_of(region.inputs, value));
    for (const int value : step.outputs) outputs.push_back(position_of(region.outputs, value));
  }
  const float* in(const KernelContext& c, std::size_t i) const { return input<float>(c, inputs[i]); }
  float* out(const KernelContext& c, std::size_t i) const { return output<float>(c, outputs[i]); }
  std::vector<int> inputs, outputs;
};

class Training final : public Kernel {
 public:
  Training(const BatchNormShape& shape, Places places) : shape_(shape), p_(std::move(places)) {}
  std::string_view name() const override { return "batch_norm_training:two_pass"; }
  std::size_t workspace_bytes() const override { return batch_norm_workspace(shape_); }
  void run(const KernelContext& c) const override {
    batch_norm_training(shape_,
                        {p_.in(c, 0), p_.in(c, 1), p_.in(c, 2), p_.out(c, 0), p_.out(c, 1), p_.out(c, 2)},
                        c.workspace, c.threads);
  }

 private:
  BatchNormShape shape_;
  Places p_;
};

class Backward final : public Kernel {
 public:
  Backward(const BatchNormShape& shape, Places places) : shape_(shape), p_(std::move(places)) {}
  std::string_view name() const override { return "batch_norm_backward:two_pass"; }
  std::size_t workspace_bytes() const override { return batch_norm_workspace(shape_); }
  void run(const KernelContext& c) const override {
    batch_norm_backward(shape_,
                        {p_.in(c, 0), p_.in(c, 1), p_.in(c, 2), p_.in(c, 3), p_.in(c, 4), p_.out(c, 0),
                         p_.out(c, 1), p_.out(c, 2)},
                        c.workspace, c.threads);
  }

 private:
  BatchNormShape shape_;
  Places p_;
};

/// Why none of them takes the region; null when one does.
const char* reason(const Region& region) {
  if (region.steps.size() != 1) return "takes the op alone";
  if (!all_float32(region)) return "takes float32 only";
  return shape_of(region, 0).rows == 0 ? "there is nothing to average" : nullptr;
}

}  // namespace

Implementation make_batch_norm_training(const Region& region) {
  if (const char* why = reason(region)) return Declined{why};
  return std::make_unique<Training>(shape_of(region, op_as<BatchNormTrainingOp>(region, 0)->epsilon),
                                    Places(region.steps[0], region));
}

Implementation make_batch_norm_backward(const Region& region) {
  if (const char* why = reason(region)) return Declined{why};
  return std::make_unique<Backward>(shape_of(region, op_as<BatchNormBackwardOp>(region, 0)->epsilon),
                                    Places(region.steps[0], region));
}

}  // namespace fovea::cpu
